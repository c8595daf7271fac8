// One key: what it is, what it may do, what it did.
import { ask, useLoaded } from "../../api.js";
import { html } from "../../html.js";
import { Badge, KeyState } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { Failure, Loading, Notice, say } from "../../parts/notice.js";
import { Card, Facts, Heading } from "../../parts/page.js";
import { address } from "../../router.js";
import { may } from "../../session.js";
import { mayRotate, useKeyActions } from "./actions.js";
import { RequestLog, Usage, WouldHaveBlocked } from "./activity.js";
import { Restrictions } from "./restrictions.js";

const BACK = { href: address("/keys"), label: "API keys" };

export function KeyPage({ id }) {
  const loaded = useLoaded(`/v1/account/api-keys/${encodeURIComponent(id)}`);
  const actions = useKeyActions(loaded.reload);
  const key = loaded.data;
  if (loaded.error) return html`<${Heading} title="API key" back=${BACK} /><${Failure} error=${loaded.error} again=${loaded.reload} />`;
  if (!key) return html`<${Heading} title="API key" back=${BACK} /><${Loading} />`;
  const mayWrite = may("keys:write");
  const isOver = key.status === "revoked";
  const activate = () =>
    ask("PATCH", `/v1/account/api-keys/${key.id}`, { body: { active: true } }).then(
      () => {
        say(`${key.name} is active.`);
        loaded.reload();
      },
      (error) => say(error.message),
    );
  return html`
    <${Heading} title=${key.name} back=${BACK}
      about=${html`<span class="tags"><${KeyState} state=${key.status} />
        <${Badge} look="note">${key.type === "account" ? "Account key" : "Project key"}<//>
        ${key.mode === "test" && html`<${Badge} look="note">Test<//>`}
        <code>${key.displayKey}</code></span>`}
      actions=${mayWrite && !isOver && html`
        ${key.status === "inactive" && html`<button type="button" class="button primary" onClick=${activate}>Activate</button>`}
        ${key.status === "active" && html`<button type="button" class="button" onClick=${() => actions.open("deactivate", key)}>Deactivate…</button>
          <button type="button" class="button" disabled=${!mayRotate(key)} title=${mayRotate(key) ? undefined : "It may do more than you, so somebody else has to rotate it."} onClick=${() => actions.open("rotate", key)}>Rotate…</button>`}
        <button type="button" class="button danger" onClick=${() => actions.open("remove", key)}>Delete…</button>
        <${Menu} label="More actions" items=${actions.itemsFor(key).slice(1)} />`} />
    <${Hints} apiKey=${key} />
    <div class="columns">
      <${Card} title="Key">
        <${Facts} rows=${[
          ["Key id", html`<${Copyable} text=${key.id} what="key id" />`],
          key.type === "project" && ["Project", html`<span class="wrap">${key.projectName ?? "–"}</span>`],
          ["Made", html`<${Moment} at=${key.createdAt} /> by <span class="wrap">${key.createdBy}</span>`],
          ["Last used", html`<${Moment} at=${key.lastUsedAt} />${key.lastUsedIp && html` from <code>${key.lastUsedIp}</code>`}`],
          key.replaces && ["Replaces", html`<a href=${address(`/keys/${key.replaces}`)}>an older key</a>`],
          ["History", html`<a href=${address("/audit", { subjectId: key.id })}>In the audit log</a>`],
          may("mails:read") && key.type === "project" && ["Mails", html`<a href=${address("/mails", { keyId: key.id, project: key.projectId })}>Sent with this key</a>`],
        ]} />
      <//>
      <${Card} title="Restrictions" actions=${mayWrite && !isOver && html`<button type="button" class="button small" onClick=${() => actions.open("restrict", key)}>Change…</button>`}>
        <${Restrictions} apiKey=${key} />
      <//>
    </div>
    ${key.ipAllowlist && key.ipAllowlistDryRun && html`<${WouldHaveBlocked} id=${key.id} />`}
    <${Usage} id=${key.id} />
    <${RequestLog} id=${key.id} />
    ${actions.dialog}`;
}

function Hints({ apiKey }) {
  const { attention, replacedBy, expiresAt, status } = apiKey;
  return html`
    ${replacedBy && html`<${Notice} look="note"><p>This key was rotated. <a href=${address(`/keys/${replacedBy}`)}>Its successor</a> has taken over${
      status === "active" && expiresAt ? html`; this one works until <${Moment} at=${expiresAt} />. The requests below show who still uses it` : ""}.</p><//>`}
    ${status === "revoked" && html`<${Notice} look="bad"><p>This key was deleted and is refused for ever. What it did stays to be seen.</p><//>`}
    ${status !== "revoked" && attention.includes("unused_90_days") && html`<${Notice} look="warn"><p>Nobody has used this key for 90 days. If no program needs it any more, delete it.</p><//>`}
    ${status !== "revoked" && !replacedBy && attention.includes("older_than_90_days") && html`<${Notice} look="warn"><p>This key is older than 90 days. Rotating keys now and then limits what an unnoticed leak can do.</p><//>`}`;
}
