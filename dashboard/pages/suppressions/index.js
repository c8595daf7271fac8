// Who gets no mail of a project, or none of a kind.
import { useList } from "../../api.js";
import { html } from "../../html.js";
import { Heading } from "../../parts/page.js";
import { Tabs } from "../../parts/tabs.js";
import { Entries } from "./entries.js";
import { Groups } from "./groups.js";

export function SuppressionsPage() {
  const groups = useList("/v1/suppression-groups?includeGlobal=true", "groups", { scoped: true, rowKey: "groupId" });
  return html`
    <${Heading} title="Suppressions" about="Addresses that get no mail: they bounced, complained, or do not want it. Nothing is sent to them, whoever asks." />
    <${Tabs} label="Suppressions" query="view" tabs=${[
      { name: "entries", label: "Addresses", show: () => html`<${Entries} groups=${groups} />` },
      { name: "groups", label: "Groups", show: () => html`<${Groups} list=${groups} />` },
    ]} />`;
}
