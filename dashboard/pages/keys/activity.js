// What a key did: requests over time, one by one, and what an allowlist on trial would have blocked.
import { useList, useLoaded, withQuery } from "../../api.js";
import { html, useMemo } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Chart } from "../../parts/chart.js";
import { CopyButton } from "../../parts/copy.js";
import { SelectFilter } from "../../parts/filters.js";
import { clockTime, dayName, Moment } from "../../parts/moment.js";
import { Failure, Loading } from "../../parts/notice.js";
import { Card } from "../../parts/page.js";
import { Listing, Table } from "../../parts/table.js";
import { place } from "../../router.js";

const HOUR = 3_600_000;
const SPANS = { "": ["day", 30 * 24 * HOUR], week: ["hour", 7 * 24 * HOUR], day: ["hour", 24 * HOUR] };
const SERIES = [
  { name: "ok", words: "Answered", look: "first" },
  { name: "refused", words: "Refused", look: "third" },
  { name: "failed", words: "Failed", look: "fourth" },
];

export function Usage({ id }) {
  const span = SPANS[place.value.query.usage] ? place.value.query.usage : "";
  const [by, length] = SPANS[span ?? ""] ?? SPANS[""];
  const query = useMemo(() => ({ by, from: new Date(Date.now() - length).toISOString() }), [by, length, id]);
  const loaded = useLoaded(withQuery(`/v1/account/api-keys/${id}/usage`, query));
  const filter = html`<${SelectFilter} name="usage" label="Last" options=${[["", "30 days"], ["week", "7 days"], ["day", "24 hours"]]} />`;
  return html`<${Card} title="Usage" actions=${filter}>
    <${Failure} error=${loaded.error} again=${loaded.reload} />
    ${!loaded.data && !loaded.error && html`<${Loading} />`}
    ${loaded.data && html`<${UsageFigures} usage=${loaded.data} by=${by} length=${length} />`}
  <//>`;
}

function UsageFigures({ usage, by, length }) {
  const points = filled(usage.buckets, by, length).map((bucket) => ({
    ...bucket,
    label: by === "day" ? dayName(bucket.at.slice(0, 10)) : length > 48 * HOUR ? dayName(bucket.at) : clockTime(bucket.at),
    at: by === "day" ? dayName(bucket.at.slice(0, 10)) : `${dayName(bucket.at)}, ${clockTime(bucket.at)}`,
  }));
  if (points.every(({ requests }) => requests === 0)) return html`<p class="soft">No requests in this time. Figures may be a few seconds behind.</p>`;
  return html`<${Chart} title="Requests" series=${SERIES} points=${points} />
    ${usage.byEndpoint.length > 0 && html`<${Table} caption="Requests by endpoint" rowKey="label"
      rows=${usage.byEndpoint.map((row) => ({ ...row, label: `${row.endpoint} ${row.status}` }))} columns=${[
      { head: "Endpoint", look: "main", cell: ({ endpoint }) => html`<code class="wrap">${endpoint}</code>` },
      { head: "Answer", cell: ({ status }) => html`<${Answer} status=${status} />` },
      { head: "Requests", look: "number", cell: ({ requests }) => requests.toLocaleString("en") },
    ]} />`}`;
}

/** The server names only hours and days in which something happened. */
function filled(buckets, by, length) {
  const size = by === "day" ? 24 * HOUR : HOUR;
  const known = new Map(buckets.map((bucket) => [Math.floor(Date.parse(bucket.at) / size), bucket]));
  const last = Math.floor(Date.now() / size);
  const none = { requests: 0, ok: 0, refused: 0, failed: 0 };
  return Array.from({ length: Math.round(length / size) }, (_, index) => {
    const slot = last - Math.round(length / size) + 1 + index;
    return known.get(slot) ?? { ...none, at: new Date(slot * size).toISOString() };
  });
}

function Answer({ status }) {
  const look = status < 400 ? "good" : status < 500 ? "warn" : "bad";
  return html`<${Badge} look=${look}>${status}<//>`;
}

export function RequestLog({ id }) {
  const list = useList(`/v1/account/api-keys/${id}/requests`, "requests");
  return html`<${Card} title="Requests" about="The latest, one by one.">
    <${Listing} list=${list} caption="Requests of this key" empty=${html`<p class="soft">Nothing was asked with this key yet.</p>`} columns=${[
      { head: "When", cell: ({ at }) => html`<${Moment} at=${at} precise />` },
      { head: "Request", look: "main", cell: ({ method, endpoint }) => html`<code class="wrap">${method} ${endpoint}</code>` },
      { head: "Answer", cell: ({ status, code }) => html`<${Answer} status=${status} /> ${code && html`<code class="small">${code}</code>`}` },
      { head: "From", cell: ({ ip }) => html`<code>${ip ?? "–"}</code>` },
      { head: "Request id", cell: ({ requestId }) => requestId && html`<span class="id"><code title=${requestId}>${requestId.slice(0, 8)}…</code><${CopyButton} text=${requestId} what="request id" /></span>` },
    ]} />
  <//>`;
}

/** What an allowlist on trial is worth: from where it would have refused. */
export function WouldHaveBlocked({ id }) {
  const loaded = useLoaded(`/v1/account/api-keys/${id}/would-have-blocked`);
  const rows = loaded.data?.addresses;
  return html`<${Card} title="Would have been blocked" about="The networks of this key are on trial: nothing is refused yet. When nobody you know is listed here, turn the dry run off.">
    <${Failure} error=${loaded.error} again=${loaded.reload} />
    ${!rows && !loaded.error && html`<${Loading} />`}
    ${rows?.length === 0 && html`<p class="soft">Every request so far came from the networks allowed.</p>`}
    ${rows?.length > 0 && html`<${Table} caption="Addresses that would have been blocked" rowKey="ip" rows=${rows} columns=${[
      { head: "Address", look: "main", cell: ({ ip }) => html`<code>${ip}</code>` },
      { head: "Requests", look: "number", cell: ({ requests }) => requests.toLocaleString("en") },
      { head: "First", cell: ({ firstSeenAt }) => html`<${Moment} at=${firstSeenAt} />` },
      { head: "Last", cell: ({ lastSeenAt }) => html`<${Moment} at=${lastSeenAt} />` },
    ]} />`}
  <//>`;
}
