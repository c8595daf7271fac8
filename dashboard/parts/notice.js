// What the page tells its reader: refusals beside what was asked, and short words about what was done.
import { html, signal } from "../html.js";
import { Icon } from "./icon.js";

const said = signal([]);
let number = 0;

/** Says in a corner what was done; it goes by itself. */
export function say(text) {
  const id = (number += 1);
  said.value = [...said.value, { id, text }];
  setTimeout(() => (said.value = said.value.filter((one) => one.id !== id)), 5000);
}

/** Where `say` speaks; read out by screen readers. */
export function Sayings() {
  return html`<div class="sayings" role="status">
    ${said.value.map(({ id, text }) => html`<p key=${id}><${Icon} name="check" />${text}</p>`)}
  </div>`;
}

/** A refusal in the server's words, with the id by which its log knows the request. */
export function Failure({ error, again }) {
  if (!error) return null;
  const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  return html`<div class="notice bad" role="alert">
    <div>
      <p>${error.message}${wait}</p>
      ${error.details?.length > 0 &&
      html`<ul>${error.details.map(({ field, message }) => html`<li><code>${field}</code> ${message}</li>`)}</ul>`}
      ${error.requestId && html`<p class="small">Request <code>${error.requestId}</code></p>`}
    </div>
    ${again && html`<button type="button" class="button small" onClick=${again}>Try again</button>`}
  </div>`;
}

/** Something to know, with a look that says how grave it is. */
export function Notice({ look = "note", children }) {
  return html`<div class=${`notice ${look}`}><div>${children}</div></div>`;
}

/** Where a page would show things and has none yet. */
export function Empty({ title, children }) {
  return html`<div class="empty"><h2>${title}</h2>${children}</div>`;
}

export function Loading() {
  return html`<p class="loading" role="status">Loading…</p>`;
}
