// What a project does with its mails: how long they are kept, and whether it is noted who reads them.
import { ask } from "../../api.js";
import { html } from "../../html.js";
import { Dialog } from "../../parts/dialog.js";
import { Check, FormFailure, Submit, Text, useForm } from "../../parts/form.js";

const FIELDS = ["retentionDays", "trackingOpen", "trackingClick"];

/** Settings of a project; only what was touched is changed. */
export function ProjectSettings({ project, onClose, onDone }) {
  const start = { retentionDays: project.retentionDays?.toString() ?? "", trackingOpen: project.trackingOpen ?? false, trackingClick: project.trackingClick ?? false };
  const form = useForm(start, async (values) => {
    const wanted = { ...values, retentionDays: values.retentionDays.trim() === "" ? null : Number(values.retentionDays) };
    const body = Object.fromEntries(FIELDS.filter((name) => values[name] !== start[name]).map((name) => [name, wanted[name]]));
    if (Object.keys(body).length > 0) {
      const now = await ask("PATCH", `/v1/account/projects/${project.id}`, { body });
      const left = Object.keys(body).filter((name) => now[name] !== body[name]);
      if (left.length > 0) throw Object.assign(new Error("This server cannot do that."), { details: left.map((field) => ({ field, message: "is not there yet" })) });
    }
    onDone();
  });
  return html`<${Dialog} title=${`Settings of ${project.name}`} onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="retentionDays" type="number" min="1" max="36500" step="1" inputmode="numeric" label="Days for which mails are kept" hint="With their contents and histories. Empty: as long as the server keeps them." />
        <${Check} form=${form} name="trackingOpen" label="Note when mails are opened" hint="By a picture of one dot. Requests can say otherwise." />
        <${Check} form=${form} name="trackingClick" label="Note when links are followed" hint="Links lead through this server. Requests can say otherwise." />
        <${FormFailure} form=${form} fields=${["retentionDays"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Save<//></footer>
    </form>
  <//>`;
}
