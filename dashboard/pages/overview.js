// The first page: what went out, what became of it, and what somebody should look at.
import { ask, project, useList, useLoaded, withQuery } from "../api.js";
import { html, useState } from "../html.js";
import { Badge } from "../parts/badge.js";
import { Chart } from "../parts/chart.js";
import { Snippet } from "../parts/copy.js";
import { Confirmation } from "../parts/dialog.js";
import { SelectFilter } from "../parts/filters.js";
import { dayName, Moment } from "../parts/moment.js";
import { Failure, Loading, say } from "../parts/notice.js";
import { Card, Heading } from "../parts/page.js";
import { address, place } from "../router.js";
import { may, me, projectName, scoped } from "../session.js";

const SERIES = [
  { name: "delivered", words: "Delivered", look: "first" },
  { name: "captured", words: "Captured", look: "second" },
  { name: "bounced", words: "Bounced", look: "third" },
  { name: "failed", words: "Failed", look: "fourth" },
];
const ACCEPTED = { name: "accepted", words: "Accepted", look: "rest" };
const ALERTS = { refusals: "Many refusals", new_network: "New network", rate_jump: "Jump in rate" };

export function OverviewPage() {
  const { days = "30", of } = place.value.query;
  const overview = useLoaded(withQuery("/v1/account/overview", { days }), { scoped: of !== "account" });
  const where = of === "account" ? me.value.account.name : projectName(project.value) ?? me.value.account.name;
  const periods = [["", "30 days"], ["7", "7 days"], ["90", "90 days"]];
  return html`<${Heading} title="Overview" about=${`What became of the mail of ${where}.`} actions=${html`
      ${me.value.projects.length > 1 && html`<${SelectFilter} name="of" label="Of" options=${[["", "this project"], ["account", "all projects"]]} />`}
      <${SelectFilter} name="days" label="Last" options=${periods} />`} />
    <${Alerts} />
    ${overview.error && html`<${Failure} error=${overview.error} again=${overview.reload} />`}
    ${!overview.error && !overview.data && html`<${Loading} />`}
    ${overview.data && html`<${Figures} ...${overview.data} days=${days} isOfAll=${of === "account"} />`}`;
}

