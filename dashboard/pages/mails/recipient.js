// What can be done about one recipient of a mail.
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Confirmation } from "../../parts/dialog.js";
import { Menu } from "../../parts/menu.js";
import { say } from "../../parts/notice.js";
import { go } from "../../router.js";
import { may, scoped } from "../../session.js";
import { EraseDialog } from "../contacts/erase.js";

/** What stands in the place of an address that was erased. */
const ERASED = /@erased\.invalid$/;

export function RecipientMenu({ recipient }) {
  const [open, setOpen] = useState("");
  const close = () => setOpen("");
  if (ERASED.test(recipient)) return null;
  const suppress = async () => {
    await ask("POST", "/v1/suppression-groups/emails/suppress", { body: { emails: [recipient], reason: "MANUAL", isGlobal: true }, scoped: true });
    say(`${recipient} gets no more mail.`);
    close();
  };
  return html`
    <${Menu} label=${`Actions for ${recipient}`} items=${[
      { label: "All mails to it", act: () => go(scoped("/mails", { q: recipient })) },
      may("suppressions:write") && { label: "Suppress…", act: () => setOpen("suppress") },
      may("recipients:erase") && { label: "Erase everywhere…", look: "danger", act: () => setOpen("erase") },
    ]} />
    ${open === "suppress" && html`<${Confirmation} title="Suppress this address?" action="Suppress" onClose=${close} onConfirm=${suppress}>
      <p><b class="wrap">${recipient}</b> gets no more mail of this project, whoever sends it, until it is removed from the suppressions.</p>
    <//>`}
    ${open === "erase" && html`<${EraseDialog} email=${recipient} onClose=${close} onDone=${() => go(scoped("/mails"))} />`}`;
}
