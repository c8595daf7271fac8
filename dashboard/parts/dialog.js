// Dialogs: the browser's own, which keep the focus inside and give it back afterwards.
import { html, useEffect, useId, useLayoutEffect, useRef } from "../html.js";
import { stayHere } from "../router.js";
import { FormFailure, Submit, Text, useForm } from "./form.js";
import { Icon } from "./icon.js";

/** A dialog that is open as long as it is drawn. `stays` says that neither Escape nor the browser's way back may close it. */
export function Dialog({ title, onClose, wide = false, stays = false, children }) {
  const dialog = useRef();
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    const element = dialog.current;
    element.showModal();
    element.querySelector("[data-first], input:not([readonly]), select, textarea")?.focus();
    return () => {
      element.close();
      if (opener?.isConnected) opener.focus();
    };
  }, []);
  // Before it is painted: what can be read can be lost.
  useLayoutEffect(() => (stays ? stayHere() : undefined), [stays]);
  const cancel = (event) => {
    event.preventDefault();
    if (!stays) onClose();
  };
  // A browser closes without asking when Escape is pressed twice; then the page must know.
  const closed = () => dialog.current?.isConnected && (stays ? dialog.current.showModal() : onClose());
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${cancel} onClose=${closed}>
    <header>
      <h2 id=${id}>${title}</h2>
      ${!stays && html`<button type="button" class="button bare quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>`}
    </header>
    ${children}
  </dialog>`;
}

/** What of a name can be seen, and so be typed. */
const seen = (text) => text.replace(/\p{Cf}/gu, "").trim();

/** Asks before something is done that cannot be undone: the reader types a name. `values` begin fields that `children` draw. */
export function TypedConfirmation({ title, typed, action, values, onClose, onConfirm, children }) {
  const form = useForm({ ...values, typed: "" }, onConfirm);
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        ${typeof children === "function" ? children(form) : children}
        <${Text} form=${form} name="typed" label=${html`Type <code class="wrap">${typed}</code> to confirm`} autocomplete="off" spellcheck="false" />
        <${FormFailure} form=${form} />
      </div>
      <footer>
        <button type="button" class="button" onClick=${onClose}>Cancel</button>
        <${Submit} form=${form} look="danger" disabled=${seen(form.values.typed) !== seen(typed)}>${action}<//>
      </footer>
    </form>
  <//>`;
}

/** Asks before something is done that can be undone, or hardly matters. */
export function Confirmation({ title, action, look = "primary", onClose, onConfirm, children }) {
  const form = useForm({}, onConfirm);
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">${children}<${FormFailure} form=${form} /></div>
      <footer>
        <button type="button" class="button" data-first onClick=${onClose}>Cancel</button>
        <${Submit} form=${form} look=${look}>${action}<//>
      </footer>
    </form>
  <//>`;
}

/** Asks for one line. */
export function NameDialog({ title, label, value = "", action, hint, onClose, onSend }) {
  const form = useForm({ name: value }, ({ name }) => onSend(name.trim()));
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="name" label=${label} hint=${hint} required maxlength="100" autocomplete="off" />
        <${FormFailure} form=${form} fields=${["name"]} />
      </div>
      <footer>
        <button type="button" class="button" onClick=${onClose}>Cancel</button>
        <${Submit} form=${form}>${action}<//>
      </footer>
    </form>
  <//>`;
}
