// One template: its words beside what they become, its versions, and a try.
import { ask, useLoaded } from "../../api.js";
import { html, useEffect, useState } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { TypedConfirmation } from "../../parts/dialog.js";
import { Menu } from "../../parts/menu.js";
import { Failure, Loading, Notice, say } from "../../parts/notice.js";
import { Heading } from "../../parts/page.js";
import { address, go } from "../../router.js";
import { may, scoped } from "../../session.js";
import { DetailsDialog, mayTry, TryDialog } from "./dialogs.js";
import { Discard, NewerVersion } from "./questions.js";
import { Editor, problemsOf } from "./editor.js";
import { Preview, usePreview } from "./preview.js";
import { VersionsCard } from "./versions.js";
import { Versions } from "./list.js";
import { forget, kept, keep, keptSample, keepSample, sampleOf } from "./unsaved.js";

/** Parts that the server shows as they are stored; the text may be one that the HTML made. */
const STORED = ["subject", "previewText", "emailTemplate"];
const PARTS = [...STORED, "plainTextTemplate"];

/** What the editor starts with. A text that the HTML made is not the template's own. */
function partsOf(template, versions) {
  const version = versions.find((one) => one.version === template.version);
  const { subject, previewText, emailTemplate } = template;
  return { subject, previewText, emailTemplate, plainTextTemplate: version?.textBytes > 0 ? template.plainTextTemplate : "" };
}

export function TemplatePage({ id }) {
  const back = { href: scoped("/templates"), label: "Templates" };
  const path = `/v1/templates/${encodeURIComponent(id)}`;
  const template = useLoaded(path, { scoped: true });
  const versions = useLoaded(`${path}/versions`, { scoped: true });
  const error = template.error ?? versions.error;
  const again = () => {
    template.reload();
    versions.reload();
  };
  if (error) return html`<${Heading} title="Template" back=${back} /><${Failure} error=${error} again=${again} />`;
  if (!template.data || !versions.data) return html`<${Heading} title="Template" back=${back} /><${Loading} />`;
  return html`<${Opened} key=${id} back=${back} path=${path} template=${template.data} versions=${versions.data.versions}
    onChange=${(now) => {
      if (now) template.replace(now);
      versions.reload();
    }} />`;
}

