// One mail: what is in it, where it stands, and what happened to it.
import { ask, useLoaded } from "../../api.js";
import { html, useEffect, useState } from "../../html.js";
import { Badge, MailState } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { Confirmation } from "../../parts/dialog.js";
import { Moment } from "../../parts/moment.js";
import { Failure, Loading, Notice, say } from "../../parts/notice.js";
import { Card, Facts, Heading } from "../../parts/page.js";
import { place } from "../../router.js";
import { may, scoped } from "../../session.js";
import { MailContent } from "./content.js";
import { Deliveries, Timeline } from "./progress.js";

const UNDER_WAY = ["queued", "sending", "deferred"];

/** How often a mail that is under way is looked at again, in milliseconds. */
const LOOK_AGAIN = 3000;

export function MailPage({ id }) {
  const isBox = place.value.path.startsWith("/mailbox");
  const back = { href: scoped(isBox ? "/mailbox" : "/mails"), label: isBox ? "Mailbox" : "Mails" };
  const path = `/v1/mails/${encodeURIComponent(id)}`;
  const { data: mail, error, reload, replace } = useLoaded(path, { scoped: true });
  const [asking, setAsking] = useState(null);
  const isUnderWay = mail?.deliveries.some(({ status }) => UNDER_WAY.includes(status)) ?? false;
  useEffect(() => {
    if (!isUnderWay || asking) return undefined;
    const timer = setInterval(() => !document.hidden && ask("GET", path, { scoped: true }).then(replace, () => {}), LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [isUnderWay, path, asking]);

  if (error) return html`<${Heading} title="Mail" back=${back} /><${Failure} error=${error} again=${reload} />`;
  if (!mail) return html`<${Heading} title="Mail" back=${back} /><${Loading} />`;
  const has = (states) => mail.deliveries.some(({ status }) => states.includes(status));
  const mayRetry = may("mails:send") && has(["held", "deferred"]);
  const mayCancel = may("mails:send") && has(["queued", "deferred", "held"]);
  const act = (verb, words) => async () => {
    replace(await ask("POST", `${path}/${verb}`, { scoped: true }));
    setAsking(null);
    say(words);
  };
  return html`
    <${Heading} title=${mail.subject || "(no subject)"} back=${back}
      about=${html`<span class="tags"><${MailState} state=${mail.status} />${mail.test && html`<${Badge} look="note">Test<//>`}<span class="soft">accepted <${Moment} at=${mail.createdAt} /></span></span>`}
      actions=${(mayRetry || mayCancel) && html`
        ${mayRetry && html`<button type="button" class="button" onClick=${() => setAsking("retry")}>Try again…</button>`}
        ${mayCancel && html`<button type="button" class="button danger" onClick=${() => setAsking("cancel")}>Cancel…</button>`}`} />
    ${mail.missingVariables.length > 0 && html`<${Notice} look="warn"><p>The templates name variables that the request did not give; they were left empty: ${mail.missingVariables.map((name) => html`<code>${name}</code> `)}</p><//>`}
    <div class="columns">
      <${Card} title="Deliveries"><${Deliveries} mail=${mail} /><//>
      <${Card} title="Mail">
        <${Facts} rows=${[
          ["From", html`<${Mailbox} ...${mail.from} />`],
          ["To", html`<${Mailboxes} list=${mail.to} />`],
          mail.cc.length > 0 && ["Cc", html`<${Mailboxes} list=${mail.cc} />`],
          mail.bcc.length > 0 && ["Bcc", html`<${Mailboxes} list=${mail.bcc} />`],
          mail.replyTo && ["Reply to", html`<${Mailbox} ...${mail.replyTo} />`],
          mail.attachments.length > 0 && ["Files", html`<ul class="plain">${mail.attachments.map((file) => html`<li class="wrap">${file.fileName} <span class="soft">${size(file.size)}</span></li>`)}</ul>`],
          ["Mail id", html`<${Copyable} text=${mail.id} what="mail id" />`],
        ]} />
      <//>
    </div>
    <${MailContent} mail=${mail} />
    <${Card} title="Timeline" about="Everything that happened, oldest first."><${Timeline} events=${mail.events} /><//>
    ${asking === "retry" && html`<${Confirmation} title="Try again?" action="Try again" onClose=${() => setAsking(null)} onConfirm=${act("retry", "It is tried again now.")}>
      <p>Every recipient whose mail waits or is held gets another attempt now.</p>
      ${has(["held"]) && html`<p>Where the relay’s answer was lost, the mail may already have arrived and would come a second time.</p>`}
    <//>`}
    ${asking === "cancel" && html`<${Confirmation} title="Cancel what is left?" action="Cancel the mail" look="danger" onClose=${() => setAsking(null)} onConfirm=${act("cancel", "It is cancelled.")}>
      <p>Recipients who do not have the mail yet will not get it. What was sent cannot be taken back.</p>
    <//>`}`;
}

function Mailbox({ email, name }) {
  return html`<span class="wrap">${name ? html`${name} <span class="soft">${email}</span>` : email}</span>`;
}

function Mailboxes({ list }) {
  return html`<ul class="plain">${list.map((one) => html`<li><${Mailbox} ...${one} /></li>`)}</ul>`;
}

const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
