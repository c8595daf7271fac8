// One contact: who it is, what is noted of it, and the lists that it is on.
import { ask, useList, useLoaded } from "../../api.js";
import { html, useState } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { TypedConfirmation } from "../../parts/dialog.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { Failure, Loading, say } from "../../parts/notice.js";
import { Card, Facts, Heading } from "../../parts/page.js";
import { go } from "../../router.js";
import { may, scoped } from "../../session.js";
import { EraseDialog } from "./erase.js";
import { EditContact, NotesDialog } from "./fields.js";
import { EVERYBODY, fullName } from "./people.js";

export function ContactPage({ id }) {
  const back = { href: scoped("/contacts"), label: "Contacts" };
  const path = `/v1/contacts/${encodeURIComponent(id)}`;
  const { data: contact, error, reload, replace } = useLoaded(path, { scoped: true });
  const groups = useLoaded(`${path}/unsubscribe-groups`, { scoped: true });
  const [open, setOpen] = useState("");
  if (error) return html`<${Heading} title="Contact" back=${back} /><${Failure} error=${error} again=${reload} />`;
  if (!contact) return html`<${Heading} title="Contact" back=${back} /><${Loading} />`;
  const mayWrite = may("contacts:write");
  const close = () => setOpen("");
  const done = (now) => {
    close();
    replace(now);
    say("The contact is changed.");
  };
  const { email, userId, mobile, customFields } = contact;
  const notes = Object.entries(customFields);
  return html`
    <${Heading} title=${email} back=${back} about=${fullName(contact)}
      actions=${html`
        ${may("mails:read") && html`<a class="button" href=${scoped("/mails", { q: email })}>Mails to it</a>`}
        ${mayWrite && html`<button type="button" class="button danger" onClick=${() => setOpen("remove")}>Delete…</button>`}
        ${may("recipients:erase") && html`<${Menu} label="More actions" items=${[{ label: "Erase everywhere…", look: "danger", act: () => setOpen("erase") }]} />`}`} />
    <div class="columns">
      <${Card} title="Contact" actions=${mayWrite && html`<button type="button" class="button small" onClick=${() => setOpen("edit")}>Change…</button>`}>
        <${Facts} rows=${[
          ["Name", html`<span class="wrap">${fullName(contact) || "–"}</span>`],
          ["Telephone", html`<span class="wrap">${mobile || "–"}</span>`],
          ["Your id", userId ? html`<${Copyable} text=${userId} what="your id" />` : "–"],
          ["Added", html`<${Moment} at=${contact.createdAt} />`],
          ["Changed", html`<${Moment} at=${contact.updatedAt} />`],
          groups.data?.groups.length > 0 && ["Wants no", html`<ul class="plain">${groups.data.groups.map(({ groupId, name }) => html`<li class="wrap" key=${groupId}>${name}</li>`)}</ul>`],
          ["Contact id", html`<${Copyable} text=${contact.id} what="contact id" />`],
        ]} />
      <//>
      <${Card} title="Notes" about="What your programs know of the person besides." actions=${mayWrite && html`<button type="button" class="button small" onClick=${() => setOpen("notes")}>Change notes…</button>`}>
        ${notes.length === 0
          ? html`<p class="soft">Nothing is noted.</p>`
          : html`<${Facts} rows=${notes.map(([name, value]) => [html`<code class="wrap">${name}</code>`, html`<span class="wrap">${typeof value === "boolean" ? (value ? "Yes" : "No") : String(value)}</span>`])} />`}
      <//>
    </div>
    <${Membership} contact=${contact} onChange=${reload} />
    ${open === "edit" && html`<${EditContact} contact=${contact} onClose=${close} onDone=${done} />`}
    ${open === "notes" && html`<${NotesDialog} contact=${contact} onClose=${close} onDone=${done} />`}
    ${open === "erase" && html`<${EraseDialog} email=${email} onClose=${close} onDone=${() => go(scoped("/contacts"))} />`}
    ${open === "remove" && html`<${TypedConfirmation} title="Delete this contact?" typed=${email} action="Delete contact" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", path, { scoped: true });
      say(`${email} is deleted.`);
      go(scoped("/contacts"));
    }}><p>Its notes and lists go. Mails to the address, and whether it wants any, stay as they are.</p><//>`}`;
}

/** The lists that it is on, each a switch. */
function Membership({ contact, onChange }) {
  const lists = useList("/v1/contact-lists", "lists", { scoped: true });
  const [busy, setBusy] = useState("");
  const all = (lists.items ?? []).filter(({ id }) => id !== EVERYBODY);
  const change = ({ id, name }, isOn) => async () => {
    setBusy(id);
    const contactIds = [contact.id];
    try {
      await (isOn
        ? ask("POST", `/v1/contact-lists/${id}/contacts/remove`, { body: { contactIds }, scoped: true })
        : ask("POST", "/v1/contact-lists/contacts/bulk-add", { body: { contactListId: id, contactIds }, scoped: true }));
      say(isOn ? `Not on ${name} any more.` : `On ${name} now.`);
      onChange();
    } catch (failure) {
      say(failure.message);
    } finally {
      setBusy("");
    }
  };
  return html`<${Card} title="Lists">
    <${Failure} error=${lists.error} again=${lists.reload} />
    ${!lists.items && !lists.error && html`<${Loading} />`}
    ${lists.items && all.length === 0 && html`<p class="soft">There are no lists yet.</p>`}
    <ul class="rows">${all.map((list) => {
      const isOn = contact.listIds.includes(list.id);
      return html`<li key=${list.id}><p><a class="wrap" href=${scoped("/contacts", { list: list.id })}>${list.name}</a></p>
        ${isOn && html`<${Badge} look="good">On it<//>`}
        ${may("contacts:write") && html`<button type="button" class="button small" disabled=${busy === list.id} aria-label=${isOn ? `Take off ${list.name}` : `Put on ${list.name}`} onClick=${change(list, isOn)}>${isOn ? "Take off" : "Put on"}</button>`}</li>`;
    })}</ul>
  <//>`;
}
