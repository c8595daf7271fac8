// What a template said before, and which of it is sent.
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { say } from "../../parts/notice.js";
import { Card } from "../../parts/page.js";
import { Table } from "../../parts/table.js";
import { may } from "../../session.js";
import { PublishOld } from "./questions.js";

export function VersionsCard({ path, template, versions, newest, onChange, onShow, afterAsking }) {
  const [publishing, setPublishing] = useState(null);
  const mayWrite = may("templates:write");
  const failed = (failure) => say(failure.message);
  const close = () => setPublishing(null);
  const publish = async () => {
    const { publishedVersion } = await ask("POST", `${path}/publish`, { body: { version: publishing }, scoped: true });
    say(`Version ${publishing} is sent from now on.`);
    close();
    // The editor shows the version that it showed before.
    onChange({ ...template, publishedVersion });
  };
  const revert = ({ version }) => ask("POST", `${path}/revert`, { body: { version }, scoped: true }).then(async (now) => {
    await onShow(now.version);
    say(`Version ${now.latestVersion} is a draft that says what version ${version} said.`);
  }).catch(failed);
  const show = ({ version }) => onShow(version).catch(failed);
  return html`<${Card} title="Versions" about="Fifty are kept, and the one that is sent.">
    <${Table} caption="Versions" rowKey="version" rows=${versions} columns=${[
      {
        head: "Version",
        look: "main",
        cell: (one) => html`<b>${one.version}</b> ${one.published ? html`<${Badge} look="good">Is sent<//>` : one.version === newest && html`<${Badge} look="note">Draft<//>`}
          ${one.basedOn && one.basedOn !== one.version - 1 && html`<span class="soft small">made of version ${one.basedOn}</span>`}`,
      },
      { head: "Subject", cell: (one) => html`<span class="wrap">${one.subject}</span>` },
      { head: "Saved", cell: (one) => html`<${Moment} at=${one.createdAt} />` },
      { head: "By", cell: (one) => html`<span class="wrap">${one.createdBy}</span>` },
      {
        name: "Actions",
        look: "end",
        cell: (one) => mayWrite && html`<${Menu} label=${`Actions for version ${one.version}`} items=${[
          !one.published && { label: "Publish…", act: () => setPublishing(one.version) },
          one.version !== newest && { label: "Make a draft of it", act: () => afterAsking(() => revert(one)) },
          { label: "Put it into the editor", act: () => afterAsking(() => show(one)) },
        ]} />`,
      },
    ]} />
    ${publishing && html`<${PublishOld} version=${publishing} onClose=${close} onConfirm=${publish} />`}
  <//>`;
}
