// Where a mail stands with each recipient, and what happened on the way.
import { html } from "../../html.js";
import { MailState } from "../../parts/badge.js";
import { Moment } from "../../parts/moment.js";
import { MAIL_STATES } from "../../words.js";

const UNDER_WAY = ["queued", "sending", "deferred"];

/** Why the mail is not there yet, or how it ended, for each recipient. Those who wait come first. */
export function Deliveries({ mail }) {
  const waits = ({ status }) => (UNDER_WAY.includes(status) || status === "held" ? 0 : 1);
  const sorted = [...mail.deliveries].sort((one, other) => waits(one) - waits(other));
  return html`<ul class="deliveries">${sorted.map((delivery) => html`<li key=${delivery.recipient}>
    <div><b class="wrap">${delivery.recipient}</b><${MailState} state=${delivery.status} /></div>
    <p>${UNDER_WAY.includes(delivery.status) && html`<b>Why is it not there yet? </b>`}${delivery.explanation}</p>
    ${(delivery.attempts > 0 || delivery.nextAttemptAt) && html`<p class="soft small">
      ${delivery.attempts > 0 && `${delivery.attempts} attempt${delivery.attempts === 1 ? "" : "s"} so far. `}
      ${delivery.nextAttemptAt && (Date.parse(delivery.nextAttemptAt) > Date.now() ? html`The next step comes <${Moment} at=${delivery.nextAttemptAt} />.` : "The next step is due now.")}
    </p>`}
    ${delivery.lastReply && html`<${Reply} reply=${delivery.lastReply} />`}
  </li>`)}</ul>`;
}

function Reply({ reply: { code, enhancedCode, text } }) {
  return html`<p class="reply"><code>${[code, enhancedCode, text].filter(Boolean).join(" ")}</code></p>`;
}

export function Timeline({ events }) {
  return html`<ol class="timeline">${events.map((event) => html`<li key=${event.id} class=${MAIL_STATES[event.type]?.[0] ?? "off"}>
    <div><b>${MAIL_STATES[event.type]?.[1] ?? event.type}</b>
      ${event.recipient && html`<span class="wrap">${event.recipient}</span>`}
      ${event.attempt > 0 && html`<span class="soft small">attempt ${event.attempt}</span>`}
      <span class="soft small when"><${Moment} at=${event.at} precise /></span></div>
    ${event.reply && html`<${Reply} reply=${event.reply} />`}
  </li>`)}</ol>`;
}
