// Makes a key, and shows its secret the one time that there is.
import { ask, project } from "../../api.js";
import { html, useState } from "../../html.js";
import { CopyButton, saveFile, Snippet } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Choice, FormFailure, Select, Submit, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { me } from "../../session.js";
import { bodyOf, FIELDS, NameField, RestrictionFields, valuesOf } from "./fields.js";

const TYPES = [
  ["project", "Project key", "AS_… works in one project. Right for most programs."],
  ["account", "Account key", "ASA_… works in all projects; each request names one in x-project-id."],
];
const MODES = [
  ["live", "Live", "Mail is really sent."],
  ["test", "Test", "Mail ends in the mailbox, never outside."],
];

/** Clients of other services look for another beginning. */
const SPELLINGS = [
  ["native", "AS_…, as ours"],
  ["resend", "re_…, as Resend's"],
  ["sendgrid", "SG.…, as SendGrid's"],
  ["tosend", "tsend_…, as ToSend's"],
  ["tosend_admin", "tsend_admin_…, as ToSend's for administrators"],
  ["sendmailos", "sk_live_… and sk_test_…, as SendMailOS's"],
  ["mailsage", "ms_live_… and ms_test_…, as MailSage's"],
];

export function GenerateDialog({ onClose, onMade }) {
  const [made, setMade] = useState(null);
  const start = { ...valuesOf(null), type: "project", mode: "live", spelling: "native", projectId: project.value ?? "" };
  const form = useForm(start, async (values) => {
    const { type, mode, spelling, projectId } = values;
    const body = { ...bodyOf(values), type, mode, spelling };
    if (type === "project") body.projectId = projectId;
    setMade(await ask("POST", "/v1/account/api-keys", { body }));
    onMade();
  });
  if (made) return html`<${SecretDialog} key="secret" made=${made} onClose=${onClose} />`;
  return html`<${Dialog} title="Generate an API key" wide onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${NameField} form=${form} />
        <${Choice} form=${form} name="type" legend="Type" options=${TYPES} />
        ${form.values.type === "project" && html`<${Select} form=${form} name="projectId" label="Project" options=${me.value.projects.map(({ id, name }) => [id, name])} required />`}
        <${Choice} form=${form} name="mode" legend="Mode" options=${MODES} />
        <${Select} form=${form} name="spelling" label="Begins with" hint="It is the same key; some clients of other services look for their own beginning." options=${SPELLINGS} />
        <${RestrictionFields} form=${form} />
        <${FormFailure} form=${form} fields=${FIELDS} />
      </div>
      <footer>
        <button type="button" class="button" onClick=${onClose}>Cancel</button>
        <${Submit} form=${form}>Generate<//>
      </footer>
    </form>
  <//>`;
}

/** A request that works when it is pasted; a key that may not send asks for what it may. */
function command({ key, type, permissions, domains, recipients }) {
  const base = me.value.server.publicUrl || location.origin;
  const named = type === "account" ? ` \\\n  -H "x-project-id: ${project.value}"` : "";
  if (!permissions.includes("mails:send")) return `curl ${base}/v1/api-keys/me \\\n  -H "Authorization: Bearer ${key}"${named}`;
  const to = recipients?.[0] ?? "you@example.org";
  const mail = {
    from: { email: `hello@${domains?.[0] ?? "example.com"}` },
    to: { email: to.includes("@") ? to : `you@${to}` },
    subject: "It works",
    html: "<p>Hello from Posthaste!</p>",
  };
  // A quote of its own would end the shell's.
  const body = JSON.stringify(mail).replaceAll("'", "'\\''");
  return `curl -X POST ${base}/v1/mails/send \\\n  -H "Authorization: Bearer ${key}"${named} \\\n  -H "Content-Type: application/json" \\\n  -d '${body}'`;
}

/** The secret. It stays until the reader says that it is kept. */
export function SecretDialog({ made, onClose, about }) {
  const file = `posthaste-${made.name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40) || "key"}.txt`;
  return html`<${Dialog} title="Your new key" wide stays onClose=${onClose}>
    <div class="body secret">
      <p><b>This is the only time that it is shown.</b> Put it into a password manager or the settings of your program; never into source code or a web page.</p>
      ${about}
      <output class="key" aria-label="API key">${made.key}</output>
      <p class="pair">
        <${CopyButton} text=${made.key} what="key" label="Copy key" look="primary" />
        <button type="button" class="button" onClick=${() => saveFile(file, `${made.key}\n`)}><${Icon} name="download" />Download .txt</button>
      </p>
      <h3>Try it</h3>
      <${Snippet} text=${command(made)} what="Command that uses the key" />
    </div>
    <footer><button type="button" class="button" data-first onClick=${onClose}>I have kept it</button></footer>
  <//>`;
}