/** The day on which a day of the server's begins for the reader. */
function dayHere(day) {
  const at = new Date(`${day}T00:00Z`);
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

function Figures({ totals, byDay, attention, days, isOfAll }) {
  if (Object.values(totals).every((figure) => figure === 0)) return html`<${Attention} items=${attention} /><${FirstMail} />`;
  const points = byDay.map((day) => ({ ...day, label: dayName(day.day) }));
  const series = SERIES.filter(({ name }) => name === "delivered" || name === "bounced" || points.some((point) => point[name] > 0));
  const after = dayHere(byDay[0].day);
  // Mails are listed project by project.
  const listed = (status, query = {}) => !isOfAll && may("mails:read") && scoped("/mails", { status, ...query });
  return html`
    <${Attention} items=${attention} />
    <ul class="tiles">
      <${Tile} name="Accepted" value=${totals.accepted} href=${listed("", { after })} />
      <${Tile} name="Delivered" value=${totals.delivered} href=${listed("sent,partially_sent", { after })} />
      ${totals.captured > 0 && html`<${Tile} name="Captured" value=${totals.captured} href=${listed("captured,partially_sent", { after })} />`}
      <${Tile} name="Bounced" value=${totals.bounced} href=${listed("bounced,partially_sent", { after })} look=${totals.bounced > 0 ? "bad" : ""} />
      <${Tile} name="Failed" value=${totals.failed} href=${listed("failed,suppressed,cancelled,partially_sent", { after })} look=${totals.failed > 0 ? "bad" : ""} />
      <${Tile} name="Held" value=${totals.held} href=${listed("held")} look=${totals.held > 0 ? "warn" : ""} />
      <${Tile} name="Under way" value=${totals.pending} href=${listed("scheduled,queued,deferred")} />
    </ul>
    <p class="soft small below">These are recipients: a mail may have several, and each counts for itself. Held and under way is what is so now.</p>
    <${Card}><${Chart} title=${`Recipients by day, last ${days} days`} series=${series} line=${ACCEPTED} points=${points} /><//>`;
}

function Tile({ name, value, href, look = "" }) {
  const figure = html`<b>${value.toLocaleString("en")}</b><span>${name}</span>`;
  return html`<li class=${look}>${href ? html`<a href=${href}>${figure}</a>` : html`<div>${figure}</div>`}</li>`;
}

/** Mails that wait for a decision, keys that are old or that nobody uses. What is unusual about keys stands above. */
function Attention({ items }) {
  const listed = (kind) => useList(may("keys:read") ? `/v1/account/api-keys?attention=${kind}&limit=3` : null, "apiKeys").items ?? [];
  const unused = listed("unused_90_days");
  const old = listed("older_than_90_days");
  const others = items.filter(({ kind }) => !(kind in ALERTS && may("keys:read")));
  if (others.length + unused.length + old.length === 0) return null;
  return html`<${Card} title="Needs attention">
    <ul class="rows">
    ${unused.length > 0 && html`<li><p>Not used for 90 days: <${KeyNames} keys=${unused} />. What nobody needs is best deleted.</p>
      <a class="button small" href=${address("/keys", { attention: "unused_90_days" })}>Look at them</a></li>`}
    ${old.length > 0 && html`<li><p>Older than 90 days: <${KeyNames} keys=${old} />. Rotate them now and then.</p>
      <a class="button small" href=${address("/keys", { attention: "older_than_90_days" })}>Look at them</a></li>`}
    ${others.map((item) => html`<li>
      <p>${item.message}${item.projectId && item.projectId !== project.value && html` <span class="soft wrap">Of ${projectName(item.projectId) ?? "a deleted project"}.</span>`}</p>
      <span class="soft small"><${Moment} at=${item.at} never="" /></span>
      ${item.keyId && html`<a class="button small" href=${address(`/keys/${item.keyId}`)}>Look at the key</a>`}
      ${item.mailId && html`<a class="button small" href=${address(`/mails/${item.mailId}`, { project: item.projectId ?? project.value })}>Look at the mail</a>`}
    </li>`)}</ul>
  <//>`;
}

/** Two names, and whether there are more. */
function KeyNames({ keys }) {
  const named = keys.slice(0, 2).map(({ id, name }, index) => html`${index > 0 && ", "}<a class="wrap" href=${address(`/keys/${id}`)}>${name}</a>`);
  return html`${named}${keys.length > 2 && " and others"}`;
}

/** Unusual activity of keys. A key can be stopped from here; a second look can set it free again. */
function Alerts() {
  const alerts = useList(may("keys:read") ? "/v1/account/alerts?state=open&limit=10" : null, "alerts");
  const [stopping, setStopping] = useState(null);
  if (alerts.error) return html`<${Failure} error=${alerts.error} again=${alerts.reload} />`;
  if (!alerts.items?.length) return null;
  const dismiss = async (alert) => {
    await ask("POST", `/v1/account/alerts/${alert.id}/dismiss`);
    alerts.reload();
  };
  const deactivate = async () => {
    await ask("PATCH", `/v1/account/api-keys/${stopping.keyId}`, { body: { active: false } });
    say(`${stopping.keyName} is inactive: it is refused until you activate it.`);
    setStopping(null);
    alerts.reload();
  };
  return html`<${Card} title="Unusual activity" look="warn">
    <ul class="rows">${alerts.items.map((alert) => html`<li key=${alert.id}>
      <div>
        <p><${Badge} look="warn">${ALERTS[alert.kind] ?? alert.kind}<//> <a href=${address(`/keys/${alert.keyId}`)}>${alert.keyName}</a> <code class="soft line">${alert.displayKey}</code></p>
        <p>${alert.message}</p>
      </div>
      <span class="soft small"><${Moment} at=${alert.at} /></span>
      ${may("keys:write") && html`<span class="pair">
        <button type="button" class="button small" onClick=${() => dismiss(alert).catch((error) => say(error.message))}>Dismiss</button>
        <button type="button" class="button small danger" onClick=${() => setStopping(alert)}>Deactivate key…</button>
      </span>`}
    </li>`)}</ul>
    ${stopping && html`<${Confirmation} title="Deactivate this key?" action="Deactivate" look="danger" onClose=${() => setStopping(null)} onConfirm=${deactivate}>
      <p><b>${stopping.keyName}</b> is refused from the next request on. You can activate it again at any time.</p>
    <//>`}
  <//>`;
}

function FirstMail() {
  const { publicUrl, captureMailbox } = me.value.server;
  const command = `curl -X POST ${publicUrl || location.origin}/v1/mails/send \\
  -H "Authorization: Bearer YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"from": {"email": "hello@example.com"}, "to": {"email": "you@example.org"},
       "subject": "It works", "html": "<p>Hello from Posthaste!</p>"}'`;
  return html`<${Card} title="Send a first mail" about="Nothing was sent in this time. It takes three steps.">
    <ol class="steps">
      <li><p><b>Make a key.</b> It is shown once, together with a command that works when you paste it.</p>
        ${may("keys:write") && html`<a class="button primary" href=${address("/keys", { make: "1" })}>Generate key</a>`}</li>
      <li><p><b>Send.</b> Any language that speaks HTTP will do; this is <code>curl</code>:</p><${Snippet} text=${command} what="Command that sends a mail" /></li>
      <li><p><b>Watch.</b> ${captureMailbox
        ? html`No relay is set, so the mail ends in the <a href=${scoped("/mailbox")}>mailbox</a> and leaves this server nowhere.`
        : html`It appears among the <a href=${scoped("/mails")}>mails</a> at once, with everything that happens to it.`}</p></li>
    </ol>
  <//>`;
}
