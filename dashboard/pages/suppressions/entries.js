// The suppressed addresses of a project.
import { ask, useList } from "../../api.js";
import { html, useState } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Confirmation, Dialog } from "../../parts/dialog.js";
import { ClearFilters, SearchFilter, SelectFilter } from "../../parts/filters.js";
import { entriesOf, FormFailure, Lines, Select, Submit, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { Empty, say } from "../../parts/notice.js";
import { Listing } from "../../parts/table.js";
import { go, place } from "../../router.js";
import { may, scoped } from "../../session.js";
import { count } from "../../words.js";
import { EraseDialog } from "../contacts/erase.js";

/** The group that all mail belongs to. */
const GLOBAL = "GLOBAL";

const REASONS = {
  BOUNCE: ["bad", "Bounced"],
  COMPLAINT: ["bad", "Complained"],
  UNSUBSCRIBE: ["warn", "Unsubscribed"],
  MANUAL: ["off", "By hand"],
};
const FILTERS = ["q", "group", "reason"];

/** How the server is told which group is meant. */
const groupOf = (group) => (group === GLOBAL ? { isGlobal: true } : { groupId: group });

export function Entries({ groups }) {
  const { q, group, reason } = place.value.query;
  const body = { ...(group && groupOf(group)), reason: reason || undefined, search: q || undefined, limit: 25 };
  const list = useList("/v1/suppression-groups/entries", "entries", { scoped: true, body });
  const [open, setOpen] = useState(null);
  const mayWrite = may("suppressions:write");
  const close = () => setOpen(null);
  const all = groups.items ?? [];
  const nameOf = (id) => (id === GLOBAL ? "All mail" : all.find(({ groupId }) => groupId === id)?.name ?? id);
  const options = [[GLOBAL, "All mail"], ...all.filter(({ isGlobal }) => !isGlobal).map(({ groupId, name }) => [groupId, name])];
  const done = (words) => {
    close();
    say(words);
    list.reload();
    groups.reload();
  };
  const add = html`<button type="button" class="button primary" onClick=${() => setOpen({ add: true })}><${Icon} name="plus" />Suppress…</button>`;
  const isFiltered = FILTERS.some((name) => place.value.query[name]);
  const empty = isFiltered
    ? html`<${Empty} title="No address is like that"><p>The search takes a piece of an address. Clear the filters to see all.</p><//>`
    : html`<${Empty} title="Nobody is suppressed"><p>Addresses that bounce for good or complain join this list by themselves, and so does whoever unsubscribes.</p><//>`;
  return html`
    <div class="filters">
      <${SearchFilter} label="Search addresses" placeholder="A piece of the address" />
      <${SelectFilter} name="group" label="Group" options=${[["", "All"], ...options]} />
      <${SelectFilter} name="reason" label="Reason" options=${[["", "All"], ...Object.entries(REASONS).map(([name, [, words]]) => [name, words])]} />
      <${ClearFilters} names=${FILTERS} />
      ${mayWrite && html`<span class="last">${add}</span>`}
    </div>
    <${Listing} list=${list} caption="Suppressed addresses" empty=${empty} columns=${[
      { head: "Address", look: "main", cell: (one) => html`<b class="wrap">${one.email}</b>` },
      { head: "Gets no", cell: (one) => html`<span class="wrap">${one.groupId === GLOBAL ? "Mail at all" : `Mail of “${nameOf(one.groupId)}”`}</span>` },
      { head: "Reason", cell: ({ reason: why }) => html`<${Badge} look=${REASONS[why]?.[0]}>${REASONS[why]?.[1] ?? why}<//>` },
      { head: "Since", cell: (one) => html`<${Moment} at=${one.createdAt} />` },
      {
        name: "Actions",
        look: "end",
        cell: (one) => (mayWrite || may("mails:read")) && html`<${Menu} label=${`Actions for ${one.email}`} items=${[
          may("mails:read") && { label: "Mails to it", act: () => go(scoped("/mails", { q: one.email })) },
          mayWrite && { label: "Remove…", act: () => setOpen({ remove: one }) },
          may("recipients:erase") && { label: "Erase everywhere…", look: "danger", act: () => setOpen({ erase: one }) },
        ]} />`,
      },
    ]} />
    ${open?.add && html`<${SuppressDialog} options=${options} group=${group} onClose=${close} onDone=${done} />`}
    ${open?.erase && html`<${EraseDialog} email=${open.erase.email} onClose=${close} onDone=${() => {
      close();
      list.reload();
    }} />`}
    ${open?.remove && html`<${Confirmation} title="Send to this address again?" action="Remove" look="danger" onClose=${close} onConfirm=${async () => {
      const { email, groupId } = open.remove;
      await ask("POST", "/v1/suppression-groups/emails/unsuppress", { body: { emails: [email], ...groupOf(groupId) }, scoped: true });
      done(`${email} may get mail again.`);
    }}>
      <p><b class="wrap">${open.remove.email}</b> leaves the list${open.remove.reason === "UNSUBSCRIBE" ? " although its owner asked for no more mail. Only do so if they asked you to" : ""}.
      ${open.remove.reason === "BOUNCE" && " Should the address bounce once more, it comes back by itself."}</p>
    <//>`}`;
}

function SuppressDialog({ options, group, onClose, onDone }) {
  const form = useForm({ emails: "", group: options.some(([id]) => id === group) ? group : GLOBAL, reason: "MANUAL" }, async (values) => {
    const body = { emails: entriesOf(values.emails), reason: values.reason, ...groupOf(values.group) };
    const { suppressed } = await ask("POST", "/v1/suppression-groups/emails/suppress", { body, scoped: true });
    onDone(`${count(suppressed, "address", "addresses")} joined the list.`);
  });
  return html`<${Dialog} title="Suppress addresses" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Lines} form=${form} name="emails" label="Addresses" hint="One in a line, or with commas between them." rows=${4} placeholder="ada@example.org" required />
        <${Select} form=${form} name="group" label="They get no" options=${options} />
        <${Select} form=${form} name="reason" label="Reason" options=${Object.entries(REASONS).map(([name, [, words]]) => [name, words])} />
        <${FormFailure} form=${form} fields=${["emails"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Suppress<//></footer>
    </form>
  <//>`;
}
