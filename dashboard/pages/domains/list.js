// The domains that a project sends from, and the names that it writes under.
import { ask, useList } from "../../api.js";
import { html, useState } from "../../html.js";
import { DomainState } from "../../parts/badge.js";
import { Dialog } from "../../parts/dialog.js";
import { FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { Empty, say } from "../../parts/notice.js";
import { Heading } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { go } from "../../router.js";
import { may, scoped } from "../../session.js";
import { DeleteDomain } from "./delete.js";
import { recordsOf, stateOf } from "./records.js";
import { Senders } from "./senders.js";

const page = (domain) => scoped(`/domains/${domain.id}`);

export function DomainsPage() {
  const list = useList("/v1/domains", "domains", { scoped: true });
  const [open, setOpen] = useState(null);
  const mayWrite = may("domains:write");
  const close = () => setOpen(null);
  const add = html`<button type="button" class="button primary" onClick=${() => setOpen({ add: true })}><${Icon} name="plus" />Add domain</button>`;
  const empty = html`<${Empty} title="No domains yet">
    <p>Add the domain that stands behind the @ of your From address. Records in its DNS prove that it is yours, and its mail is signed.</p>${mayWrite && add}<//>`;
  return html`
    <${Heading} title="Domains" about="What this project sends from. Mail from a verified domain is signed, so that receivers believe it." actions=${mayWrite && add} />
    <${Listing} list=${list} caption="Domains" empty=${empty} columns=${[
      { head: "Domain", look: "main", cell: (one) => html`<a class="wrap strong" href=${page(one)}>${one.domainName}</a>` },
      { head: "Status", cell: (one) => html`<${DomainState} state=${stateOf(one)} />` },
      { head: "Records", cell: (one) => html`<${Found} domain=${one} />` },
      { head: "Last looked at", cell: (one) => html`<${Moment} at=${one.lastCheckedAt} never="Not yet" />` },
      { head: "Added", cell: (one) => html`<${Moment} at=${one.createdAt} />` },
      {
        name: "Actions",
        look: "end",
        cell: (one) => html`<${Menu} label=${`Actions for ${one.domainName}`} items=${[
          { label: "Open", act: () => go(page(one)) },
          mayWrite && { label: "Delete…", look: "danger", act: () => setOpen({ remove: one }) },
        ]} />`,
      },
    ]} />
    ${may("senders:read") && html`<${Senders} />`}
    ${open?.add && html`<${AddDialog} onClose=${close} />`}
    ${open?.remove && html`<${DeleteDomain} domain=${open.remove} onClose=${close} onDone=${() => {
      close();
      list.reload();
    }} />`}`;
}

function Found({ domain }) {
  const records = recordsOf(domain);
  const found = records.filter(({ status }) => status === "found").length;
  return html`<span class="line">${found} of ${records.length} found</span>`;
}

function AddDialog({ onClose }) {
  const form = useForm({ domain: "" }, async ({ domain }) => {
    const added = await ask("POST", "/v1/domains", { body: { domain: domain.trim() }, scoped: true });
    say(`${added.domainName} is added. Its DNS records come next.`);
    onClose();
    go(page(added));
  });
  return html`<${Dialog} title="Add a domain" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="domain" label="Domain" placeholder="mail.example.com" required maxlength="253" autocomplete="off" autocapitalize="none" spellcheck="false"
          hint="Exactly as it stands behind the @: mail.example.com is another domain than example.com." />
        <${FormFailure} form=${form} fields=${["domain"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Add<//></footer>
    </form>
  <//>`;
}
