// Forms: values, one request at a time, and what the server said about each field.
import { html, useId, useRef, useState } from "../html.js";
import { Failure } from "./notice.js";

/** How many mistakes of one field are told. */
const MOST = 5;

/** The values in a field for several: one in a line, or with commas between them. */
export const entriesOf = (text) => text.split(/[\s,;]+/).filter(Boolean);

/** The state of a form: `{values, set, busy, failure, problem, submit}`. */
export function useForm(initial, send) {
  const [values, setValues] = useState(initial);
  const [state, setState] = useState({});
  const form = useRef();
  const submit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    form.current = event.target;
    setState({ busy: true });
    try {
      await send(values);
      setState({});
    } catch (failure) {
      if (!(failure instanceof Error)) throw failure;
      setState({ failure, sent: values });
      setTimeout(() => form.current?.querySelector("[aria-invalid=true]")?.focus());
    }
  };
  const told = state.failure?.details ?? [];
  const concerns = (name) => ({ field }) => field === name || field.startsWith(`${name}.`) || field.startsWith(`${name}[`);
  /** Of several values in one field, the one that is meant is named. */
  const worded = (name) => ({ field, message }) => {
    const [, index] = /^\[(\d+)\]/.exec(field.slice(name.length)) ?? [];
    const meant = index && typeof state.sent?.[name] === "string" && entriesOf(state.sent[name])[index];
    return meant ? `“${meant}” ${message}` : message;
  };
  const problem = (name) => {
    const all = told.filter(concerns(name)).map(worded(name));
    return all.length > MOST ? `${all.slice(0, MOST).join("; ")}; and ${all.length - MOST} more` : all.join("; ");
  };
  const set = (changes) => setValues((now) => ({ ...now, ...changes }));
  return { values, set, busy: state.busy ?? false, failure: state.failure, problem, submit, reset: () => setState({}) };
}

/** What the server refused, but for what stands beside the fields already. */
export function FormFailure({ form, fields = [] }) {
  if (!form.failure) return null;
  const beside = (detail) => fields.some((name) => detail.field === name || detail.field.startsWith(`${name}.`) || detail.field.startsWith(`${name}[`));
  const { details } = form.failure;
  const rest = details.filter((detail) => !beside(detail));
  if (details.length > 0 && rest.length === 0) return null;
  const { message, requestId, retryAfter } = form.failure;
  return html`<${Failure} error=${{ message, requestId, retryAfter, details: rest }} />`;
}

/** A label, a control, a hint, and what is wrong with it. */
export function Field({ label, hint, error, children }) {
  const id = useId();
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": about, "aria-invalid": error ? "true" : undefined })}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="error" id=${`${id}-error`}>${sentence(error)}</p>`}
  </div>`;
}

/** The server's words complete the name of a field; beside it they stand alone. */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** One line of text, bound to a value of a form. */
export function Text({ form, name, label, hint, type = "text", ...rest }) {
  const change = (event) => form.set({ [name]: event.currentTarget.value });
  return html`<${Field} label=${label} hint=${hint} error=${form.problem(name)}>
    ${(control) => html`<input ...${control} ...${rest} type=${type} name=${name} value=${form.values[name]} onInput=${change} />`}
  <//>`;
}

/** Several values, each in a line of its own. */
export function Lines({ form, name, label, hint, rows = 2, ...rest }) {
  const change = (event) => form.set({ [name]: event.currentTarget.value });
  return html`<${Field} label=${label} hint=${hint} error=${form.problem(name)}>
    ${(control) => html`<textarea ...${control} ...${rest} rows=${rows} name=${name} spellcheck="false" value=${form.values[name]} onInput=${change}></textarea>`}
  <//>`;
}

/** One of a few, from a list that opens. `options` are pairs of value and words. */
export function Select({ form, name, label, hint, options, ...rest }) {
  const change = (event) => form.set({ [name]: event.currentTarget.value });
  return html`<${Field} label=${label} hint=${hint} error=${form.problem(name)}>
    ${(control) => html`<select ...${control} ...${rest} name=${name} value=${form.values[name]} onChange=${change}>
      ${options.map(([value, words]) => html`<option key=${value} value=${value} selected=${value === form.values[name]}>${words}</option>`)}
    </select>`}
  <//>`;
}

/** One of a few, all in sight. `options` are value, name, explanation, and whether it cannot be chosen. */
export function Choice({ form, name, legend, options }) {
  const error = form.problem(name);
  return html`<fieldset class="choice">
    <legend>${legend}</legend>
    <div class="choices">
      ${options.map(([value, words, explanation, isClosed]) => html`<label key=${value} class=${isClosed ? "closed" : ""}>
        <input type="radio" disabled=${isClosed} name=${name} value=${value} checked=${form.values[name] === value} onChange=${() => form.set({ [name]: value })} />
        <span><b>${words}</b>${explanation && html`<small>${explanation}</small>`}</span>
      </label>`)}
    </div>
    ${error && html`<p class="error">${sentence(error)}</p>`}
  </fieldset>`;
}

/** Yes or no. */
export function Check({ form, name, label, hint }) {
  return html`<label class="check">
    <input type="checkbox" name=${name} checked=${form.values[name]} onChange=${(event) => form.set({ [name]: event.currentTarget.checked })} />
    <span>${label}${hint && html`<small>${hint}</small>`}</span>
  </label>`;
}

/** The button that sends a form. */
export function Submit({ form, look = "primary", disabled = false, children }) {
  return html`<button type="submit" class=${`button ${look}`} disabled=${disabled || form.busy} aria-busy=${form.busy}>${children}</button>`;
}

/** A password: the browser's own tools for it work, and it can be looked at. */
export function Password({ form, name, label, hint, ...rest }) {
  const [shown, setShown] = useState(false);
  const change = (event) => form.set({ [name]: event.currentTarget.value });
  return html`<${Field} label=${label} hint=${hint} error=${form.problem(name)}>
    ${(control) => html`<span class="joined">
      <input ...${control} ...${rest} type=${shown ? "text" : "password"} name=${name} value=${form.values[name]} onInput=${change} />
      <button type="button" class="button" aria-pressed=${shown} aria-label=${`Show ${label.toLowerCase()}`} onClick=${() => setShown(!shown)}>${shown ? "Hide" : "Show"}</button>
    </span>`}
  <//>`;
}
