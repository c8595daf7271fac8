// Everything that happened to a mail, and what happens next.
import { html } from "../../html.js";
import { Moment } from "../../parts/moment.js";
import { MAIL_STATES } from "../../words.js";
import { Reply, UNDER_WAY } from "./progress.js";

/** What each kind of event means. `{recipient}` stands beside it. */
const MEANINGS = {
  scheduled: "Accepted and stored, to be sent later.",
  queued: "Accepted and stored; from here on it cannot be lost.",
  deferred: "Not taken yet; it is tried again.",
  sent: "The relay took responsibility for it.",
  captured: "Put into the capture mailbox; it left this server nowhere.",
  bounced: "Refused for good.",
  failed: "Given up; its time was over.",
  suppressed: "The address is on the suppression list, so nothing was sent.",
  ambiguous: "The message was out when the connection ended; nobody knows whether it was taken.",
  retried: "Somebody had it tried again.",
  cancelled: "Somebody cancelled it.",
  rescheduled: "Somebody gave it another time.",
  complained: "The recipient called it spam.",
  opened: "The recipient opened it.",
  clicked: "The recipient followed a link.",
  unsubscribed: "The recipient wants no mail any more.",
  group_unsubscribed: "The recipient wants no mail of this group any more.",
  group_resubscribed: "The recipient wants mail of this group again.",
};

export function Timeline({ mail: { events, deliveries } }) {
  const ahead = deliveries.filter(({ status, nextAttemptAt }) => UNDER_WAY.includes(status) && nextAttemptAt);
  const held = deliveries.filter(({ status }) => status === "held");
  return html`<ol class="timeline">
    ${events.map((event) => html`<li key=${event.id} class=${MAIL_STATES[event.type]?.[0] ?? "off"}>
      <div><b>${MAIL_STATES[event.type]?.[1] ?? event.type}</b>
        ${event.recipient && html`<span class="wrap">${event.recipient}</span>`}
        ${event.attempt > 0 && html`<span class="soft small">attempt ${event.attempt}</span>`}
        <span class="soft small when"><${Moment} at=${event.at} precise /></span></div>
      ${MEANINGS[event.type] && html`<p class="soft small">${MEANINGS[event.type]}</p>`}
      ${event.url && html`<p class="small wrap">${event.url}</p>`}
      ${event.reply && html`<${Reply} reply=${event.reply} />`}
    </li>`)}
    ${held.map(({ recipient }) => html`<li key=${`held ${recipient}`} class="warn ahead"><div><b>Waits for you</b><span class="wrap">${recipient}</span></div>
      <p class="soft small">Try it again, or cancel it.</p></li>`)}
    ${ahead.map((delivery) => html`<li key=${`next ${delivery.recipient}`} class="wait ahead"><${Ahead} ...${delivery} /></li>`)}
  </ol>`;
}

/** What comes next for a recipient. */
function Ahead({ recipient, status, attempts, nextAttemptAt }) {
  const isLater = Date.parse(nextAttemptAt) > Date.now();
  const what = status === "sending" ? `Attempt ${attempts} is being made` : `Attempt ${attempts + 1}`;
  return html`<div><b>${what}</b><span class="wrap">${recipient}</span>
    <span class="soft small when">${status === "sending" ? "now" : isLater ? html`<${Moment} at=${nextAttemptAt} precise />` : "due now"}</span></div>`;
}
