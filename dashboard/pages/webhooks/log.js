// What a webhook was told, and what it answered.
import { ask, useList } from "../../api.js";
import { html, useEffect } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Moment } from "../../parts/moment.js";
import { say } from "../../parts/notice.js";
import { Card } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { may, scoped } from "../../session.js";
import { eventName } from "./events.js";

/** How many entries are shown at once. */
const PAGE = 25;

/** How often a log in which something waits is looked at again, in milliseconds. */
const LOOK_AGAIN = 3000;

const STATES = { delivered: ["good", "Taken"], pending: ["wait", "Waits"], failed: ["bad", "Given up"] };

export function Outcome({ entry: { status, statusCode, attempts } }) {
  const [look, words] = STATES[status] ?? ["off", status];
  const isRetried = status === "pending" && attempts > 0;
  return html`<span class="tags"><${Badge} look=${isRetried ? "warn" : look}>${isRetried ? "Tried again" : words}<//>${statusCode && html`<code>${statusCode}</code>`}</span>`;
}

/** `onLook` is called whenever the log was looked at again: the webhook itself may have changed too. */
export function Log({ webhook, turn, onTold, onLook }) {
  const path = `/v1/webhooks/${webhook.id}/logs`;
  const list = useList(`${path}?limit=${PAGE}`, "logs", { scoped: true });
  const waits = list.items?.length <= PAGE && list.items.some(({ status }) => status === "pending");
  useEffect(() => {
    if (turn > 0) list.reload();
  }, [turn]);
  useEffect(() => {
    if (!waits) return undefined;
    const look = () => {
      if (document.hidden) return;
      list.reload();
      onLook();
    };
    const timer = setInterval(look, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [waits]);
  const again = (entry) => () =>
    ask("POST", `${path}/${entry.id}/replay`, { scoped: true }).then(
      () => {
        say("It is told again now.");
        onTold();
      },
      (failure) => say(failure.message),
    );
  const mayTell = may("webhooks:write") && webhook.isActive;
  return html`<${Card} title="Log" about="What it was told in the last seven days, newest first.">
    <${Listing} list=${list} caption="Log" empty=${html`<p class="soft">It was told nothing yet.</p>`} columns=${[
      { head: "When", cell: (entry) => html`<${Moment} at=${entry.createdAt} precise />` },
      {
        head: "Event",
        look: "main",
        cell: (entry) => html`<b>${eventName(entry.event)}</b>${entry.emailId && may("mails:read") && html` <a class="small" href=${scoped(`/mails/${entry.emailId}`)}>of this mail</a>`}`,
      },
      { head: "Outcome", cell: (entry) => html`<${Outcome} entry=${entry} />` },
      { head: "Attempts", look: "number", cell: ({ attempts }) => attempts },
      { head: "Took", look: "number", cell: ({ duration }) => (duration === null ? html`<span class="soft">–</span>` : html`<span class="line">${duration.toLocaleString("en")} ms</span>`) },
      { head: "Answer", cell: (entry) => html`<${Answer} entry=${entry} />` },
      {
        name: "Actions",
        look: "end",
        cell: (entry) => mayTell && entry.attempts > 0 && html`<button type="button" class="button small" onClick=${again(entry)}>Tell again</button>`,
      },
    ]} />
  <//>`;
}

/** Why it failed, what the endpoint said, and when it is tried next. */
export function Answer({ entry: { error, response, nextAttemptAt, status } }) {
  const next = status === "pending" && nextAttemptAt && html`<p class="soft small">${Date.parse(nextAttemptAt) > Date.now() ? html`Next attempt <${Moment} at=${nextAttemptAt} />` : "The next attempt is due now"}</p>`;
  if (!error && !response) return next || html`<span class="soft">–</span>`;
  return html`<div>${error && html`<p class="wrap small">${error}</p>`}${next}
    ${response && html`<details class="inline"><summary>What it said</summary><pre class="answer">${response}</pre></details>`}</div>`;
}
