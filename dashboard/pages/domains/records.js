// The DNS records of a domain: what to set, and what was found.
import { html } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { Facts } from "../../parts/page.js";

/** The look and the words of what was found of a record. */
const FINDINGS = {
  found: ["good", "Found"],
  missing: ["bad", "Missing"],
  different: ["warn", "Different"],
  no_answer: ["warn", "No answer"],
  unchecked: ["wait", "Not looked for yet"],
};

/** Whether mail is sent from it: `verified`, `waiting` or `lost`. */
export function stateOf({ verificationStatus, lostAt }) {
  if (verificationStatus === "VERIFIED") return "verified";
  return lostAt ? "lost" : "waiting";
}

/** All records of a domain, the most important first, each with its name and whether it is needed. */
export function recordsOf({ dnsRecords: { ownership, dkim, dkimEd25519, mailFrom, dmarc, returnPath } }) {
  return [
    { title: "Ownership", needed: true, ...ownership },
    { title: "DKIM, RSA", needed: true, ...dkim },
    { title: "DKIM, Ed25519", ...dkimEd25519 },
    ...mailFrom.map((record) => ({ title: "SPF", ...record })),
    { title: "DMARC", ...dmarc },
    ...[returnPath ?? []].flat().map((record) => ({ title: "Return path", ...record })),
  ];
}

/** A state in one word. What is missing and not needed is no alarm. */
export function Finding({ status, needed }) {
  const [look, words] = FINDINGS[status] ?? ["off", status];
  return html`<${Badge} look=${look === "bad" && !needed ? "warn" : look}>${words}<//>`;
}

export function DnsRecord({ record }) {
  const { title, needed, purpose, type, name, value, status, found, explanation } = record;
  return html`<li class="record">
    <header><h3>${title}</h3><span class="soft small">${needed ? "Needed" : "Recommended"}</span><${Finding} status=${status} needed=${needed} /></header>
    <p class="soft small">${purpose}</p>
    <${Facts} rows=${[
      ["Type", html`<code>${type}</code>`],
      ["Name", html`<${Copyable} text=${name} what=${`name of the record ${title}`} />`],
      ["Value", html`<${Copyable} text=${value} what=${`value of the record ${title}`} />`],
      status !== "found" && found.length > 0 && ["Found", html`<ul class="plain">${found.map((text) => html`<li><code class="wrap found">${text}</code></li>`)}</ul>`],
    ]} />
    ${status !== "found" && status !== "unchecked" && html`<p class="wrap">${explanation}</p>`}
  </li>`;
}
