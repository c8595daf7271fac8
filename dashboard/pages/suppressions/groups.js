// Kinds of mail that recipients can want or not want.
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { Dialog, TypedConfirmation } from "../../parts/dialog.js";
import { Check, FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { Menu } from "../../parts/menu.js";
import { Empty, say } from "../../parts/notice.js";
import { Listing } from "../../parts/table.js";
import { may } from "../../session.js";

const path = (group) => `/v1/suppression-groups/${encodeURIComponent(group.groupId)}`;

export function Groups({ list }) {
  const [open, setOpen] = useState(null);
  const mayWrite = may("suppressions:write");
  const close = () => setOpen(null);
  const done = (words) => {
    close();
    say(words);
    list.reload();
  };
  const columns = [
    {
      head: "Group",
      look: "main",
      cell: (one) => html`<b class="wrap">${one.name}</b>${!one.isActive && html` <${Badge}>Switched off<//>`}${one.description && html`<div class="soft small wrap">${one.description}</div>`}`,
    },
    { head: "Group id", cell: (one) => (one.isGlobal ? html`<span class="soft">–</span>` : html`<${Copyable} text=${one.groupId} what="group id" />`) },
    { head: "Addresses", look: "number", cell: (one) => one.suppressionCount.toLocaleString("en") },
    {
      name: "Actions",
      look: "end",
      cell: (one) => mayWrite && !one.isGlobal && html`<${Menu} label=${`Actions for ${one.name}`} items=${[
        { label: "Change…", act: () => setOpen({ change: one }) },
        { label: "Delete…", look: "danger", act: () => setOpen({ remove: one }) },
      ]} />`,
    },
  ];
  return html`
    <div class="filters"><p class="soft grow">Mail that names a group as <code>unsubscribeGroupId</code> carries a link by which its recipients leave that group, and no other.</p>
      ${mayWrite && html`<span class="last"><button type="button" class="button primary" onClick=${() => setOpen({ change: {} })}><${Icon} name="plus" />New group</button></span>`}</div>
    <${Listing} list=${list} caption="Groups" rowKey="groupId" empty=${html`<${Empty} title="No groups yet" />`} columns=${columns} />
    ${open?.change && html`<${GroupDialog} group=${open.change} onClose=${close} onDone=${done} />`}
    ${open?.remove && html`<${TypedConfirmation} title="Delete this group?" typed=${open.remove.name} action="Delete group" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", path(open.remove), { scoped: true });
      done(`${open.remove.name} is deleted.`);
    }}><p>Mail cannot name it any more. Links in mail that was sent go on to work.</p><//>`}`;
}

function GroupDialog({ group, onClose, onDone }) {
  const isNew = !group.groupId;
  const form = useForm({ name: group.name ?? "", description: group.description ?? "", isActive: group.isActive ?? true }, async (values) => {
    await (isNew ? ask("POST", "/v1/suppression-groups", { body: values, scoped: true }) : ask("PUT", path(group), { body: values, scoped: true }));
    onDone(isNew ? `${values.name} is added.` : `${values.name} is changed.`);
  });
  return html`<${Dialog} title=${isNew ? "New group" : "Change group"} onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="name" label="Name" hint="Recipients read it, such as “Product news”." required maxlength="200" autocomplete="off" />
        <${Text} form=${form} name="description" label="Description" hint="Recipients read it below the name." maxlength="500" autocomplete="off" />
        <${Check} form=${form} name="isActive" label="Mail may be sent in it" hint="Without this, recipients do not see it." />
        <${FormFailure} form=${form} fields=${["name", "description"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>${isNew ? "Make it" : "Save"}<//></footer>
    </form>
  <//>`;
}
