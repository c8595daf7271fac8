// The lists that contacts are on.
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Copyable } from "../../parts/copy.js";
import { Dialog, TypedConfirmation } from "../../parts/dialog.js";
import { FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { Empty, say } from "../../parts/notice.js";
import { Listing } from "../../parts/table.js";
import { may, scoped } from "../../session.js";
import { EVERYBODY } from "./people.js";

export function Lists({ list }) {
  const [open, setOpen] = useState(null);
  const mayWrite = may("contacts:write");
  const close = () => setOpen(null);
  const done = (words) => {
    close();
    say(words);
    list.reload();
  };
  return html`
    <div class="filters">${mayWrite && html`<span class="last"><button type="button" class="button primary" onClick=${() => setOpen({ add: true })}><${Icon} name="plus" />New list</button></span>`}</div>
    <${Listing} list=${list} caption="Lists" empty=${html`<${Empty} title="No lists yet" />`} columns=${[
      {
        head: "List",
        look: "main",
        cell: (one) => html`<a class="wrap strong" href=${scoped("/contacts", { list: one.id === EVERYBODY ? "" : one.id })}>${one.id === EVERYBODY ? "Everybody" : one.name}</a>
          ${one.id !== EVERYBODY && one.description && html`<div class="soft small wrap">${one.description}</div>`}`,
      },
      { head: "Contacts", look: "number", cell: (one) => one.contactCount.toLocaleString("en") },
      { head: "List id", cell: (one) => html`<${Copyable} text=${one.id} what="list id" />` },
      { head: "Made", cell: (one) => html`<${Moment} at=${one.createdAt} never="" />` },
      {
        name: "Actions",
        look: "end",
        cell: (one) => mayWrite && one.id !== EVERYBODY && html`<${Menu} label=${`Actions for ${one.name}`} items=${[{ label: "Delete…", look: "danger", act: () => setOpen({ remove: one }) }]} />`,
      },
    ]} />
    ${open?.add && html`<${ListDialog} onClose=${close} onDone=${done} />`}
    ${open?.remove && html`<${TypedConfirmation} title="Delete this list?" typed=${open.remove.name} action="Delete list" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", `/v1/contact-lists/${open.remove.id}`, { scoped: true });
      done(`${open.remove.name} is deleted.`);
    }}><p>Its contacts stay; they are only on this list no more.</p><//>`}`;
}

function ListDialog({ onClose, onDone }) {
  const form = useForm({ name: "", description: "" }, async ({ name, description }) => {
    await ask("POST", "/v1/contact-lists", { body: { name: name.trim(), description: description.trim() || undefined }, scoped: true });
    onDone(`${name.trim()} is added.`);
  });
  return html`<${Dialog} title="New list" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="name" label="Name" required maxlength="200" autocomplete="off" />
        <${Text} form=${form} name="description" label="Description" maxlength="500" autocomplete="off" />
        <${FormFailure} form=${form} fields=${["name", "description"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Make it<//></footer>
    </form>
  <//>`;
}