function Opened({ back, path, template, versions, onChange }) {
  const { templateId } = template;
  const stored = partsOf(template, versions);
  const [values, setValues] = useState(() => kept(templateId) ?? stored);
  const [sample, setSample] = useState(() => keptSample(templateId) ?? sampleOf(template.variables));
  const [state, setState] = useState({});
  const [open, setOpen] = useState("");
  const mayWrite = may("templates:write");
  const isChanged = PARTS.some((name) => values[name] !== stored[name]);
  const preview = usePreview(values, sample);
  const isDraft = template.version !== template.publishedVersion;
  const newest = Math.max(template.latestVersion, ...versions.map(({ version }) => version));
  useEffect(() => {
    if (!isChanged) {
      forget(templateId);
      return undefined;
    }
    keep(templateId, values);
    const stay = (event) => event.preventDefault();
    addEventListener("beforeunload", stay);
    return () => removeEventListener("beforeunload", stay);
  }, [isChanged, values]);

  const took = (now) => {
    // The versions come a moment later; what was just written is known already.
    onChange(now);
    forget(templateId);
  };
  const save = async (publish, seen = template.version) => {
    setState({ busy: true });
    try {
      if (isChanged) {
        const { version } = await ask("GET", path, { scoped: true });
        if (version > seen) {
          setState({ newer: version, publish });
          onChange();
          return false;
        }
      }
      const { plainTextTemplate, ...others } = values;
      const body = { ...others, plainTextTemplate: plainTextTemplate.trim() ? plainTextTemplate : null, publish: false };
      let now = isChanged ? await ask("PUT", path, { body, scoped: true }) : template;
      // What the reader saw is sent, whatever somebody else has saved by now.
      if (publish) now = await ask("POST", `${path}/publish`, { body: { version: now.version }, scoped: true });
      // As the server wrote it, but for what was typed meanwhile.
      setValues((current) => {
        const next = { ...current };
        for (const name of STORED) if (current[name] === values[name]) next[name] = now[name];
        return next;
      });
      took(now);
      setState({});
      say(publish ? `Version ${now.publishedVersion} is sent from now on.` : "The draft is saved. What is sent stays the same.");
      return true;
    } catch (failure) {
      setState({ failure });
      return false;
    }
  };
  const close = () => setOpen("");
  const show = async (version) => {
    const [shown, known] = await Promise.all([ask("GET", `${path}?version=${version}`, { scoped: true }), ask("GET", `${path}/versions`, { scoped: true })]);
    setValues(partsOf(shown, known.versions));
    if (shown.version === shown.latestVersion) onChange(shown);
  };
  const showNewest = () => show(newest).catch((failure) => setState({ failure }));
  /** Does something that takes what was typed and not saved away, if there is such, only after asking. */
  const afterAsking = (act) => (isChanged ? setState({ discard: act }) : act());
  const tryOut = async () => {
    if (isChanged && mayWrite && !(await save(false))) return;
    setOpen("try");
  };
  return html`
    <${Heading} title=${template.templateName} back=${back}
      about=${html`<span class="tags"><${Versions} template=${template} />${isChanged && html`<${Badge} look="warn">Not saved<//>`}
        <${Copyable} text=${templateId} what="template id" /></span>`}
      actions=${html`
        ${mayTry() && html`<button type="button" class="button" onClick=${tryOut}>Try…</button>`}
        ${mayWrite && html`
          <button type="button" class="button" disabled=${!isChanged || state.busy} onClick=${() => save(false)}>Save draft</button>
          <button type="button" class="button primary" disabled=${(!isChanged && !isDraft) || state.busy} onClick=${() => save(true)}>Publish</button>
          <${Menu} label="More actions" items=${[
            { label: "Name and sender…", act: () => setOpen("details") },
            isChanged && { label: "Undo what is not saved…", act: () => afterAsking(() => setValues(stored)) },
            { label: "Show in the audit log", act: () => go(address("/audit", { subjectId: templateId })) },
            { label: "Delete…", look: "danger", act: () => setOpen("remove") },
          ]} />`}`} />
    <${Failure} error=${state.failure} />
    ${newest > template.version && html`<${Notice} look="warn"><p>Version ${newest} is newer than what you see here.${" "}
      <button type="button" class="link" onClick=${() => afterAsking(showNewest)}>Show it</button></p><//>`}
    <div class="workbench">
      <${Editor} values=${values} onInput=${(changes) => setValues((now) => ({ ...now, ...changes }))} readonly=${!mayWrite}
        sample=${sample} onSample=${(text) => {
          setSample(text);
          keepSample(templateId, text);
        }} problems=${problemsOf(preview, state.failure)} />
      <${Preview} preview=${preview} />
    </div>
    <${VersionsCard} path=${path} template=${template} versions=${versions} newest=${newest} onChange=${onChange} onShow=${show} afterAsking=${afterAsking} />
    ${state.newer && html`<${NewerVersion} version=${state.newer} publish=${state.publish} onClose=${() => setState({})} onConfirm=${() => save(state.publish, state.newer)} />`}
    ${state.discard && html`<${Discard} onClose=${() => setState({})} onConfirm=${async () => {
      await state.discard();
      setState({});
    }} />`}
    ${open === "try" && html`<${TryDialog} path=${path} template=${template} sample=${preview.data} onClose=${close} />`}
    ${open === "details" && html`<${DetailsDialog} path=${path} template=${template} onClose=${close} onDone=${({ templateName, description, senderId }) => {
      close();
      onChange({ ...template, templateName, description, senderId });
    }} />`}
    ${open === "remove" && html`<${TypedConfirmation} title="Delete this template?" typed=${template.templateName} action="Delete template" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", path, { scoped: true });
      forget(templateId);
      say(`${template.templateName} is deleted.`);
      go(scoped("/templates"));
    }}><p>Requests that name it are refused from then on. Mails that were sent with it stay as they are.</p><//>`}`;
}
