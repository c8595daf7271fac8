// What a webhook can be told, in words.
import { html } from "../../html.js";
import { count } from "../../words.js";

/** Names and words of the types of events, by what they are about. */
const TYPES = [
  ["Mail", [
    ["email.sent", "Sent", "The relay took it, or it was captured."],
    ["email.delivered", "Delivered", "The same, for receivers that wait for this name."],
    ["email.deferred", "Deferred", "Not taken yet; it is tried again."],
    ["email.bounced", "Bounced", "Refused for good, given up, or suppressed."],
    ["email.ambiguous", "Unclear", "Nobody knows whether an attempt succeeded."],
    ["email.spam_reported", "Complained", "The recipient called it spam."],
  ]],
  ["Readers", [
    ["email.opened", "Opened", "Where opens are tracked."],
    ["email.clicked", "Clicked", "Where clicks are tracked."],
    ["email.unsubscribed", "Unsubscribed", "Wants no mail any more."],
    ["email.group_unsubscribed", "Left a group", "Wants no mail of a group any more."],
    ["email.group_resubscribed", "Came back to a group", "Wants mail of a group again."],
  ]],
  ["Contacts", [
    ["contact.created", "Contact made"],
    ["contact.updated", "Contact changed"],
    ["contact.deleted", "Contact deleted"],
  ]],
];

const NAMES = Object.fromEntries(TYPES.flatMap(([, types]) => types.map(([type, name]) => [type, name])));

/** A type of events as people call it. */
export const eventName = (type) => NAMES[type] ?? type;

/** What new webhooks are told unless their maker thinks otherwise: how each mail ends. */
export const USUAL = ["email.delivered", "email.bounced", "email.spam_reported"];

/** A few of them in a line. */
export function EventsInShort({ events }) {
  const names = events.map(eventName);
  return html`<span title=${events.join(", ")}>${names.length <= 3 ? names.join(", ") : `${names.slice(0, 2).join(", ")} and ${count(names.length - 2, "other")}`}</span>`;
}

/** The choice of them, bound to `events` of a form. */
export function EventChecks({ form }) {
  const chosen = form.values.events;
  const change = (type) => (event) => form.set({ events: event.currentTarget.checked ? [...chosen, type] : chosen.filter((one) => one !== type) });
  const error = form.problem("events");
  // What a program asked for and this page does not know stays chosen.
  const others = chosen.filter((type) => !(type in NAMES)).map((type) => [type, type]);
  const groups = others.length > 0 ? [...TYPES, ["Others", others]] : TYPES;
  return html`${groups.map(([group, types]) => html`<fieldset key=${group}><legend>${group}</legend>
      <div class="checks">${types.map(([type, name, explanation]) => html`<label class="check" key=${type}>
        <input type="checkbox" checked=${chosen.includes(type)} onChange=${change(type)} />
        <span>${name}<small>${explanation ?? html`<code>${type}</code>`}</small></span>
      </label>`)}</div>
    </fieldset>`)}
    ${error && html`<p class="error">Choose at least one event.</p>`}`;
}
