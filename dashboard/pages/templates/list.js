// The templates of a project.
import { ask, useList, withQuery } from "../../api.js";
import { html } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { SearchFilter } from "../../parts/filters.js";
import { FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { Moment } from "../../parts/moment.js";
import { Empty } from "../../parts/notice.js";
import { Heading } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { go, place, setQuery } from "../../router.js";
import { may, scoped } from "../../session.js";

/** What a new template begins with. */
const FIRST_HTML = "<h1>Hello {{firstName}}</h1>\n\n<p>Write here.</p>\n";

export function TemplatesPage() {
  const { q, make } = place.value.query;
  const path = q ? withQuery("/v1/templates/search", { query: q, limit: 25 }) : "/v1/templates/search?limit=25";
  const list = useList(path, "templates", { scoped: true, rowKey: "templateId" });
  const mayWrite = may("templates:write");
  const button = html`<button type="button" class="button primary" onClick=${() => setQuery({ make: "1" })}><${Icon} name="plus" />New template</button>`;
  const empty = q
    ? html`<${Empty} title="No template is like that"><p>The search looks at names, subjects and ids.</p><//>`
    : html`<${Empty} title="No templates yet"><p>A template keeps the words of a mail here, where they can be changed without changing your program. Requests name it as <code>templateId</code>.</p>${mayWrite && button}<//>`;
  return html`
    <${Heading} title="Templates" about="The words of your mails. What is published is sent; drafts are for you alone." actions=${mayWrite && button} />
    <div class="filters"><${SearchFilter} label="Search templates" placeholder="Name, subject or id" /></div>
    <${Listing} list=${list} caption="Templates" rowKey="templateId" empty=${empty} columns=${[
      {
        head: "Name",
        look: "main",
        cell: (one) => html`<a class="wrap strong" href=${scoped(`/templates/${one.templateId}`)}>${one.templateName}</a>${one.description && html`<div class="soft small wrap">${one.description}</div>`}`,
      },
      { head: "Subject", cell: (one) => html`<span class="wrap">${one.subject}</span>` },
      { head: "Status", cell: (one) => html`<${Versions} template=${one} />` },
      { head: "Template id", cell: (one) => html`<${Copyable} text=${one.templateId} what="template id" />` },
      { head: "Changed", cell: (one) => html`<${Moment} at=${one.updatedAt} />` },
    ]} />
    ${make && mayWrite && html`<${NewTemplate} onClose=${() => setQuery({ make: "" })} />`}`;
}

/** Which version is sent, and whether a newer one waits. */
export function Versions({ template: { latestVersion, publishedVersion } }) {
  return html`<span class="tags">
    ${publishedVersion ? html`<${Badge} look="good">Version ${publishedVersion} is sent<//>` : html`<${Badge}>Not published<//>`}
    ${publishedVersion && latestVersion > publishedVersion && html`<${Badge} look="note">Draft: version ${latestVersion}<//>`}</span>`;
}

function NewTemplate({ onClose }) {
  const form = useForm({ templateName: "", subject: "" }, async ({ templateName, subject }) => {
    const made = await ask("POST", "/v1/templates", { body: { templateName, subject, emailTemplate: FIRST_HTML, publish: false }, scoped: true });
    go(scoped(`/templates/${made.templateId}`));
  });
  return html`<${Dialog} title="New template" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="templateName" label="Name" hint="For you; recipients do not see it." required maxlength="90" autocomplete="off" />
        <${Text} form=${form} name="subject" label="Subject" hint=${html`May have variables, such as <code>${"{{firstName}}"}</code>.`} required maxlength="988" autocomplete="off" />
        <${FormFailure} form=${form} fields=${["templateName", "subject"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Make it<//></footer>
    </form>
  <//>`;
}
