// Forgetting one recipient in all of a project.
import { ask } from "../../api.js";
import { html, useEffect, useState } from "../../html.js";
import { Dialog, TypedConfirmation } from "../../parts/dialog.js";
import { Failure } from "../../parts/notice.js";
import { go } from "../../router.js";
import { scoped } from "../../session.js";

/** How often the work is looked at, in milliseconds. */
const LOOK_AGAIN = 1500;

const OVER = ["done", "completed", "finished", "failed"];

export function EraseDialog({ email, onClose }) {
  const [job, setJob] = useState(null);
  const [failure, setFailure] = useState(null);
  const isOver = job && OVER.includes(job.status);
  useEffect(() => {
    if (!job || isOver) return undefined;
    const look = () => ask("GET", `/v1/recipients/erasures/${job.id}`, { scoped: true }).then(setJob, setFailure);
    const timer = setInterval(look, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [job?.id, isOver]);
  if (job) {
    const leave = () => go(scoped("/contacts"));
    return html`<${Dialog} title=${isOver ? "It is erased" : "It is being erased"} key="job" onClose=${leave}>
      <div class="body">
        <p role="status">${isOver ? "Nothing in this project names the address any more." : "It goes on by itself, even when this page is closed."}</p>
        <${Failure} error=${failure} />
      </div>
      <footer><button type="button" class="button primary" data-first onClick=${leave}>Close</button></footer>
    <//>`;
  }
  return html`<${TypedConfirmation} title="Erase everywhere?" typed=${email} action="Erase" onClose=${onClose}
    onConfirm=${async () => setJob(await ask("POST", "/v1/recipients/erase", { body: { email }, scoped: true }))}>
    <p>The contact goes, and every mail that went only to this address, with its history. In mails to others the address is replaced. Nobody can bring it back.</p>
  <//>`;
}
