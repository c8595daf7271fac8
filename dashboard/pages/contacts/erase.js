// Forgetting one recipient in all of a project, whether the project knows a contact by that address or not.
import { ask } from "../../api.js";
import { html, useEffect, useState } from "../../html.js";
import { Dialog, TypedConfirmation } from "../../parts/dialog.js";
import { Check } from "../../parts/form.js";
import { Failure } from "../../parts/notice.js";
import { count } from "../../words.js";

/** How often the work is looked at, in milliseconds. */
const LOOK_AGAIN = 1500;

/** `onDone` is called instead of `onClose` where the erasure has begun. */
export function EraseDialog({ email, onClose, onDone }) {
  const [job, setJob] = useState(null);
  const [failure, setFailure] = useState(null);
  const isOver = job?.status === "completed";
  useEffect(() => {
    if (!job || isOver) return undefined;
    const look = () => ask("GET", `/v1/recipients/erasures/${job.id}`, { scoped: true }).then(setJob, setFailure);
    const timer = setInterval(look, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [job?.id, isOver]);
  if (job) {
    return html`<${Dialog} title=${isOver ? "It is erased" : "It is being erased"} key="job" onClose=${onDone}>
      <div class="body">
        <div role="status">${isOver ? html`<${Outcome} job=${job} />` : html`<p>It goes on by itself, even when this page is closed.</p>`}</div>
        <${Failure} error=${failure} />
      </div>
      <footer><button type="button" class="button primary" data-first onClick=${onDone}>Close</button></footer>
    <//>`;
  }
  const send = async ({ keepSuppressions }) => setJob(await ask("POST", "/v1/recipients/erase", { body: { email, keepSuppressions }, scoped: true }));
  return html`<${TypedConfirmation} title="Erase everywhere?" typed=${email} action="Erase" values=${{ keepSuppressions: true }} onClose=${onClose} onConfirm=${send}>
    ${(form) => html`
      <p>The contact goes, and every mail that went only to this address, with its history. In mails to others the address is replaced. What is still to be sent there is stopped. Nobody can bring it back.</p>
      <${Check} form=${form} name="keepSuppressions" label="Keep it suppressed, where it is" hint="The suppression list goes on naming the address, so that nothing is sent there by mistake. Without this, it may get mail again." />`}
  <//>`;
}

function Outcome({ job: { mailsRemoved, mailsChanged, keepSuppressions } }) {
  return html`
    ${mailsRemoved > 0 && html`<p>${count(mailsRemoved, "mail")} went to nobody else and ${mailsRemoved === 1 ? "is" : "are"} gone.</p>`}
    ${mailsChanged > 0 && html`<p>${count(mailsChanged, "mail")} to others ${mailsChanged === 1 ? "does" : "do"} not name the address any more.</p>`}
    <p>What may still name it: ${keepSuppressions && "suppressions of the address, "}files attached to mails that are no text, restrictions of keys, and senders and people of this account. Backups of the database are its operator’s.</p>`;
}
