// What a template becomes with sample data, a moment after its words changed.
import { ask, project } from "../../api.js";
import { html, useEffect, useRef, useState } from "../../html.js";
import { Notice } from "../../parts/notice.js";
import { Tabs } from "../../parts/tabs.js";

/** How long the typing rests before the server is asked, in milliseconds. */
const REST = 350;

/** The text as an object, or what is wrong with it. */
function read(text) {
  if (text.trim() === "") return { data: {} };
  try {
    const data = JSON.parse(text);
    if (data && typeof data === "object" && !Array.isArray(data)) return { data };
    return { dataProblem: "It has to be an object, such as {\"name\": \"Ada\"}" };
  } catch (error) {
    return { dataProblem: error.message };
  }
}

/** `{result, failure, dataProblem, data}`; the result stays while there is no newer one. */
export function usePreview(values, sample) {
  const [state, setState] = useState({});
  const { data, dataProblem } = read(sample);
  const body = JSON.stringify({
    subject: values.subject,
    previewText: values.previewText,
    html: values.emailTemplate || undefined,
    text: values.plainTextTemplate.trim() ? values.plainTextTemplate : undefined,
    dynamicData: data,
  });
  useEffect(() => {
    if (dataProblem) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      ask("POST", "/v1/templates/preview", { body: JSON.parse(body), scoped: true, signal: stop.signal }).then(
        (result) => setState({ result }),
        (failure) => failure.name !== "AbortError" && setState((now) => ({ result: now.result, failure })),
      );
    }, state.result || state.failure ? REST : 0);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [body, dataProblem, project.value]);
  return { ...state, data, dataProblem };
}

export function Preview({ preview: { result, failure, dataProblem } }) {
  const isOld = failure || dataProblem;
  const broken = failure && !failure.details.length ? failure.message : "It shows how it was before the mistake.";
  return html`<section class="card preview" aria-label="Preview">
    ${isOld && html`<${Notice} look="warn"><p>${broken}</p><//>`}
    ${!isOld && result?.missingVariables.length > 0 && html`<${Notice} look="note"><p>The sample data has no ${result.missingVariables.map((name, index) => html`${index > 0 && ", "}<code>${name}</code>`)}; in the preview they are empty.</p><//>`}
    <dl class="facts"><div><dt>Subject</dt><dd class="wrap strong">${result?.subject ?? "…"}</dd></div></dl>
    <${Tabs} label="Preview" tabs=${[
      { name: "seen", label: "As it is seen", show: () => html`<${Seen} source=${result?.html ?? ""} />` },
      { name: "text", label: "As text", show: () => html`<div class="source"><pre tabindex="0" role="region" aria-label="Text part">${result?.text ?? ""}</pre></div>` },
    ]} />
  </section>`;
}

/**
 * The HTML in a page that can do nothing: its own answer and the frame forbid scripts, forms and loading. It is written into,
 * and not reloaded, so that it stays where the reader has scrolled to.
 */
function Seen({ source }) {
  const frame = useRef();
  const [isThere, setThere] = useState(false);
  const [isNarrow, setNarrow] = useState(false);
  useEffect(() => {
    const shown = isThere && frame.current.contentDocument;
    if (!shown) return;
    const top = shown.scrollingElement?.scrollTop ?? 0;
    // Read under the policy of the frame: ours would take the styles away.
    const written = new frame.current.contentWindow.DOMParser().parseFromString(source, "text/html");
    shown.replaceChild(shown.importNode(written.documentElement, true), shown.documentElement);
    if (shown.scrollingElement) shown.scrollingElement.scrollTop = top;
  }, [source, isThere]);
  return html`
    <p><span class="soft small">Nothing is loaded from elsewhere, so pictures that are not part of the HTML are missing.</span>
      <button type="button" class="button small" aria-pressed=${isNarrow} onClick=${() => setNarrow(!isNarrow)}>As wide as a phone</button></p>
    <iframe ref=${frame} class=${isNarrow ? "narrow" : ""} title="The mail as its recipient sees it" src="/dashboard/frame.html" sandbox="allow-same-origin" referrerpolicy="no-referrer" onLoad=${() => setThere(true)}></iframe>`;
}
