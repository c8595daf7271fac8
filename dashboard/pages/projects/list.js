// Projects: what keeps mails and keys of one program apart from those of another.
import { ask, project, useList } from "../../api.js";
import { html, useState } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { NameDialog, TypedConfirmation } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { say } from "../../parts/notice.js";
import { Heading } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";
import { address } from "../../router.js";
import { chooseProject, loadMe, may } from "../../session.js";
import { count } from "../../words.js";
import { ProjectSettings } from "./settings.js";

export function ProjectsPage() {
  const projects = useList("/v1/account/projects", "projects");
  const [open, setOpen] = useState(null);
  const mayWrite = may("projects:write");
  const close = () => setOpen(null);
  const done = async (words) => {
    close();
    say(words);
    projects.reload();
    await loadMe();
  };
  const columns = [
    {
      head: "Name",
      look: "main",
      cell: (one) => html`<b class="wrap">${one.name}</b> ${one.id === project.value && html`<${Badge} look="note">Chosen<//>`}`,
    },
    { head: "Project id", cell: (one) => html`<${Copyable} text=${one.id} what="project id" />` },
    { head: "Created", cell: (one) => html`<${Moment} at=${one.createdAt} never="" />` },
    { head: "Keeps mails", cell: (one) => (one.retentionDays ? count(one.retentionDays, "day") : html`<span class="soft">As the server</span>`) },
    { head: "Keys", cell: (one) => html`<a href=${address("/keys", { projectId: one.id })}>Show keys</a>` },
    {
      name: "Actions",
      look: "end",
      cell: (one) => html`<${Menu} label=${`Actions for ${one.name}`} items=${[
        one.id !== project.value && { label: "Work with this project", act: () => chooseProject(one.id) },
        mayWrite && { label: "Settings…", act: () => setOpen({ settings: one }) },
        mayWrite && { label: "Rename…", act: () => setOpen({ rename: one }) },
        mayWrite && { label: "Delete…", look: "danger", act: () => setOpen({ remove: one }) },
      ]} />`,
    },
  ];
  return html`
    <${Heading} title="Projects" about="Mails, keys and limits of one program, apart from those of all others."
      actions=${mayWrite && html`<button type="button" class="button primary" onClick=${() => setOpen({ create: true })}><${Icon} name="plus" />New project</button>`} />
    <${Listing} list=${projects} caption="Projects" columns=${columns} />
    ${open?.create && html`<${NameDialog} title="New project" label="Name" action="Create" hint="For instance a product, or one of its environments." onClose=${close}
      onSend=${async (name) => {
        await ask("POST", "/v1/account/projects", { body: { name } });
        await done(`Project ${name} is added.`);
      }} />`}
    ${open?.settings && html`<${ProjectSettings} project=${open.settings} onClose=${close} onDone=${() => done(`The settings of ${open.settings.name} hold from now on.`)} />`}
    ${open?.rename && html`<${NameDialog} title="Rename project" label="Name" value=${open.rename.name} action="Rename" onClose=${close}
      onSend=${async (name) => {
        await ask("PATCH", `/v1/account/projects/${open.rename.id}`, { body: { name } });
        await done(`The project is called ${name} now.`);
      }} />`}
    ${open?.remove && html`<${TypedConfirmation} title="Delete this project?" typed=${open.remove.name} action="Delete project" onClose=${close}
      onConfirm=${async () => {
        await ask("DELETE", `/v1/account/projects/${open.remove.id}`);
        await done(`Project ${open.remove.name} is deleted.`);
      }}>
      <p>Its keys stop working at once, and for ever. What is scheduled or waits for another attempt is not sent. Its mails are kept for the retention time, and then they are gone too.</p>
    <//>`}`;
}
