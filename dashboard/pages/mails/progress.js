// Where a mail stands with each recipient.
import { html } from "../../html.js";
import { MailState } from "../../parts/badge.js";
import { Moment } from "../../parts/moment.js";
import { count } from "../../words.js";
import { RecipientMenu } from "./recipient.js";

/** States in which something still happens by itself. */
export const UNDER_WAY = ["scheduled", "queued", "sending", "deferred"];

/** Why the mail is not there yet, or how it ended, for each recipient. Those who wait come first. */
export function Deliveries({ mail }) {
  const waits = ({ status }) => (UNDER_WAY.includes(status) || status === "held" ? 0 : 1);
  const sorted = [...mail.deliveries].sort((one, other) => waits(one) - waits(other));
  return html`<ul class="deliveries">${sorted.map((delivery) => html`<li key=${delivery.recipient}>
    <div><b class="wrap">${delivery.recipient}</b><span class="pair"><${MailState} state=${delivery.status} /><${RecipientMenu} recipient=${delivery.recipient} /></span></div>
    <p><${Explanation} delivery=${delivery} /></p>
    ${delivery.status !== "scheduled" && (delivery.attempts > 0 || delivery.nextAttemptAt) && html`<p class="soft small">
      ${delivery.attempts > 0 && `${count(delivery.attempts, "attempt")} so far. `}
      ${delivery.nextAttemptAt && (Date.parse(delivery.nextAttemptAt) > Date.now() ? html`The next step comes <${Moment} at=${delivery.nextAttemptAt} />.` : "The next step is due now.")}
    </p>`}
    ${delivery.engagement && html`<p class="soft small">${engaged(delivery.engagement)}</p>`}
    ${delivery.lastReply && html`<${Reply} reply=${delivery.lastReply} />`}
  </li>`)}</ul>`;
}

function Explanation({ delivery: { status, explanation, nextAttemptAt } }) {
  // The server says the time as programs write it.
  if (status === "scheduled") return html`It is scheduled: its first attempt comes <${Moment} at=${nextAttemptAt} />.`;
  return html`${UNDER_WAY.includes(status) && html`<b>Why is it not there yet? </b>`}${explanation}`;
}

/** What was done with it, by people and by programs, which open and follow everything. */
function engaged({ opens, clicks, automatedOpens, automatedClicks }) {
  const times = (opened, followed) => [opened > 0 && `opened ${count(opened, "time")}`, followed > 0 && `links followed ${count(followed, "time")}`].filter(Boolean).join(", ");
  const [people, programs] = [times(opens, clicks), times(automatedOpens, automatedClicks)];
  return [people && `By readers: ${people}.`, programs && `By programs: ${programs}.`].filter(Boolean).join(" ");
}

/** What the relay said. */
export function Reply({ reply: { code, enhancedCode, text } }) {
  return html`<p class="reply"><code>${[code, enhancedCode, text].filter(Boolean).join(" ")}</code></p>`;
}
