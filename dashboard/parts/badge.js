// A state in one word and one colour.
import { html } from "../html.js";
import { DOMAIN_STATES, KEY_STATES, MAIL_STATES, WEBHOOK_STATES } from "../words.js";

export function Badge({ look = "off", children }) {
  return html`<span class=${`badge ${look}`}>${children}</span>`;
}

export function MailState({ state }) {
  const [look, words] = MAIL_STATES[state] ?? ["off", state];
  return html`<${Badge} look=${look}>${words}<//>`;
}

export function KeyState({ state }) {
  const [look, words] = KEY_STATES[state] ?? ["off", state];
  return html`<${Badge} look=${look}>${words}<//>`;
}

export function DomainState({ state }) {
  const [look, words] = DOMAIN_STATES[state] ?? ["off", state];
  return html`<${Badge} look=${look}>${words}<//>`;
}

export function WebhookState({ state }) {
  const [look, words] = WEBHOOK_STATES[state] ?? ["off", state];
  return html`<${Badge} look=${look}>${words}<//>`;
}
