// The words of a template, each part in a field of its own, with what is wrong beside the place where it is.
import { html, useId, useRef } from "../../html.js";
import { Field } from "../../parts/form.js";
import { Tabs } from "../../parts/tabs.js";

/** Where a mistake is, in the server's words. */
const PLACE = /line (\d+), column (\d+)/;

/** What the server says before it says where. */
const PREAMBLE = /^is not a valid template: /;

/** Names of the parts in previews, which differ from those of templates. */
const NAMES = { html: "emailTemplate", text: "plainTextTemplate" };

/** What is wrong with each part: `{emailTemplate: [message, …]}`. A refusal of the preview is newer than one of saving. */
export function problemsOf({ failure, dataProblem }, refusal) {
  const problems = dataProblem ? { sample: [dataProblem] } : {};
  for (const { field, message } of (failure ?? refusal)?.details ?? []) {
    const name = NAMES[field] ?? (field.startsWith("dynamicData") ? "sample" : field);
    problems[name] = [...(problems[name] ?? []), message];
  }
  return problems;
}

export function Editor({ values, onInput, readonly, sample, onSample, problems }) {
  const part = (name) => ({ value: values[name], problems: problems[name], onInput: (text) => onInput({ [name]: text }), readonly });
  const named = (label, name) => (problems[name] ? html`${label} <span class="error" aria-hidden="true">●</span><span class="unseen">, with a mistake</span>` : label);
  return html`<section class="card editor" aria-label="Template">
    <${Line} label="Subject" maxlength="988" ...${part("subject")} />
    <${Line} label="Preview text" hint="Mailboxes show it beside the subject." maxlength="140" ...${part("previewText")} />
    <${Tabs} label="Parts" tabs=${[
      { name: "html", label: named("HTML", "emailTemplate"), show: () => html`<${Source} key="html" label="HTML" ...${part("emailTemplate")} />` },
      {
        name: "text",
        label: named("Text", "plainTextTemplate"),
        show: () => html`<${Source} key="text" label="Text" hint="For those who read no HTML. Empty: made from the HTML of each mail." ...${part("plainTextTemplate")} />`,
      },
      {
        name: "data",
        label: named("Sample data", "sample"),
        show: () => html`<${Source} key="data" label="Sample data" hint="JSON, for the preview and for tries; it is not stored." value=${sample} problems=${problems.sample} onInput=${onSample} />`,
      },
    ]} />
  </section>`;
}

function Line({ label, hint, value, problems, onInput, readonly, maxlength }) {
  return html`<${Field} label=${label} hint=${hint} error=${problems?.map(worded).join("; ")}>
    ${(control) => html`<input ...${control} type="text" value=${value} maxlength=${maxlength} readonly=${readonly} autocomplete="off" onInput=${(event) => onInput(event.currentTarget.value)} />`}
  <//>`;
}

function Source({ label, hint, value, problems, onInput, readonly }) {
  const id = useId();
  const area = useRef();
  const goTo = (place) => () => {
    const start = offsetOf(value, place);
    const element = area.current;
    element.focus();
    element.setSelectionRange(start, Math.min(start + 1, value.length));
    // Browsers do not scroll to a selection by themselves.
    const lineHeight = Number.parseFloat(getComputedStyle(element).lineHeight) || 18;
    element.scrollTop = Math.max(0, (Number(place[1]) - 4) * lineHeight);
  };
  return html`<div class="field">
    <label for=${id} class="unseen">${label}</label>
    <textarea ref=${area} id=${id} rows="22" spellcheck="false" autocapitalize="none" wrap="off" readonly=${readonly} value=${value}
      aria-invalid=${problems ? "true" : undefined} aria-describedby=${problems ? `${id}-problems` : undefined}
      onInput=${(event) => onInput(event.currentTarget.value)}></textarea>
    ${hint && html`<p class="hint">${hint}</p>`}
    <div id=${`${id}-problems`} role="status">${problems && html`<ul class="plain">${problems.map((message) => {
      const place = PLACE.exec(message);
      return html`<li class="error">${worded(message)}. ${place && html`<button type="button" class="link" onClick=${goTo(place)}>Go there</button>`}</li>`;
    })}</ul>`}</div>
  </div>`;
}

function worded(message) {
  const words = message.replace(PREAMBLE, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Where a line and a column, both counted from one, are in a text. */
function offsetOf(text, [, line, column]) {
  let start = 0;
  for (let number = 1; number < line; number += 1) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  // The server counts characters, browsers count pairs of bytes.
  const before = [...text.slice(start)].slice(0, column - 1).join("");
  return start + before.length;
}
