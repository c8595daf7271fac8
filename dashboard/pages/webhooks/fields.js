// Where a webhook is told and what: for making one, and for changing one.
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Copyable } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { FormFailure, Submit, Text, useForm } from "../../parts/form.js";
import { say } from "../../parts/notice.js";
import { EventChecks, USUAL } from "./events.js";

const FIELDS = ["url", "events"];

function WebhookForm({ title, form, action, onClose }) {
  return html`<${Dialog} title=${title} wide onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="url" type="url" label="URL" placeholder="https://example.com/webhooks" required maxlength="2048" autocomplete="off"
          hint="It gets a POST for each event, signed with a secret of its own. Only public addresses are told." />
        <${EventChecks} form=${form} />
        <${FormFailure} form=${form} fields=${FIELDS} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>${action}<//></footer>
    </form>
  <//>`;
}

/** Asks for a new webhook, and shows its secret. */
export function NewWebhook({ onClose, onMade }) {
  const [made, setMade] = useState(null);
  const form = useForm({ url: "", events: USUAL }, async ({ url, events }) => {
    const { webhook } = await ask("POST", "/v1/webhooks", { body: { url: url.trim(), events }, scoped: true });
    setMade(webhook);
  });
  if (!made) return html`<${WebhookForm} title="New webhook" form=${form} action="Make webhook" onClose=${onClose} />`;
  const done = () => onMade(made);
  return html`<${Dialog} title="Your new webhook" key="secret" onClose=${done}>
    <div class="body">
      <p>Your program checks with this secret that a request is really from here. It can be shown again on the page of the webhook.</p>
      <${Copyable} text=${made.secret} what="secret" />
    </div>
    <footer><button type="button" class="button primary" data-first onClick=${done}>Go to the webhook</button></footer>
  <//>`;
}

/** Changes one. */
export function EditWebhook({ webhook, onClose, onDone }) {
  const form = useForm({ url: webhook.url, events: webhook.events }, async ({ url, events }) => {
    const now = await ask("PUT", `/v1/webhooks/${webhook.id}`, { body: { url: url.trim(), events }, scoped: true });
    say("The webhook is changed.");
    onDone(now);
  });
  return html`<${WebhookForm} title="Change webhook" form=${form} action="Save" onClose=${onClose} />`;
}
