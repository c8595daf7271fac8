// A try of a template, and what it is called.
import { ask, project, useList } from "../../api.js";
import { html, useState } from "../../html.js";
import { Dialog } from "../../parts/dialog.js";
import { Choice, FormFailure, Select, Submit, Text, useForm } from "../../parts/form.js";
import { say } from "../../parts/notice.js";
import { may, me, scoped } from "../../session.js";

const useSenders = () => useList(may("senders:read") ? "/v1/senders?limit=100" : null, "senders", { scoped: true }).items ?? [];

/** How long the key of a try lives at most, in milliseconds. It is deleted as soon as the mail is accepted. */
const KEY_LIFETIME = 300_000;

/** Whether the reader may send a try: mail is sent with keys only, so one is made for it. */
export const mayTry = () => may("mails:send") && may("keys:write");

/** Does something with a key that sends to one address and is deleted afterwards. */
async function withKey({ name, to, mode }, act) {
  const expiresAt = new Date(Date.now() + KEY_LIFETIME).toISOString();
  const wanted = { name, type: "project", projectId: project.value, mode, permissions: "sending_access", recipients: [to], expiresAt };
  const { id, key } = await ask("POST", "/v1/account/api-keys", { body: wanted });
  try {
    return await act(key);
  } finally {
    await ask("DELETE", `/v1/account/api-keys/${id}`).catch(() => {});
  }
}

const MODES = [
  ["test", "Into the mailbox", "It is shown here and leaves this server nowhere."],
  ["live", "Really send it", "As your program would."],
];

/** Sends the version that is shown to somebody. */
export function TryDialog({ path, template, sample, onClose }) {
  const [sent, setSent] = useState(null);
  const senders = useSenders();
  const own = senders.find(({ id }) => id === template.senderId);
  const form = useForm({ to: me.value.user.email, from: "", mode: "test" }, async ({ to, from, mode }) => {
    const body = { version: template.version, to: { email: to.trim() }, ...(from.trim() && { from: { email: from.trim() } }), dynamicData: sample ?? {} };
    setSent(await withKey({ name: `Try of ${template.templateName}`, to: to.trim(), mode }, (key) => ask("POST", `${path}/test`, { body, key })));
  });
  if (sent) {
    return html`<${Dialog} title="It is on its way" key="sent" onClose=${onClose}>
      <div class="body"><p>Version ${template.version} is sent to <b class="wrap">${form.values.to}</b>.</p></div>
      <footer><button type="button" class="button" onClick=${onClose}>Close</button>
        ${may("mails:read") && html`<a class="button primary" data-first href=${scoped(`/mails/${sent.emailId}`)}>Watch it</a>`}</footer>
    <//>`;
  }
  return html`<${Dialog} title="Try the template" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <p>Version ${template.version} is sent with the sample data, whether it is published or not. A key that may send to this one address is made for it, and deleted at once.</p>
        <${Text} form=${form} name="to" type="email" label="To" required autocomplete="off" />
        <${Text} form=${form} name="from" type="email" label="From" placeholder=${own?.email ?? "hello@example.com"} required=${!template.senderId} autocomplete="off"
          hint=${template.senderId ? "Empty: from the template’s own sender." : undefined} />
        ${!me.value.server.captureMailbox && html`<${Choice} form=${form} name="mode" legend="Where to" options=${MODES} />`}
        <${FormFailure} form=${form} fields=${["to", "from"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Send it<//></footer>
    </form>
  <//>`;
}

const FIELDS = ["templateName", "description", "senderId"];

/** What concerns all versions. */
export function DetailsDialog({ path, template, onClose, onDone }) {
  const senders = useSenders();
  const { templateName, description, senderId } = template;
  const form = useForm({ templateName, description, senderId: senderId ?? "" }, async (values) => {
    const now = await ask("PUT", path, { body: { ...values, senderId: values.senderId || null, publish: false }, scoped: true });
    say("The template is changed.");
    onDone(now);
  });
  const known = senders.map(({ id, email, name }) => [id, name ? `${name} <${email}>` : email]);
  const options = [["", "Whom the request names"], ...known, ...(senderId && !known.some(([id]) => id === senderId) ? [[senderId, senderId]] : [])];
  return html`<${Dialog} title="Name and sender" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="templateName" label="Name" required maxlength="90" autocomplete="off" />
        <${Text} form=${form} name="description" label="Description" maxlength="140" autocomplete="off" />
        <${Select} form=${form} name="senderId" label="Its mails are from" hint="Where a request names nobody else." options=${options} />
        <${FormFailure} form=${form} fields=${FIELDS} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Save<//></footer>
    </form>
  <//>`;
}
