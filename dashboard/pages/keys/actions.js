// What can be done to a key, from the list and from its own page.
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Confirmation, Dialog, NameDialog, TypedConfirmation } from "../../parts/dialog.js";
import { FormFailure, Select, Submit, useForm } from "../../parts/form.js";
import { say } from "../../parts/notice.js";
import { Moment } from "../../parts/moment.js";
import { address, go } from "../../router.js";
import { may } from "../../session.js";
import { bodyOf, FIELDS, NameField, RestrictionFields, valuesOf } from "./fields.js";
import { SecretDialog } from "./generate.js";

const path = (key) => `/v1/account/api-keys/${key.id}`;

/** `{itemsFor, open, dialog}`: the entries of a menu, a way to open one of them, and what is open. */
export function useKeyActions(onDone) {
  const [state, setState] = useState(null);
  const open = (what, key) => setState({ what, key });
  const close = () => setState(null);
  const done = (words) => {
    close();
    say(words);
    onDone();
  };
  const itemsFor = (key) => {
    const isOver = key.status === "revoked";
    return [
      { label: "Open", act: () => go(address(`/keys/${key.id}`)) },
      ...(may("keys:write") && !isOver
        ? [
            { label: "Rename…", act: () => open("rename", key) },
            { label: "Change restrictions…", act: () => open("restrict", key) },
            key.status !== "expired" && mayRotate(key) && { label: "Rotate…", act: () => open("rotate", key) },
            key.status === "active" && { label: "Deactivate…", act: () => open("deactivate", key) },
            key.status === "inactive" && { label: "Activate", act: () => change(key, { active: true }).then(() => done(`${key.name} is active.`), (error) => say(error.message)) },
            { label: "Delete…", look: "danger", act: () => open("remove", key) },
          ]
        : []),
    ];
  };
  const Shown = state && DIALOGS[state.what];
  const dialog = Shown && html`<${Shown} apiKey=${state.key} onClose=${close} onDone=${done} onChanged=${onDone} />`;
  return { itemsFor, open, dialog };
}

/** Nobody makes a key that may do more than themselves, and a successor may do what its predecessor did. */
export const mayRotate = (key) => key.permissions.every(may);

const change = (key, body) => ask("PATCH", path(key), { body });

function Rename({ apiKey, onClose, onDone }) {
  const send = async (name) => {
    await change(apiKey, { name });
    onDone(`The key is called ${name} now.`);
  };
  return html`<${NameDialog} title="Rename key" label="Name" value=${apiKey.name} action="Rename" onClose=${onClose} onSend=${send} />`;
}

function Restrict({ apiKey, onClose, onDone }) {
  const start = valuesOf(apiKey);
  const form = useForm(start, async (values) => {
    const before = bodyOf(start);
    const differs = ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]);
    // What was not touched stays exactly as it is: a time, for one, is shown without its seconds.
    await change(apiKey, Object.fromEntries(Object.entries(bodyOf(values)).filter(differs)));
    onDone("The changes hold from the next request on.");
  });
  return html`<${Dialog} title="Change key" wide onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${NameField} form=${form} /><${RestrictionFields} form=${form} />
        <${FormFailure} form=${form} fields=${FIELDS} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Save<//></footer>
    </form>
  <//>`;
}

const OVERLAPS = [["0", "None: it stops at once"], ["3600", "One hour"], ["86400", "One day"], ["604800", "One week"], ["2592000", "30 days"]];

function Rotate({ apiKey, onClose, onChanged }) {
  const [made, setMade] = useState(null);
  const form = useForm({ overlapSeconds: "86400" }, async ({ overlapSeconds }) => {
    setMade(await ask("POST", `${path(apiKey)}/rotate`, { body: { overlapSeconds: Number(overlapSeconds) } }));
    onChanged();
  });
  if (made) {
    const about = form.values.overlapSeconds === "0"
      ? html`<p>The old key works no more.</p>`
      : html`<p>The old key works until <${Moment} at=${new Date(Date.parse(made.createdAt) + Number(form.values.overlapSeconds) * 1000).toISOString()} />. Its page shows who still uses it.</p>`;
    return html`<${SecretDialog} key="secret" made=${made} about=${about} onClose=${() => {
      onClose();
      go(address(`/keys/${made.id}`));
    }} />`;
  }
  return html`<${Dialog} title="Rotate this key?" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <p><b class="wrap">${apiKey.name}</b> gets a successor with the same permissions and restrictions. Both work during the overlap, so that nothing stops while you replace it.</p>
        <${Select} form=${form} name="overlapSeconds" label="Overlap" options=${OVERLAPS} />
        <${FormFailure} form=${form} fields=${["overlapSeconds"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Rotate<//></footer>
    </form>
  <//>`;
}

function Deactivate({ apiKey, onClose, onDone }) {
  const send = async () => {
    await change(apiKey, { active: false });
    onDone(`${apiKey.name} is inactive.`);
  };
  return html`<${Confirmation} title="Deactivate this key?" action="Deactivate" look="danger" onClose=${onClose} onConfirm=${send}>
    <p><b class="wrap">${apiKey.name}</b> is refused from the next request on, until you activate it again.</p>
  <//>`;
}

function Remove({ apiKey, onClose, onDone }) {
  const send = async () => {
    await ask("DELETE", path(apiKey));
    onDone(`${apiKey.name} is deleted.`);
  };
  return html`<${TypedConfirmation} title="Delete this key?" typed=${apiKey.name} action="Delete key" onClose=${onClose} onConfirm=${send}>
    <p>It stops working at once and for ever. Programs that still use it are refused${apiKey.lastUsedAt ? html`; it was last used <${Moment} at=${apiKey.lastUsedAt} />` : "; it was never used"}.</p>
  <//>`;
}

const DIALOGS = { rename: Rename, restrict: Restrict, rotate: Rotate, deactivate: Deactivate, remove: Remove };
