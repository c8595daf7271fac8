// The people whom a project writes to, the lists that they are on, and what is noted of them.
import { useList } from "../../api.js";
import { html } from "../../html.js";
import { Heading } from "../../parts/page.js";
import { Tabs } from "../../parts/tabs.js";
import { Lists } from "./lists.js";
import { People } from "./people.js";
import { Properties } from "./properties.js";

export function ContactsPage() {
  const lists = useList("/v1/contact-lists", "lists", { scoped: true });
  return html`
    <${Heading} title="Contacts" about="The people whom this project writes to, and what your programs note of them." />
    <${Tabs} label="Contacts" query="view" tabs=${[
      { name: "people", label: "Contacts", show: () => html`<${People} lists=${lists} />` },
      { name: "lists", label: "Lists", show: () => html`<${Lists} list=${lists} />` },
      { name: "properties", label: "Properties", show: () => html`<${Properties} />` },
    ]} />`;
}
