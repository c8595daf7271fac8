// What is known of a contact, as forms.
import { ask } from "../../api.js";
import { html } from "../../html.js";
import { Dialog } from "../../parts/dialog.js";
import { Field, FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { useProperties } from "./properties.js";

const FIELDS = ["firstName", "lastName", "userId", "mobile"];

export function EditContact({ contact, onClose, onDone }) {
  const start = Object.fromEntries(FIELDS.map((name) => [name, contact[name] ?? ""]));
  const form = useForm(start, async (values) => onDone(await ask("POST", "/v1/contacts/email", { body: { email: contact.email, ...values }, scoped: true })));
  return html`<${Dialog} title="Change contact" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="firstName" label="First name" autocomplete="off" />
        <${Text} form=${form} name="lastName" label="Last name" autocomplete="off" />
        <${Text} form=${form} name="mobile" label="Telephone" hint="With the country’s code, such as +14155552671." autocomplete="off" />
        <${Text} form=${form} name="userId" label="Your id" hint="Under which your programs know the person." autocomplete="off" />
        <${FormFailure} form=${form} fields=${FIELDS} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Save<//></footer>
    </form>
  <//>`;
}

/** What a field of this type is written as; empty takes the note away. */
function valueOf(type, text) {
  if (text.trim() === "") return "";
  if (type === "number") return Number(text);
  if (type === "boolean") return text === "true";
  return text;
}

/** The type of a note that is no property: that of its value. */
const typeOf = (value) => (typeof value === "number" || typeof value === "boolean" ? typeof value : "string");

export function NotesDialog({ contact, onClose, onDone }) {
  const properties = useProperties();
  const chosen = (properties.items ?? []).map(({ name, type }) => [name, type]);
  const others = Object.entries(contact.customFields).filter(([name]) => !chosen.some(([known]) => known === name));
  const notes = [...chosen, ...others.map(([name, value]) => [name, typeOf(value)])];
  const noted = (name) => (Object.hasOwn(contact.customFields, name) ? String(contact.customFields[name]) : "");
  const form = useForm({}, async (values) => {
    const changed = notes.filter(([name]) => Object.hasOwn(values, name) && values[name] !== noted(name));
    const customFields = Object.fromEntries(changed.map(([name, type]) => [name, valueOf(type, values[name])]));
    onDone(await ask("POST", "/v1/contacts/email", { body: { email: contact.email, customFields }, scoped: true }));
  });
  return html`<${Dialog} title="Notes" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        ${notes.length === 0 && html`<p class="soft">Make a property first: it has a name and a type.</p>`}
        ${notes.map(([name, type]) => html`<${Note} key=${name} name=${name} type=${type} value=${form.values[name] ?? noted(name)} error=${form.problem(`customFields.${name}`)} onChange=${(value) => form.set({ [name]: value })} />`)}
        <${FormFailure} form=${form} fields=${notes.map(([name]) => `customFields.${name}`)} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form} disabled=${notes.length === 0}>Save<//></footer>
    </form>
  <//>`;
}

const INPUTS = { number: { type: "number", step: "any" }, date: { type: "text", placeholder: "2026-01-31" } };

function Note({ name, type, value, error, onChange }) {
  const change = (event) => onChange(event.currentTarget.value);
  return html`<${Field} label=${html`<code class="wrap">${name}</code>`} error=${error}>
    ${(control) => type === "boolean"
      ? html`<select ...${control} value=${value} onChange=${change}>${[["", "–"], ["true", "Yes"], ["false", "No"]].map(([one, words]) => html`<option key=${one} value=${one} selected=${one === value}>${words}</option>`)}</select>`
      : html`<input ...${control} type="text" ...${INPUTS[type]} value=${value} onInput=${change} autocomplete="off" />`}
  <//>`;
}
