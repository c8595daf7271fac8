// What webhooks were told of a mail.
import { useList } from "../../api.js";
import { html, useEffect, useRef } from "../../html.js";
import { Moment } from "../../parts/moment.js";
import { Card } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { may, scoped } from "../../session.js";
import { eventName } from "../webhooks/events.js";
import { Answer, Outcome } from "../webhooks/log.js";

/** Nothing where no webhook was told anything; `turn` changes when there may be more. */
export function WebhooksTold({ mail, turn }) {
  const list = useList(may("webhooks:read") ? `/v1/mails/${encodeURIComponent(mail.id)}/webhook-deliveries?limit=25` : null, "logs", { scoped: true });
  const seen = useRef(turn);
  useEffect(() => {
    if (seen.current !== turn) list.reload();
    seen.current = turn;
  }, [turn]);
  if (!list.items?.length) return null;
  return html`<${Card} title="Webhooks told" about="In the last seven days.">
    <${Listing} list=${list} caption="Webhooks told" columns=${[
      { head: "When", cell: (entry) => html`<${Moment} at=${entry.createdAt} precise />` },
      { head: "Event", look: "main", cell: (entry) => html`<b>${eventName(entry.event)}</b>` },
      { head: "Webhook", cell: (entry) => html`<a class="wrap" href=${scoped(`/webhooks/${entry.webhookId}`)}>${entry.url}</a>` },
      { head: "Outcome", cell: (entry) => html`<${Outcome} entry=${entry} />` },
      { head: "Answer", cell: (entry) => html`<${Answer} entry=${entry} />` },
    ]} />
  <//>`;
}
