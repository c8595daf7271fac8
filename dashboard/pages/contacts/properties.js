// What can be noted of every contact of a project, and of which type it is.
import { ask, useList } from "../../api.js";
import { html, useState } from "../../html.js";
import { Dialog, TypedConfirmation } from "../../parts/dialog.js";
import { FormFailure, Select, Submit, Text, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { Moment } from "../../parts/moment.js";
import { Empty, say } from "../../parts/notice.js";
import { Listing } from "../../parts/table.js";
import { may } from "../../session.js";

export const TYPES = { string: "Text", number: "Number", boolean: "Yes or no", date: "Date" };

/** The properties that a project has chosen itself. */
export const useProperties = () => useList("/v1/contact-properties?includeReservedFields=false", "contactProperties", { scoped: true, rowKey: "name" });

export function Properties() {
  const list = useProperties();
  const [open, setOpen] = useState(null);
  const mayWrite = may("contacts:write");
  const close = () => setOpen(null);
  const done = (words) => {
    close();
    say(words);
    list.reload();
  };
  return html`
    <div class="filters"><p class="soft grow">A property holds its values to one type. What programs note under other names is kept as it comes.</p>
      ${mayWrite && html`<span class="last"><button type="button" class="button primary" onClick=${() => setOpen({ add: true })}><${Icon} name="plus" />New property</button></span>`}</div>
    <${Listing} list=${list} caption="Properties" rowKey="name" empty=${html`<${Empty} title="No properties yet"><p>For instance <code>plan</code>, or <code>signedUpAt</code>.</p><//>`} columns=${[
      { head: "Name", look: "main", cell: (one) => html`<code class="wrap strong">${one.name}</code>${one.description && html`<div class="soft small wrap">${one.description}</div>`}` },
      { head: "Type", cell: (one) => TYPES[one.type] ?? one.type },
      { head: "Made", cell: (one) => html`<${Moment} at=${one.createdAt} never="" />` },
      {
        name: "Actions",
        look: "end",
        cell: (one) => mayWrite && html`<button type="button" class="button small" aria-label=${`Delete ${one.name}`} onClick=${() => setOpen({ remove: one })}>Delete</button>`,
      },
    ]} />
    ${open?.add && html`<${PropertyDialog} onClose=${close} onDone=${done} />`}
    ${open?.remove && html`<${TypedConfirmation} title="Delete this property?" typed=${open.remove.name} action="Delete property" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", `/v1/contact-properties/name/${encodeURIComponent(open.remove.name)}`, { scoped: true });
      done(`${open.remove.name} is deleted.`);
    }}><p>Programs that name it go on to work; its values are held to no type any more.</p><//>`}`;
}

function PropertyDialog({ onClose, onDone }) {
  const form = useForm({ name: "", type: "string", description: "" }, async ({ name, type, description }) => {
    const body = { name: name.trim(), type, description: description.trim() || undefined };
    await ask("POST", "/v1/contact-properties", { body, scoped: true });
    onDone(`${name.trim()} is added.`);
  });
  return html`<${Dialog} title="New property" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="name" label="Name" hint="As programs write it: letters, digits, _ and -." required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" />
        <${Select} form=${form} name="type" label="Type" options=${Object.entries(TYPES)} />
        <${Text} form=${form} name="description" label="Description" maxlength="500" autocomplete="off" />
        <${FormFailure} form=${form} fields=${["name", "type", "description"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Make it<//></footer>
    </form>
  <//>`;
}
