// Where a project is told what happens to its mails.
import { useList } from "../../api.js";
import { html } from "../../html.js";
import { WebhookState } from "../../parts/badge.js";
import { Icon } from "../../parts/icon.js";
import { Moment } from "../../parts/moment.js";
import { Empty } from "../../parts/notice.js";
import { Heading } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { go, place, setQuery } from "../../router.js";
import { may, scoped } from "../../session.js";
import { EventsInShort } from "./events.js";
import { NewWebhook } from "./fields.js";

/** Whether it is told anything, and whether it listens: `active`, `failing`, `paused` or `disabled`. */
export function stateOf({ isActive, disabledReason, failingSince }) {
  if (!isActive) return disabledReason ? "disabled" : "paused";
  return failingSince ? "failing" : "active";
}

export function WebhooksPage() {
  const list = useList("/v1/webhooks", "webhooks", { scoped: true });
  const mayWrite = may("webhooks:write");
  const isMaking = place.value.query.make && mayWrite;
  const make = html`<button type="button" class="button primary" onClick=${() => setQuery({ make: "1" })}><${Icon} name="plus" />New webhook</button>`;
  const empty = html`<${Empty} title="No webhooks yet"><p>A webhook is an address of yours that is told what becomes of each mail, a moment after it happens.</p>${mayWrite && make}<//>`;
  return html`
    <${Heading} title="Webhooks" about="Addresses of yours that are told what happens, signed, and again for three days where nobody answers." actions=${mayWrite && make} />
    <${Listing} list=${list} caption="Webhooks" empty=${empty} rowLook=${({ isActive }) => (isActive ? "" : "faded")} columns=${[
      { head: "URL", look: "main", cell: (one) => html`<a class="wrap strong" href=${scoped(`/webhooks/${one.id}`)}>${one.url}</a>` },
      { head: "Events", cell: ({ events }) => html`<${EventsInShort} events=${events} />` },
      { head: "Status", cell: (one) => html`<${WebhookState} state=${stateOf(one)} />` },
      { head: "Last success", cell: (one) => html`<${Moment} at=${one.lastSuccessAt} />` },
      { head: "Last failure", cell: (one) => html`<${Moment} at=${one.lastFailedAt} />` },
    ]} />
    ${isMaking && html`<${NewWebhook} onClose=${() => setQuery({ make: "" })} onMade=${({ id }) => go(scoped(`/webhooks/${id}`))} />`}`;
}
