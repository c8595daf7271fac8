// Telling a webhook something by hand: a trial, or what happened in a span of time once more.
import { ask } from "../../api.js";
import { html } from "../../html.js";
import { Dialog } from "../../parts/dialog.js";
import { FormFailure, Lines, Select, Submit, Text, useForm } from "../../parts/form.js";
import { localTime } from "../../parts/moment.js";
import { say } from "../../parts/notice.js";
import { count } from "../../words.js";
import { eventName } from "./events.js";

const HOUR = 3_600_000;

/** What an event of this type looks like, for receivers to try themselves on. */
function sample(type) {
  if (type.startsWith("contact.")) return { contactId: "00000000-0000-0000-0000-000000000000", email: "ada@example.org", name: "Ada Lovelace" };
  const mail = { emailId: "00000000-0000-0000-0000-000000000000", from: "hello@example.com", to: { email: "ada@example.org", name: "Ada Lovelace" }, subject: "A trial", test: true };
  if (type === "email.bounced") return { ...mail, bounceType: "Permanent", bounceSubType: "NoEmail", reason: "550 5.1.1 No such mailbox" };
  if (type === "email.clicked") return { ...mail, clickedUrl: "https://example.com/" };
  return mail;
}

const written = (type) => JSON.stringify(sample(type), null, 2);

/** Sends something that did not happen. */
export function TryDialog({ webhook, onClose, onDone }) {
  const [first] = webhook.events;
  const form = useForm({ event: first, data: written(first) }, async ({ event, data }) => {
    await ask("POST", `/v1/webhooks/${webhook.id}/resend`, { body: { event, data: parsed(data) }, scoped: true });
    say("It is told now. The log shows what it answers.");
    onDone();
  });
  const choose = { ...form, set: ({ event }) => form.set({ event, data: written(event) }) };
  return html`<${Dialog} title="Try the webhook" wide onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <p>It is told something that did not happen, signed like everything else.</p>
        <${Select} form=${choose} name="event" label="Event" options=${webhook.events.map((type) => [type, `${eventName(type)} (${type})`])} />
        <${Lines} form=${form} name="data" label="Data" hint="JSON; it becomes “data” of what is told." rows=${10} />
        <${FormFailure} form=${form} fields=${["event", "data"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Tell it<//></footer>
    </form>
  <//>`;
}

/** The text as JSON; refused as the server would, beside its field. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw Object.assign(new Error("The data is no JSON."), { details: [{ field: "data", message: `is no JSON: ${error.message}` }] });
  }
}

/** Tells what happened in a span of time once more. */
export function ReplayDialog({ webhook, onClose, onDone }) {
  const form = useForm({ from: localTime(new Date(Date.now() - HOUR)), to: "" }, async ({ from, to }) => {
    const body = { from: new Date(from).toISOString(), ...(to && { to: new Date(to).toISOString() }) };
    const { queued, complete } = await ask("POST", `/v1/webhooks/${webhook.id}/replay`, { body, scoped: true });
    say(`${count(queued, "event")} ${queued === 1 ? "is" : "are"} told again.${complete ? "" : " There are more: choose a shorter span for the rest."}`);
    onDone();
  });
  return html`<${Dialog} title="Tell a span of time again" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <p>Everything that happened then is told once more, even if it was told before or the webhook was off. Your program knows repetitions by the header <code>webhook-id</code>.</p>
        <${Text} form=${form} name="from" type="datetime-local" label="From" hint="In your own time; at most seven days ago." required />
        <${Text} form=${form} name="to" type="datetime-local" label="Until" hint="Empty: until now." />
        <${FormFailure} form=${form} fields=${["from", "to"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Tell again<//></footer>
    </form>
  <//>`;
}
