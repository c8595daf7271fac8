// The API keys of the account.
import { useList, withQuery } from "../../api.js";
import { html } from "../../html.js";
import { Badge, KeyState } from "../../parts/badge.js";
import { CopyButton } from "../../parts/copy.js";
import { ClearFilters, SearchFilter, SelectFilter } from "../../parts/filters.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { Empty } from "../../parts/notice.js";
import { Heading } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { address, place, setQuery } from "../../router.js";
import { may, me } from "../../session.js";
import { useKeyActions } from "./actions.js";
import { GenerateDialog } from "./generate.js";
import { RestrictionsInShort } from "./restrictions.js";

const FILTERS = ["q", "status", "type", "mode", "projectId", "attention"];
const ATTENTION = { unused_90_days: "Unused for 90 days", older_than_90_days: "Older than 90 days" };

export function KeysPage() {
  const { query } = place.value;
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query[name]]));
  const list = useList(withQuery("/v1/account/api-keys", filters), "apiKeys");
  const actions = useKeyActions(list.reload);
  const mayWrite = may("keys:write");
  const generate = html`<button type="button" class="button primary" onClick=${() => setQuery({ make: "1" })}><${Icon} name="plus" />Generate key</button>`;
  const isFiltered = FILTERS.some((name) => query[name]);
  const empty = isFiltered
    ? html`<${Empty} title="No key is like that"><p>Search for a part of its name, or the first characters of the key. Deleted keys are shown under “Status: Deleted”.</p><//>`
    : html`<${Empty} title="No keys yet"><p>A program sends mail with a key of its own, so that each can be limited, watched and deleted alone.</p>${mayWrite && generate}<//>`;
  return html`
    <${Heading} title="API keys" about="What programs show to be let in. Give each program one of its own." actions=${mayWrite && generate} />
    <div class="filters">
      <${SearchFilter} label="Search keys" placeholder="Name or first characters of the key" />
      <${SelectFilter} name="status" label="Status" options=${[["", "All but deleted"], ["active", "Active"], ["inactive", "Inactive"], ["expired", "Expired"], ["revoked", "Deleted"], ["all", "All"]]} />
      <${SelectFilter} name="projectId" label="Project" options=${[["", "All"], ...me.value.projects.map(({ id, name }) => [id, name])]} />
      <${SelectFilter} name="type" label="Type" options=${[["", "All"], ["project", "Project"], ["account", "Account"]]} />
      <${SelectFilter} name="mode" label="Mode" options=${[["", "All"], ["live", "Live"], ["test", "Test"]]} />
      <${SelectFilter} name="attention" label="Attention" options=${[["", "All"], ...Object.entries(ATTENTION)]} />
      <${ClearFilters} names=${FILTERS} />
    </div>
    <${Listing} list=${list} caption="API keys" empty=${empty} rowLook=${(key) => (key.status === "active" ? "" : "faded")} columns=${columns(actions)} />
    ${query.make && mayWrite && html`<${GenerateDialog} onClose=${() => setQuery({ make: "" })} onMade=${list.reload} />`}
    ${actions.dialog}`;
}

const columns = (actions) => [
  {
    head: "Name",
    look: "main",
    cell: (key) => html`<a class="wrap strong" href=${address(`/keys/${key.id}`)}>${key.name}</a>
      ${key.attention.map((kind) => html`<div><${Badge} look="warn">${ATTENTION[kind] ?? kind}<//></div>`)}`,
  },
  {
    head: "Key",
    cell: (key) => html`<code class="line">${key.displayKey}</code>
      <span class="id"><code title=${key.id}>${key.id.slice(0, 13)}…</code><${CopyButton} text=${key.id} what="key id" /></span>`,
  },
  { head: "Type", cell: (key) => (key.type === "account" ? "Account" : "Project") },
  { head: "Project", cell: (key) => (key.type === "account" ? html`<span class="soft">All</span>` : html`<span class="wrap">${key.projectName ?? "–"}</span>`) },
  { head: "Mode", cell: (key) => (key.mode === "test" ? html`<${Badge} look="note">Test<//>` : "Live") },
  { head: "Restrictions", cell: (key) => html`<${RestrictionsInShort} apiKey=${key} />` },
  { head: "Status", cell: (key) => html`<${KeyState} state=${key.status} />` },
  { head: "Created", cell: (key) => html`<${Moment} at=${key.createdAt} />` },
  { head: "Last used", cell: (key) => html`<${Moment} at=${key.lastUsedAt} />` },
  { name: "Actions", look: "end", cell: (key) => html`<${Menu} label=${`Actions for ${key.name}`} items=${actions.itemsFor(key)} />` },
];
