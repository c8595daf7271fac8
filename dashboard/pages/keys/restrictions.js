// What a key is held to, in words.
import { html } from "../../html.js";
import { Moment } from "../../parts/moment.js";
import { Facts } from "../../parts/page.js";
import { me } from "../../session.js";
import { count, PERMISSIONS, PRESETS, presetOf } from "../../words.js";

const presetNamed = (permissions) => presetOf(permissions, me.value.server.permissions);

const presetName = (permissions) => {
  const preset = presetNamed(permissions);
  return preset === "custom" ? count(permissions.length, "permission") : PRESETS.find(([name]) => name === preset)[1];
};

/** In a list: only what there is. */
export function RestrictionsInShort({ apiKey }) {
  const { permissions, domains, recipients, ipAllowlist, ipAllowlistDryRun, expiresAt } = apiKey;
  const few = (values, one) => (values.length === 1 ? values[0] : count(values.length, one));
  return html`<ul class="short">
    <li>${presetName(permissions)}</li>
    ${domains && html`<li title=${domains.join(", ")}>From ${few(domains, "domain")}</li>`}
    ${recipients && html`<li title=${recipients.join(", ")}>To ${few(recipients, "recipient")}</li>`}
    ${ipAllowlist && html`<li title=${ipAllowlist.join(", ")}>At ${few(ipAllowlist, "network")}${ipAllowlistDryRun ? ", dry run" : ""}</li>`}
    ${expiresAt && html`<li>Until <${Moment} at=${expiresAt} /></li>`}
  </ul>`;
}

const listed = (values, all) =>
  values === null ? all : values.length === 0 ? "None" : html`<ul class="plain">${values.map((value) => html`<li><code class="wrap">${value}</code></li>`)}</ul>`;

/** On the page of one key: everything. */
export function Restrictions({ apiKey }) {
  const { permissions, domains, recipients, ipAllowlist, ipAllowlistDryRun, expiresAt, rateLimit, ownRateLimit } = apiKey;
  const limit = (own, figure) => `${figure.toLocaleString("en")}${own === null ? " (the server’s own)" : ""}`;
  return html`<${Facts} rows=${[
    ["May", html`<span title=${permissions.join(", ")}>${presetName(permissions)}</span>
      ${presetNamed(permissions) === "custom" && html`<ul class="plain">${permissions.map((one) => html`<li>${PERMISSIONS[one] ?? one}</li>`)}</ul>`}`],
    ["From domains", listed(domains, "Every domain")],
    ["Recipients", listed(recipients, "Everybody")],
    ["Networks", html`${listed(ipAllowlist, "Everywhere")}${ipAllowlist && ipAllowlistDryRun && html`<p class="soft small">Dry run: counted, not enforced.</p>`}`],
    ["Expires", html`<${Moment} at=${expiresAt} />`],
    ["Requests a second", limit(ownRateLimit.perSecond, rateLimit.perSecond)],
    ["Requests a minute", limit(ownRateLimit.perMinute, rateLimit.perMinute)],
  ]} />`;
}
