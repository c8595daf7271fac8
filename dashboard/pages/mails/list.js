// The mails of a project; and those of them that were captured.
import { useList, withQuery } from "../../api.js";
import { html } from "../../html.js";
import { Badge, MailState } from "../../parts/badge.js";
import { ClearFilters, DayFilter, SearchFilter, SelectFilter } from "../../parts/filters.js";
import { Icon } from "../../parts/icon.js";
import { Moment } from "../../parts/moment.js";
import { Empty } from "../../parts/notice.js";
import { Heading } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { address, place } from "../../router.js";
import { may, me, scoped } from "../../session.js";
import { MAIL_STATES } from "../../words.js";

const SHOWN = ["scheduled", "queued", "deferred", "sent", "partially_sent", "captured", "bounced", "failed", "suppressed", "complained", "held", "cancelled"];
const FILTERS = ["q", "status", "test", "after", "before", "keyId", "tag", "batchId"];

/** The beginning of a day in the reader's zone, or of the one that follows it. */
function midnight(day, later = 0) {
  const [year, month, date] = (day ?? "").split("-").map(Number);
  if (!date) return undefined;
  const at = new Date(year, month - 1, date + later);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

function useMails(fixed) {
  const { q, status, test, after, before, keyId, tag, batchId } = place.value.query;
  const query = { q, status, test, keyId, tag, batchId, after: midnight(after), before: midnight(before, 1), limit: 25, ...fixed };
  return useList(withQuery("/v1/mails", query), "mails", { scoped: true });
}

const refresh = (list) => html`<button type="button" class="button" onClick=${list.reload}><${Icon} name="refresh" />Refresh</button>`;

export function MailsPage() {
  const list = useMails({});
  const { query } = place.value;
  const isFiltered = FILTERS.some((name) => query[name]);
  const states = [["", "All"], ...SHOWN.map((state) => [state, MAIL_STATES[state][1]])];
  // The overview leads to several at once.
  const several = query.status?.includes(",") && [query.status, query.status.split(",").map((state) => MAIL_STATES[state]?.[1] ?? state).join(" or ")];
  const empty = isFiltered
    ? html`<${Empty} title="No mail is like that"><p>The search takes a whole address, of the author or the recipient, or the id of a mail. Clear the filters to see all.</p><//>`
    : html`<${Empty} title="No mails yet"><p>Mails appear here as soon as they are accepted.</p>
        ${may("keys:write") && html`<a class="button primary" href=${address("/keys", { make: "1" })}>Generate a key</a>`}<//>`;
  return html`
    <${Heading} title="Mails" about="Everything that this project sent, newest first." actions=${refresh(list)} />
    <div class="filters">
      <${SearchFilter} label="Search mails" placeholder="Whole address or mail id" whole />
      <${SelectFilter} name="status" label="Status" options=${several ? [...states, several] : states} />
      <${SelectFilter} name="test" label="Mode" options=${[["", "All"], ["false", "Live"], ["true", "Test"]]} />
      <${DayFilter} name="after" label="From" />
      <${DayFilter} name="before" label="To" />
      ${query.keyId && html`<span class="chip">Sent with <a href=${address(`/keys/${query.keyId}`)}>one key</a></span>`}
      ${query.tag && html`<span class="chip">Tag: <b class="wrap">${query.tag}</b></span>`}
      ${query.batchId && html`<span class="chip">Of one batch</span>`}
      <${ClearFilters} names=${FILTERS} />
    </div>
    <${Listing} list=${list} caption="Mails" empty=${empty} columns=${columns("/mails", true)} />`;
}

export function MailboxPage() {
  const list = useMails({ status: "captured" });
  const isFiltered = ["q", "after", "before"].some((name) => place.value.query[name]);
  const about = me.value.server.captureMailbox
    ? "No relay is set, so every mail ends here and leaves this server nowhere. Set SMTP_URL to really send."
    : "Mail of test keys and test requests. None of it left this server.";
  const empty = isFiltered
    ? html`<${Empty} title="No captured mail is like that"><p>The search takes a whole address or the id of a mail.</p><//>`
    : html`<${Empty} title="The mailbox is empty"><p>Send with a test key, or with <code>"test": true</code>, and look at the mail here as its recipient would see it.</p><//>`;
  return html`
    <${Heading} title="Mailbox" about=${about} actions=${refresh(list)} />
    <div class="filters">
      <${SearchFilter} label="Search the mailbox" placeholder="Whole address or mail id" whole />
      <${DayFilter} name="after" label="From" />
      <${DayFilter} name="before" label="To" />
      <${ClearFilters} names=${["q", "after", "before"]} />
    </div>
    <${Listing} list=${list} caption="Captured mail" empty=${empty} columns=${columns("/mailbox", false)} />`;
}

const columns = (base, withState) => [
  {
    head: "Subject",
    look: "main",
    cell: (mail) => html`<a class="wrap strong" href=${scoped(`${base}/${mail.id}`)}>${mail.subject || "(no subject)"}</a> ${mail.test && html`<${Badge} look="note">Test<//>`}
      ${mail.tags.map((tag) => html` <a class="plain-link" href=${scoped("/mails", { tag })}><${Badge}>${tag}<//></a>`)}`,
  },
  {
    head: "To",
    look: "address",
    cell: ({ to, recipients: { pending, sent, failed, held } }) => {
      const more = pending + sent + failed + held - 1;
      return html`<span class="wrap">${to}</span>${more > 0 && html` <span class="soft">+${more}</span>`}`;
    },
  },
  { head: "From", look: "address", cell: ({ from }) => html`<span class="wrap">${from}</span>` },
  withState && {
    head: "Status",
    cell: ({ status, complained }) => html`<${MailState} state=${status} />${complained && html` <${MailState} state="complained" />`}`,
  },
  { head: "Accepted", cell: ({ createdAt, scheduledAt, status }) => html`<${Moment} at=${createdAt} />${status === "scheduled" && html`<div class="soft small">to be sent <${Moment} at=${scheduledAt} /></div>`}` },
].filter(Boolean);
