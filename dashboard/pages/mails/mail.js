// One mail: what is in it, where it stands, and what happened to it.
import { ask, useLoaded } from "../../api.js";
import { html, useEffect } from "../../html.js";
import { Badge, MailState } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { Moment } from "../../parts/moment.js";
import { Failure, Loading, Notice } from "../../parts/notice.js";
import { Card, Facts, Heading } from "../../parts/page.js";
import { place } from "../../router.js";
import { may, scoped } from "../../session.js";
import { useMailActions } from "./actions.js";
import { MailContent } from "./content.js";
import { Deliveries, UNDER_WAY } from "./progress.js";
import { Timeline } from "./timeline.js";
import { WebhooksTold } from "./told.js";

/** How often a mail that is under way is looked at again, in milliseconds. */
const LOOK_AGAIN = 3000;

export function MailPage({ id }) {
  const isBox = place.value.path.startsWith("/mailbox");
  const back = { href: scoped(isBox ? "/mailbox" : "/mails"), label: isBox ? "Mailbox" : "Mails" };
  const path = `/v1/mails/${encodeURIComponent(id)}`;
  const { data: mail, error, reload, replace } = useLoaded(path, { scoped: true });
  const actions = useMailActions(mail, replace);
  const isUnderWay = mail?.deliveries.some(({ status }) => UNDER_WAY.includes(status)) ?? false;
  useEffect(() => {
    if (!isUnderWay || actions.isOpen) return undefined;
    const timer = setInterval(() => !document.hidden && ask("GET", path, { scoped: true }).then(replace, () => {}), LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [isUnderWay, path, actions.isOpen]);

  if (error) return html`<${Heading} title="Mail" back=${back} /><${Failure} error=${error} again=${reload} />`;
  if (!mail) return html`<${Heading} title="Mail" back=${back} /><${Loading} />`;
  const isComplained = mail.events.some(({ type }) => type === "complained");
  return html`
    <${Heading} title=${mail.subject || "(no subject)"} back=${back}
      about=${html`<span class="tags"><${MailState} state=${mail.status} />${isComplained && html`<${MailState} state="complained" />`}${mail.test && html`<${Badge} look="note">Test<//>`}
        ${mail.tags.map((tag) => html`<a class="plain-link" href=${scoped("/mails", { tag })}><${Badge}>${tag}<//></a>`)}
        <span class="soft">accepted <${Moment} at=${mail.createdAt} /></span></span>`}
      actions=${actions.buttons} />
    ${mail.missingVariables.length > 0 && html`<${Notice} look="warn"><p>The templates name variables that the request did not give; they were left empty: ${mail.missingVariables.map((name) => html`<code>${name}</code> `)}</p><//>`}
    <div class="columns">
      <${Card} title="Deliveries"><${Deliveries} mail=${mail} /><//>
      <${Card} title="Mail">
        <${Facts} rows=${[
          ["From", html`<${Mailbox} ...${mail.from} />`],
          ["To", html`<${Mailboxes} list=${mail.to} />`],
          mail.cc.length > 0 && ["Cc", html`<${Mailboxes} list=${mail.cc} />`],
          mail.bcc.length > 0 && ["Bcc", html`<${Mailboxes} list=${mail.bcc} />`],
          mail.replyTo && ["Reply to", html`<${Mailboxes} list=${[mail.replyTo].flat()} />`],
          mail.attachments.length > 0 && ["Files", html`<ul class="plain">${mail.attachments.map((file) => html`<li class="wrap"><bdi>${file.fileName}</bdi> <span class="soft">${size(file.size)}</span></li>`)}</ul>`],
          ...detailsOf(mail),
          ["Mail id", html`<${Copyable} text=${mail.id} what="mail id" />`],
        ]} />
      <//>
    </div>
    <${Card} title="Timeline" about="Everything that happened, oldest first, and what comes next."><${Timeline} mail=${mail} /><//>
    <${WebhooksTold} mail=${mail} turn=${mail.events.length} />
    <${MailContent} mail=${mail} />
    ${actions.dialog}`;
}

const PRIORITIES = { high: "High", normal: "Normal", low: "Low" };

/** What the author said of it beside its content, where anything was said. */
function detailsOf({ scheduledAt, templateId, unsubscribeGroupId, batchId, priority, metadata }) {
  const notes = Object.entries(metadata ?? {});
  const template = may("templates:read") ? html`<a href=${scoped(`/templates/${templateId}`)}><code>${templateId}</code></a>` : html`<code>${templateId}</code>`;
  return [
    scheduledAt && ["Scheduled for", html`<${Moment} at=${scheduledAt} precise />`],
    priority && ["Priority", PRIORITIES[priority] ?? priority],
    templateId && ["Template", template],
    unsubscribeGroupId && ["Group", html`<code>${unsubscribeGroupId}</code>`],
    batchId && ["Batch", html`<${Copyable} text=${batchId} what="batch id" /> <a href=${scoped("/mails", { batchId })}>Its mails</a>`],
    notes.length > 0 && ["Metadata", html`<ul class="plain">${notes.map(([name, value]) => html`<li class="wrap"><code>${name}</code> <bdi>${String(value)}</bdi></li>`)}</ul>`],
  ];
}

function Mailbox({ email, name }) {
  return html`<span class="wrap">${name ? html`<bdi>${name}</bdi> <bdi class="soft">${email}</bdi>` : html`<bdi>${email}</bdi>`}</span>`;
}

function Mailboxes({ list }) {
  return html`<ul class="plain">${list.map((one) => html`<li><${Mailbox} ...${one} /></li>`)}</ul>`;
}

const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
