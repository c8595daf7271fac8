// Which page belongs to which path, and what stands around it.
import { html, useEffect, useState } from "./html.js";
import { ContactPage } from "./pages/contacts/contact.js";
import { ContactsPage } from "./pages/contacts/index.js";
import { DomainPage } from "./pages/domains/domain.js";
import { DomainsPage } from "./pages/domains/list.js";
import { KeyPage } from "./pages/keys/key.js";
import { KeysPage } from "./pages/keys/list.js";
import { MailPage } from "./pages/mails/mail.js";
import { MailboxPage, MailsPage } from "./pages/mails/list.js";
import { AuditPage } from "./pages/audit.js";
import { ForgotPage } from "./pages/forgot.js";
import { OverviewPage } from "./pages/overview.js";
import { ProjectsPage } from "./pages/projects/list.js";
import { SettingsPage } from "./pages/settings/index.js";
import { SignInPage } from "./pages/sign-in.js";
import { SuppressionsPage } from "./pages/suppressions/index.js";
import { TeamPage } from "./pages/team.js";
import { TemplatesPage } from "./pages/templates/list.js";
import { TemplatePage } from "./pages/templates/template.js";
import { WebhooksPage } from "./pages/webhooks/list.js";
import { WebhookPage } from "./pages/webhooks/webhook.js";
import { WelcomePage } from "./pages/welcome.js";
import { Empty, Failure, Loading, Sayings } from "./parts/notice.js";
import { Heading } from "./parts/page.js";
import { Shell } from "./parts/shell.js";
import { address, go, place } from "./router.js";
import { loadMe, me } from "./session.js";

/** Pages that need nobody to be signed in. */
const OPEN = { "/sign-in": SignInPage, "/welcome": WelcomePage, "/forgot": ForgotPage };

const PAGES = [
  [/^\/$/, OverviewPage],
  [/^\/keys$/, KeysPage],
  [/^\/keys\/([^/]+)$/, KeyPage],
  [/^\/projects$/, ProjectsPage],
  [/^\/mails$/, MailsPage],
  [/^\/mails\/([^/]+)$/, MailPage],
  [/^\/mailbox$/, MailboxPage],
  [/^\/mailbox\/([^/]+)$/, MailPage],
  [/^\/templates$/, TemplatesPage],
  [/^\/templates\/([^/]+)$/, TemplatePage],
  [/^\/contacts$/, ContactsPage],
  [/^\/contacts\/([^/]+)$/, ContactPage],
  [/^\/suppressions$/, SuppressionsPage],
  [/^\/domains$/, DomainsPage],
  [/^\/domains\/([^/]+)$/, DomainPage],
  [/^\/webhooks$/, WebhooksPage],
  [/^\/webhooks\/([^/]+)$/, WebhookPage],
  [/^\/team$/, TeamPage],
  [/^\/audit$/, AuditPage],
  [/^\/settings$/, SettingsPage],
];

function MissingPage() {
  return html`<${Heading} title="There is no such page" />
    <${Empty} title="The address leads nowhere">
      <p>It may be mistyped, or what it showed is gone.</p>
      <p><a class="button" href=${address("/")}>Go to the overview</a></p>
    <//>`;
}

export function App() {
  const { path, query } = place.value;
  const Open = OPEN[path];
  const [failure, setFailure] = useState(null);
  const load = () => {
    setFailure(null);
    loadMe().catch(setFailure);
  };
  useEffect(() => {
    if (me.value === undefined && !Open) load();
  }, [path]);
  const isLost = me.value === null && !Open;
  useEffect(() => {
    if (!isLost) return;
    const next = path === "/" ? "" : address(path, query);
    go(address("/sign-in", { next }), { replace: true });
  }, [isLost]);

  if (Open) return html`<${Open} key=${path} /><${Sayings} />`;
  if (failure) return html`<main class="alone"><${Failure} error=${failure} again=${load} /></main>`;
  if (!me.value) return html`<main class="alone"><${Loading} /></main>`;
  const [Page, id] = pageOf(path);
  return html`<${Shell}><${Page} key=${path} id=${id} /><//><${Sayings} />`;
}

function pageOf(path) {
  for (const [pattern, page] of PAGES) {
    const match = pattern.exec(path);
    if (match) return [page, match[1]];
  }
  return [MissingPage];
}
