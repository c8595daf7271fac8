// What a mail says: as its recipient sees it, as text, and as it went over the wire.
import { ask, project } from "../../api.js";
import { html, useEffect, useRef, useState } from "../../html.js";
import { CopyButton, saveFile } from "../../parts/copy.js";
import { Icon } from "../../parts/icon.js";
import { Failure, Loading } from "../../parts/notice.js";
import { Card } from "../../parts/page.js";
import { Tabs } from "../../parts/tabs.js";

export function MailContent({ mail }) {
  const captured = mail.deliveries.findIndex(({ status }) => status === "captured" || status === "complained");
  return html`<${Card} title="Content">
    <${Tabs} label="Content" tabs=${[
      mail.html !== null && { name: "preview", label: "Preview", show: () => html`<${Preview} mail=${mail} />` },
      mail.text !== null && { name: "text", label: "Text", show: () => html`<${Source} text=${mail.text} what="Text part" />` },
      mail.html !== null && { name: "html", label: "HTML", show: () => html`<${Source} text=${mail.html} what="HTML part" />` },
      captured >= 0 && { name: "source", label: "Source", show: () => html`<${Captured} mail=${mail} position=${captured} />` },
      mail.html === null && mail.text === null && { name: "none", label: "Nothing", show: () => html`<p class="soft">The mail has neither text nor HTML.</p>` },
    ]} />
  <//>`;
}

/** The HTML of a stranger: in a frame that runs nothing, loads nothing and is nobody. */
function Preview({ mail }) {
  const [isNarrow, setNarrow] = useState(false);
  const [turn, setTurn] = useState(0);
  const address = `/v1/mails/${encodeURIComponent(mail.id)}/preview?projectId=${encodeURIComponent(mail.projectId ?? project.value)}`;
  return html`<div class="preview">
    <p><span class="soft small">Scripts are not run and nothing is loaded from elsewhere, so pictures that are not part of the mail are missing.</span>
      <button type="button" class="button small" aria-pressed=${isNarrow} onClick=${() => setNarrow(!isNarrow)}>As wide as a phone</button></p>
    <${Frame} key=${turn} address=${address} look=${isNarrow ? "narrow" : ""} onLeft=${() => setTurn(turn + 1)} />
  </div>`;
}

/** `onLeft` is called when a link has led the frame to another page, which is not shown in it. */
function Frame({ address, look, onLeft }) {
  const loads = useRef(0);
  const loaded = () => {
    loads.current += 1;
    if (loads.current > 1) onLeft();
  };
  return html`<iframe class=${look} title="The mail as its recipient sees it" src=${address} sandbox="" referrerpolicy="no-referrer" onLoad=${loaded}></iframe>`;
}

function Source({ text, what, children }) {
  return html`<div class="source">
    <p class="pair"><${CopyButton} text=${text} what=${what} label="Copy" look="small" />${children}</p>
    <pre tabindex="0" role="region" aria-label=${what}>${text}</pre>
  </div>`;
}

/** The message byte for byte, as the relay would have got it. */
function Captured({ mail, position: first }) {
  const [position, setPosition] = useState(first);
  const [state, setState] = useState({});
  const path = `/v1/mails/${encodeURIComponent(mail.id)}/captured/${position}`;
  const load = () => {
    setState({});
    ask("GET", path, { scoped: true, raw: true })
      .then((response) => response.blob())
      .then(async (blob) => setState({ blob, text: await blob.text() }))
      .catch((error) => setState({ error }));
  };
  useEffect(load, [path]);
  const choices = mail.deliveries.map(({ recipient, status }, index) => ({ recipient, status, index })).filter(({ status }) => status === "captured" || status === "complained");
  return html`
    ${choices.length > 1 && html`<p class="filter"><label for="captured-for">As sent to</label>
      <select id="captured-for" onChange=${(event) => setPosition(Number(event.currentTarget.value))}>
        ${choices.map(({ recipient, index }) => html`<option key=${index} value=${index} selected=${index === position}>${recipient}</option>`)}
      </select></p>`}
    <${Failure} error=${state.error} again=${load} />
    ${!state.text && !state.error && html`<${Loading} />`}
    ${state.text && html`<${Source} text=${state.text} what="Message as it was captured">
      <button type="button" class="button small" onClick=${() => saveFile(`${mail.id}.eml`, state.blob, "message/rfc822")}><${Icon} name="download" />Download .eml</button>
    <//>`}`;
}
