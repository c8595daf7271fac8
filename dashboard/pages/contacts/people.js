// The contacts of a project, or of one list.
import { ask, useList } from "../../api.js";
import { html, useState } from "../../html.js";
import { Dialog } from "../../parts/dialog.js";
import { ClearFilters, SearchFilter, SelectFilter } from "../../parts/filters.js";
import { FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { Moment } from "../../parts/moment.js";
import { Empty } from "../../parts/notice.js";
import { Listing } from "../../parts/table.js";
import { go, place } from "../../router.js";
import { may, scoped } from "../../session.js";

/** The list of everybody. */
export const EVERYBODY = "GLOBAL_CONTACT_LIST";

const FILTERS = ["q", "list"];

/** The name of a contact; may be empty. */
export const fullName = ({ firstName, lastName }) => [firstName, lastName].filter(Boolean).join(" ");

export function People({ lists }) {
  const { q, list: chosen } = place.value.query;
  const body = { contactListId: chosen || EVERYBODY, email: q || undefined, limit: 25 };
  const list = useList("/v1/contact-lists/contacts/search", "contacts", { scoped: true, body });
  const [isAdding, setAdding] = useState(false);
  const others = (lists.items ?? []).filter(({ id }) => id !== EVERYBODY);
  const mayWrite = may("contacts:write");
  const add = html`<button type="button" class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />Add contact</button>`;
  const empty = FILTERS.some((name) => place.value.query[name])
    ? html`<${Empty} title="No contact is like that"><p>The search takes a piece of an address.</p><//>`
    : html`<${Empty} title="No contacts yet"><p>Programs add them by the API, and you can add them here.</p><//>`;
  return html`
    <div class="filters">
      <${SearchFilter} label="Search contacts" placeholder="A piece of the address" />
      <${SelectFilter} name="list" label="List" options=${[["", "Everybody"], ...others.map(({ id, name }) => [id, name])]} />
      <${ClearFilters} names=${FILTERS} />
      ${mayWrite && html`<span class="last">${add}</span>`}
    </div>
    <${Listing} list=${list} caption="Contacts" empty=${empty} columns=${[
      { head: "Address", look: "main", cell: (one) => html`<a class="wrap strong" href=${scoped(`/contacts/${one.id}`)}>${one.email}</a>` },
      { head: "Name", cell: (one) => html`<span class="wrap">${fullName(one) || "–"}</span>` },
      { head: "Your id", cell: (one) => (one.userId ? html`<code class="wrap">${one.userId}</code>` : html`<span class="soft">–</span>`) },
      { head: "Added", cell: (one) => html`<${Moment} at=${one.createdAt} />` },
      { head: "Changed", cell: (one) => html`<${Moment} at=${one.updatedAt} />` },
    ]} />
    ${isAdding && html`<${AddContact} lists=${chosen ? [chosen] : []} onClose=${() => setAdding(false)} />`}`;
}

const FIELDS = ["email", "firstName", "lastName"];

function AddContact({ lists, onClose }) {
  const form = useForm({ email: "", firstName: "", lastName: "" }, async ({ email, firstName, lastName }) => {
    const body = { email: email.trim(), firstName, lastName, listIds: lists };
    const { id } = await ask("POST", "/v1/contacts/email", { body, scoped: true });
    onClose();
    go(scoped(`/contacts/${id}`));
  });
  return html`<${Dialog} title="Add a contact" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="email" type="email" label="Address" required maxlength="254" autocomplete="off" />
        <${Text} form=${form} name="firstName" label="First name" autocomplete="off" />
        <${Text} form=${form} name="lastName" label="Last name" autocomplete="off" />
        <${FormFailure} form=${form} fields=${FIELDS} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Add<//></footer>
    </form>
  <//>`;
}
