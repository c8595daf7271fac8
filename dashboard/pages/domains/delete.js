// The end of a domain, from the list and from its own page.
import { ask } from "../../api.js";
import { html } from "../../html.js";
import { TypedConfirmation } from "../../parts/dialog.js";
import { say } from "../../parts/notice.js";
import { me } from "../../session.js";

export function DeleteDomain({ domain, onClose, onDone }) {
  const remove = async () => {
    await ask("DELETE", `/v1/domains/${domain.id}`, { scoped: true });
    say(`${domain.domainName} is deleted.`);
    onDone();
  };
  return html`<${TypedConfirmation} title="Delete this domain?" typed=${domain.domainName} action="Delete domain" onClose=${onClose} onConfirm=${remove}>
    <p>Mail from it is ${me.value.server.captureMailbox ? "signed no more" : "signed no more, and refused where domains must be verified"}. What was accepted before is still sent.
      In two days its keys are destroyed; whoever adds it again sets new DNS records.</p>
  <//>`;
}
