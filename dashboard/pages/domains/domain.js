// One domain: how its mail fares, and the DNS records that make it fare well.
import { ask, useLoaded } from "../../api.js";
import { html, useEffect, useState } from "../../html.js";
import { DomainState } from "../../parts/badge.js";
import { Moment } from "../../parts/moment.js";
import { Failure, Loading, Notice, say } from "../../parts/notice.js";
import { Card, Heading } from "../../parts/page.js";
import { go } from "../../router.js";
import { may, scoped } from "../../session.js";
import { DeleteDomain } from "./delete.js";
import { DnsRecord, Finding, recordsOf, stateOf } from "./records.js";

/** How often a domain that waits for its DNS is looked at again, in milliseconds. The server asks DNS when it thinks right. */
const LOOK_AGAIN = 15_000;

const HEALTH = { good: "good", fair: "warn", poor: "bad" };

/** How grave it is. What was never verified is only not ready yet. */
const lookOf = (domain, { status }) => (status === "poor" && stateOf(domain) === "waiting" ? "warn" : HEALTH[status] ?? "note");

export function DomainPage({ id }) {
  const back = { href: scoped("/domains"), label: "Domains" };
  const path = `/v1/domains/${encodeURIComponent(id)}`;
  const domain = useLoaded(path, { scoped: true });
  const health = useLoaded(`${path}/health`, { scoped: true });
  const [state, setState] = useState({});
  const [isLeaving, setLeaving] = useState(false);
  const isWaiting = domain.data && stateOf(domain.data) !== "verified";
  const looked = domain.data?.lastCheckedAt;
  useEffect(() => {
    if (!isWaiting || isLeaving) return undefined;
    const timer = setInterval(() => !document.hidden && ask("GET", path, { scoped: true }).then(domain.replace, () => {}), LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [isWaiting, path, isLeaving]);
  useEffect(() => {
    if (health.data && looked && health.data.lastCheckedAt !== looked) health.reload();
  }, [looked, health.data]);

  if (domain.error) return html`<${Heading} title="Domain" back=${back} /><${Failure} error=${domain.error} again=${domain.reload} />`;
  if (!domain.data) return html`<${Heading} title="Domain" back=${back} /><${Loading} />`;
  const verify = async () => {
    setState({ busy: true });
    try {
      const { domain: now } = await ask("POST", `${path}/verify`, { scoped: true });
      domain.replace(now);
      health.reload();
      say(stateOf(now) === "verified" ? `${now.domainName} is verified.` : "DNS was asked. What it said stands beside each record.");
      setState({});
    } catch (failure) {
      setState({ failure });
    }
  };
  const { domainName, lastCheckedAt, nextCheckAt } = domain.data;
  return html`
    <${Heading} title=${domainName} back=${back}
      about=${html`<span class="tags"><${DomainState} state=${stateOf(domain.data)} />
        <span class="soft">${lastCheckedAt ? html`looked at <${Moment} at=${lastCheckedAt} />` : "not looked at yet"}, again <${Moment} at=${nextCheckAt} /></span></span>`}
      actions=${may("domains:write") && html`
        <button type="button" class="button primary" onClick=${verify} disabled=${state.busy} aria-busy=${state.busy ?? false}>Look now</button>
        <button type="button" class="button danger" onClick=${() => setLeaving(true)}>Delete…</button>`} />
    <${Failure} error=${state.failure} />
    ${health.data && html`<${Notice} look=${lookOf(domain.data, health.data)}><p>${health.data.summary}</p><//>`}
    <${Card} title="DNS records" about="Set them at the provider of your DNS. Some providers want the names without the domain at their end.">
      <ul class="records">${recordsOf(domain.data).map((record) => html`<${DnsRecord} key=${record.title} record=${record} />`)}</ul>
    <//>
    <${MoreChecks} checks=${health.data?.checks ?? []} />
    ${isLeaving && html`<${DeleteDomain} domain=${domain.data} onClose=${() => setLeaving(false)} onDone=${() => go(scoped("/domains"))} />`}`;
}

/** What receivers look at and is no record to set: whether the domain takes mail. */
function MoreChecks({ checks }) {
  const host = checks.find(({ name }) => name === "mail_host");
  if (!host) return null;
  return html`<${Card} title="Where answers and bounces go" actions=${html`<${Finding} status=${host.status} />`}>
    <p class="wrap">${host.explanation}</p>
    ${host.found.length > 0 && html`<p class="soft small">Found: ${host.found.map((name) => html`<code class="wrap">${name}</code> `)}</p>`}
  <//>`;
}
