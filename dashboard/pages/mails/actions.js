// What can still be done to a mail: sent earlier or later, tried again, cancelled.
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Confirmation, Dialog } from "../../parts/dialog.js";
import { FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { localTime } from "../../parts/moment.js";
import { say } from "../../parts/notice.js";
import { may } from "../../session.js";

const DAY = 86_400_000;

/** How far ahead a mail may be scheduled, in days. */
const LONGEST_AHEAD = 30;

/** `{buttons, dialog, isOpen}` for a mail; `onChange` is given what it is afterwards. */
export function useMailActions(mail, onChange) {
  const [open, setOpen] = useState(null);
  if (!mail || !may("mails:send")) return {};
  const has = (states) => mail.deliveries.some(({ status }) => states.includes(status));
  const isScheduled = has(["scheduled"]);
  const mayRetry = has(["held", "deferred"]);
  const mayCancel = has(["scheduled", "queued", "deferred", "held"]);
  const path = `/v1/mails/${encodeURIComponent(mail.id)}`;
  const done = (now, words) => {
    setOpen(null);
    say(words);
    onChange(now);
  };
  const act = (verb, words) => async () => done(await ask("POST", `${path}/${verb}`, { scoped: true }), words);
  const move = async (scheduledAt) => ask("PATCH", path, { body: { scheduledAt }, scoped: true });
  const close = () => setOpen(null);
  const button = (what, words, look = "") => html`<button type="button" class=${`button ${look}`} onClick=${() => setOpen(what)}>${words}</button>`;
  const buttons = (isScheduled || mayRetry || mayCancel) && html`
    ${isScheduled && button("now", "Send now…", "primary")}
    ${isScheduled && button("move", "Move…")}
    ${mayRetry && button("retry", "Try again…")}
    ${mayCancel && button("cancel", "Cancel…", "danger")}`;
  const dialog = html`
    ${open === "now" && html`<${Confirmation} title="Send it now?" action="Send now" onClose=${close} onConfirm=${async () => done(await move(null), "It is being sent.")}>
      <p>It does not wait for its time. What was sent cannot be taken back.</p>
    <//>`}
    ${open === "move" && html`<${MoveDialog} mail=${mail} onClose=${close} onMove=${async (at) => done(await move(at), "It has another time now.")} />`}
    ${open === "retry" && html`<${Confirmation} title="Try again?" action="Try again" onClose=${close} onConfirm=${act("retry", "It is tried again now.")}>
      <p>Every recipient whose mail waits or is held gets another attempt now.</p>
      ${has(["held"]) && html`<p>Where the relay’s answer was lost, the mail may already have arrived and would come a second time.</p>`}
    <//>`}
    ${open === "cancel" && html`<${Confirmation} title="Cancel what is left?" action="Cancel the mail" look="danger" onClose=${close} onConfirm=${act("cancel", "It is cancelled.")}>
      <p>Recipients who do not have the mail yet will not get it. What was sent cannot be taken back.</p>
    <//>`}`;
  return { buttons, dialog, isOpen: open !== null };
}

function MoveDialog({ mail, onClose, onMove }) {
  const form = useForm({ scheduledAt: localTime(mail.scheduledAt) }, ({ scheduledAt }) => onMove(new Date(scheduledAt).toISOString()));
  const latest = localTime(new Date(Date.now() + LONGEST_AHEAD * DAY));
  return html`<${Dialog} title="Send it at another time" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="scheduledAt" type="datetime-local" label="At" hint="In your own time, within the next 30 days." required min=${localTime(new Date())} max=${latest} />
        <${FormFailure} form=${form} fields=${["scheduledAt"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Move<//></footer>
    </form>
  <//>`;
}
