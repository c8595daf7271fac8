// The addresses that a project writes from.
import { ask, useList } from "../../api.js";
import { html, useState } from "../../html.js";
import { Confirmation, Dialog } from "../../parts/dialog.js";
import { FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { say } from "../../parts/notice.js";
import { Listing } from "../../parts/table.js";
import { may } from "../../session.js";

export function Senders() {
  const list = useList("/v1/senders", "senders", { scoped: true });
  const [open, setOpen] = useState(null);
  const mayWrite = may("senders:write");
  const close = () => setOpen(null);
  const remove = async () => {
    await ask("DELETE", `/v1/senders/${open.remove.id}`, { scoped: true });
    say(`${open.remove.email} is removed.`);
    close();
    list.reload();
  };
  return html`
    <div class="part split"><h2>Senders</h2>${mayWrite && html`<button type="button" class="button small" onClick=${() => setOpen({ add: true })}>Add sender</button>`}</div>
    <${Listing} list=${list} caption="Senders"
      empty=${html`<p class="soft">None yet. A sender is an address with the name that readers see; templates can name one.</p>`} columns=${[
        { head: "Address", look: "main", cell: (one) => html`<b class="wrap">${one.email}</b>` },
        { head: "Name", cell: (one) => html`<span class="wrap">${one.name || "–"}</span>` },
        { head: "Answers go to", cell: (one) => html`<span class="wrap">${one.replyTo || "–"}</span>` },
        { name: "Actions", look: "end", cell: (one) => mayWrite && html`<button type="button" class="button small" aria-label=${`Remove ${one.email}`} onClick=${() => setOpen({ remove: one })}>Remove</button>` },
      ]} />
    ${open?.add && html`<${AddSender} onClose=${close} onDone=${list.reload} />`}
    ${open?.remove && html`<${Confirmation} title="Remove this sender?" action="Remove" look="danger" onClose=${close} onConfirm=${remove}>
      <p><b class="wrap">${open.remove.email}</b> is offered no more. Requests that name the address themselves are not concerned.</p>
    <//>`}`;
}

const FIELDS = ["email", "name", "replyTo"];

function AddSender({ onClose, onDone }) {
  const form = useForm({ email: "", name: "", replyTo: "" }, async ({ email, name, replyTo }) => {
    await ask("POST", "/v1/senders", { body: { email: email.trim(), name: name.trim(), replyTo: replyTo.trim() }, scoped: true });
    say(`${email.trim()} is added.`);
    onClose();
    onDone();
  });
  return html`<${Dialog} title="Add a sender" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="email" type="email" label="Address" placeholder="hello@example.com" required autocomplete="off" />
        <${Text} form=${form} name="name" label="Name" hint="What readers see beside the address." maxlength="200" autocomplete="off" />
        <${Text} form=${form} name="replyTo" type="email" label="Answers go to" hint="Empty: to the address itself." autocomplete="off" />
        <${FormFailure} form=${form} fields=${FIELDS} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Add<//></footer>
    </form>
  <//>`;
}
