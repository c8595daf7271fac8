// What a template becomes with sample data, a moment after its words changed.
import { ask, project } from "../../api.js";
import { html, useEffect, useRef, useState } from "../../html.js";
import { Notice } from "../../parts/notice.js";
import { Tabs } from "../../parts/tabs.js";

/** The empty pages that the HTML is written into: the policy of the second lets pictures be loaded. */
const FRAME = "/dashboard/frame.html";
const PICTURE_FRAME = "/dashboard/frame-with-pictures.html";

/** How often it is loaded again where it does not come. */
const TRIES = 3;

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

/** Stands for a picture that is a file of the mail: templates have no files, sends bring them. */
function pictureToCome(name) {
  const words = name.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const width = Math.min(Math.max(name.length * 7 + 24, 72), 360);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="48">
    <rect x="0.5" y="0.5" width="${width - 1}" height="47" fill="#f3f3f1" stroke="#8a8a85"/>
    <text x="50%" y="28" font-family="sans-serif" font-size="12" fill="#55554f" text-anchor="middle">${words}</text>
  </svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/**
 * The HTML in a page that can do nothing: its own answer and the frame forbid scripts, forms and loading. It is written into,
 * and not reloaded, so that it stays where the reader has scrolled to.
 */
function Seen({ source }) {
  const frame = useRef();
  const tries = useRef(0);
  const [there, setThere] = useState(false);
  const [isNarrow, setNarrow] = useState(false);
  const [withPictures, setWithPictures] = useState(false);
  const page = withPictures ? PICTURE_FRAME : FRAME;
  useEffect(() => {
    const shown = there && frame.current.contentDocument;
    if (!shown) return;
    const top = shown.scrollingElement?.scrollTop ?? 0;
    // Read under the policy of the frame: ours would take the styles away.
    const written = new frame.current.contentWindow.DOMParser().parseFromString(source, "text/html");
    // A link would lead the frame to a page that may not be shown in it; a new window is what its sandbox forbids.
    for (const link of written.querySelectorAll("a, area")) link.setAttribute("target", "_blank");
    for (const picture of written.querySelectorAll('img[src^="cid:" i]')) picture.src = pictureToCome(picture.getAttribute("src").slice(4));
    shown.replaceChild(shown.importNode(written.documentElement, true), shown.documentElement);
    if (shown.scrollingElement) shown.scrollingElement.scrollTop = top;
  }, [source, there]);
  const loaded = () => {
    const isOurs = frame.current.contentDocument?.location.pathname === page;
    setThere(isOurs && {});
    if (isOurs) tries.current = 0;
    else if (tries.current < TRIES) {
      // Something led it away: begin anew.
      tries.current += 1;
      frame.current.src = page;
    }
  };
  return html`
    <p><span class="soft small">${withPictures ? "Pictures are loaded from where they are, as mailboxes do." : "Nothing is loaded from elsewhere until you ask for it."} A box stands for a picture that each mail brings along.</span>
      <span class="pair"><button type="button" class="button small" aria-pressed=${withPictures} onClick=${() => setWithPictures(!withPictures)}>Load pictures</button>
      <button type="button" class="button small" aria-pressed=${isNarrow} onClick=${() => setNarrow(!isNarrow)}>As wide as a phone</button></span></p>
    <iframe ref=${frame} class=${isNarrow ? "narrow" : ""} title="The mail as its recipient sees it" src=${page} sandbox="allow-same-origin" referrerpolicy="no-referrer" onLoad=${loaded}></iframe>`;
}
