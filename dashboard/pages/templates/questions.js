// What is asked before somebody's words are lost, or others than were meant are sent.
import { html } from "../../html.js";
import { Confirmation } from "../../parts/dialog.js";

/** Somebody else saved a version while the reader wrote. */
export function NewerVersion({ version, publish, onClose, onConfirm }) {
  return html`<${Confirmation} title=${`Somebody saved version ${version} meanwhile`} action=${publish ? "Publish mine" : "Save mine"} onClose=${onClose} onConfirm=${onConfirm}>
    <p>Yours becomes the version after it${publish ? " and is sent from now on" : ""}, without what version ${version} changed. Both are kept among the versions below, which say whose they are.</p>
  <//>`;
}

/** What was typed is not saved. */
export function Discard({ onClose, onConfirm }) {
  return html`<${Confirmation} title="Discard what is not saved?" action="Discard" look="danger" onClose=${onClose} onConfirm=${onConfirm}>
    <p>What you wrote and did not save is gone then. Save it as a draft to keep it.</p>
  <//>`;
}

/** An old version is to be sent again. */
export function PublishOld({ version, onClose, onConfirm }) {
  return html`<${Confirmation} title=${`Publish version ${version}?`} action="Publish it" onClose=${onClose} onConfirm=${onConfirm}>
    <p>Every mail of this template says from now on what version ${version} says. The editor stays as it is.</p>
  <//>`;
}
