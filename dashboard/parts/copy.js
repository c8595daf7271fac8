// Text that people take elsewhere.
import { html, useRef, useState } from "../html.js";
import { Icon } from "./icon.js";

/** Copies; where the browser forbids it, the text is selected for the reader to do so. */
async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (shown) getSelection().selectAllChildren(shown);
    return false;
  }
}

/** A button that copies. `what` names the thing for screen readers. */
export function CopyButton({ text, what, label, shown, look = "quiet" }) {
  const [state, setState] = useState("");
  const click = async () => {
    setState((await copy(text, shown?.current)) ? "Copied" : "Press Ctrl+C");
    setTimeout(() => setState(""), 2000);
  };
  return html`<button type="button" class=${`button ${label ? "" : "bare"} ${look}`} onClick=${click}
    aria-label=${label ? undefined : `Copy ${what}`} title=${label ? undefined : `Copy ${what}`}>
    <${Icon} name=${state === "Copied" ? "check" : "copy"} />${label && html`<span>${state || label}</span>`}
    <span class="unseen" role="status">${label ? "" : state}</span>
  </button>`;
}

/** Text in a line of its own with a button that copies it. */
export function Copyable({ text, what }) {
  const shown = useRef();
  return html`<span class="copyable"><code ref=${shown}>${text}</code><${CopyButton} text=${text} what=${what} shown=${shown} /></span>`;
}

/** Several lines to paste into a terminal. */
export function Snippet({ text, what }) {
  const shown = useRef();
  return html`<div class="snippet">
    <pre ref=${shown} tabindex="0" role="region" aria-label=${what}>${text}</pre>
    <${CopyButton} text=${text} what=${what} shown=${shown} />
  </div>`;
}

/** Saves text as a file of the reader's. */
export function saveFile(name, content, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
