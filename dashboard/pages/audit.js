// What was done to keys, projects and people: who, what, when, from where.
import { useList, withQuery } from "../api.js";
import { html } from "../html.js";
import { ClearFilters, SelectFilter } from "../parts/filters.js";
import { Moment } from "../parts/moment.js";
import { Empty } from "../parts/notice.js";
import { Heading } from "../parts/page.js";
import { Listing } from "../parts/table.js";
import { address, place } from "../router.js";
import { me, projectName } from "../session.js";
import { ACTIONS } from "../words.js";

const FILTERS = ["action", "projectId", "subjectId"];

export function AuditPage() {
  const { action, projectId, subjectId } = place.value.query;
  const list = useList(withQuery("/v1/account/audit-log", { action, projectId, subjectId, limit: 50 }), "entries");
  const isFiltered = FILTERS.some((name) => place.value.query[name]);
  return html`
    <${Heading} title="Audit log" about="Who did what to keys, projects and people, and from where. Nobody can change it." />
    <div class="filters">
      <${SelectFilter} name="action" label="Action" options=${[["", "All"], ...Object.entries(ACTIONS)]} />
      <${SelectFilter} name="projectId" label="Project" options=${[["", "All"], ...me.value.projects.map(({ id, name }) => [id, name])]} />
      ${subjectId && html`<span class="chip">Only one thing: <code>${subjectId.slice(0, 8)}…</code></span>`}
      <${ClearFilters} names=${FILTERS} />
    </div>
    <${Listing} list=${list} caption="Audit log"
      empty=${isFiltered
        ? html`<${Empty} title="Nothing of this kind was done"><p>Clear the filters to see everything.</p><//>`
        : html`<${Empty} title="Nothing was done yet"><p>Whatever is done to keys, projects and people appears here.</p><//>`}
      columns=${[
        { head: "When", cell: (entry) => html`<${Moment} at=${entry.at} precise />` },
        { head: "What", look: "main", cell: (entry) => html`<b>${ACTIONS[entry.action] ?? entry.action}</b>` },
        { head: "To", cell: (entry) => html`<${Subject} entry=${entry} />` },
        { head: "Who", cell: (entry) => html`<span class="wrap">${entry.actor.label}</span>${entry.actor.kind === "api_key" && html` <span class="soft small">key</span>`}` },
        { head: "From", cell: (entry) => (entry.from ? html`<code>${entry.from}</code>` : html`<span class="soft">–</span>`) },
        { head: "Details", cell: (entry) => html`<${Details} entry=${entry} />` },
      ]} />`;
}

function Subject({ entry }) {
  const { id, label } = entry.subject;
  const name = label || id;
  if (entry.action.startsWith("api_key.")) return html`<a class="wrap" href=${address(`/keys/${id}`)}>${name}</a>`;
  return html`<span class="wrap">${name}</span>`;
}

function Details({ entry }) {
  const told = Object.entries(entry.details ?? {});
  const where = projectName(entry.projectId);
  if (told.length === 0 && !where) return html`<span class="soft">–</span>`;
  return html`<details class="inline"><summary>Show</summary>
    <dl class="facts small">
      ${where && html`<div><dt>project</dt><dd class="wrap">${where}</dd></div>`}
      ${told.map(([name, value]) => html`<div><dt>${name}</dt><dd class="wrap">${typeof value === "object" ? JSON.stringify(value) : String(value)}</dd></div>`)}
    </dl>
  </details>`;
}
