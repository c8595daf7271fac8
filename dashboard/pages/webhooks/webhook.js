// One webhook: how it fares, its secret, and everything that it was told.
import { ask, useLoaded } from "../../api.js";
import { html, useState } from "../../html.js";
import { WebhookState } from "../../parts/badge.js";
import { Copyable } from "../../parts/copy.js";
import { Confirmation, TypedConfirmation } from "../../parts/dialog.js";
import { Menu } from "../../parts/menu.js";
import { Moment } from "../../parts/moment.js";
import { Failure, Loading, Notice, say } from "../../parts/notice.js";
import { Card, Facts, Heading } from "../../parts/page.js";
import { address, go } from "../../router.js";
import { may, scoped } from "../../session.js";
import { count } from "../../words.js";
import { eventName } from "./events.js";
import { EditWebhook } from "./fields.js";
import { stateOf } from "./list.js";
import { Log } from "./log.js";
import { ReplayDialog, TryDialog } from "./telling.js";

export function WebhookPage({ id }) {
  const back = { href: scoped("/webhooks"), label: "Webhooks" };
  const path = `/v1/webhooks/${encodeURIComponent(id)}`;
  const { data: webhook, error, reload, replace } = useLoaded(path, { scoped: true });
  const [open, setOpen] = useState("");
  const [turn, setTurn] = useState(0);
  if (error) return html`<${Heading} title="Webhook" back=${back} /><${Failure} error=${error} again=${reload} />`;
  if (!webhook) return html`<${Heading} title="Webhook" back=${back} /><${Loading} />`;
  const mayWrite = may("webhooks:write");
  const close = () => setOpen("");
  const look = () => ask("GET", path, { scoped: true }).then(replace, () => {});
  const told = () => {
    close();
    setTurn(turn + 1);
  };
  const turnOn = () =>
    ask("PUT", path, { body: { isActive: true }, scoped: true }).then(
      (now) => {
        replace(now);
        say("It is told from now on.");
      },
      (failure) => say(failure.message),
    );
  return html`
    <${Heading} title=${webhook.url} name="Webhook" back=${back} about=${html`<span class="tags"><${WebhookState} state=${stateOf(webhook)} /></span>`}
      actions=${mayWrite && html`
        ${webhook.isActive
          ? html`<button type="button" class="button primary" onClick=${() => setOpen("try")}>Try…</button>`
          : html`<button type="button" class="button primary" onClick=${turnOn}>Switch on</button>`}
        <button type="button" class="button" onClick=${() => setOpen("edit")}>Change…</button>
        <button type="button" class="button danger" onClick=${() => setOpen("remove")}>Delete…</button>
        <${Menu} label="More actions" items=${[
          webhook.isActive && { label: "Tell a span of time again…", act: () => setOpen("replay") },
          webhook.isActive && { label: "Switch off…", act: () => setOpen("off") },
          { label: "Show in the audit log", act: () => go(address("/audit", { subjectId: webhook.id })) },
        ]} />`} />
    <${Troubles} webhook=${webhook} />
    <div class="columns">
      <${Card} title="Webhook">
        <${Facts} rows=${[
          ["Told of", html`<ul class="plain">${webhook.events.map((type) => html`<li>${eventName(type)} <code class="soft">${type}</code></li>`)}</ul>`],
          ["Made", html`<${Moment} at=${webhook.createdAt} />`],
          ["Last success", html`<${Moment} at=${webhook.lastSuccessAt} />`],
          ["Last failure", html`<${Moment} at=${webhook.lastFailedAt} />`],
          ["Webhook id", html`<${Copyable} text=${webhook.id} what="webhook id" />`],
        ]} />
      <//>
      <${Card} title="Secret" about="Signs every request, so that your program knows that it is from here.">
        <${Secret} path=${path} />
        <p class="soft small">The HMAC-SHA-256 of the body under the whole secret stands in <code>X-Webhook-Signature</code>. Libraries for Standard Webhooks take the same secret, and check the age of a request too.</p>
      <//>
    </div>
    <${Log} webhook=${webhook} turn=${turn} onTold=${told} onLook=${look} />
    ${open === "edit" && html`<${EditWebhook} webhook=${webhook} onClose=${close} onDone=${(now) => {
      replace(now);
      close();
    }} />`}
    ${open === "off" && html`<${Confirmation} title="Switch this webhook off?" action="Switch off" look="danger" onClose=${close} onConfirm=${async () => {
      replace(await ask("PUT", path, { body: { isActive: false }, scoped: true }));
      close();
      say("It is told nothing until you switch it on again.");
    }}><p>It is told nothing from now on. What happens meanwhile is kept for seven days and can be told later.</p><//>`}
    ${open === "try" && html`<${TryDialog} webhook=${webhook} onClose=${close} onDone=${told} />`}
    ${open === "replay" && html`<${ReplayDialog} webhook=${webhook} onClose=${close} onDone=${told} />`}
    ${open === "remove" && html`<${TypedConfirmation} title="Delete this webhook?" typed=${new URL(webhook.url).host} action="Delete webhook" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", path, { scoped: true });
      say("The webhook is deleted.");
      go(scoped("/webhooks"));
    }}><p>What waits for it is not told, and its log is gone.</p><//>`}`;
}

/** Why it is told nothing, or since when nobody answers. */
function Troubles({ webhook: { isActive, disabledReason, failingSince, failureCount } }) {
  if (!isActive) {
    return html`<${Notice} look=${disabledReason ? "bad" : "note"}><p>${disabledReason
      ? html`<b>The server switched it off.</b> ${disabledReason} What happened meanwhile is kept for seven days: switch it on again and tell that span of time once more.`
      : "It is switched off and told nothing. What happens meanwhile is kept for seven days and can be told later."}</p><//>`;
  }
  if (!failingSince) return null;
  return html`<${Notice} look="warn"><p>${count(failureCount, "attempt")} failed one after the other since <${Moment} at=${failingSince} />. The log below says why. After three days of failures it is switched off.</p><//>`;
}

/** Shown when asked for; the audit log says who asked. */
function Secret({ path }) {
  const [state, setState] = useState({});
  const reveal = () =>
    ask("GET", `${path}/reveal`, { scoped: true }).then(
      ({ secret }) => setState({ secret }),
      (failure) => setState({ failure }),
    );
  if (state.secret) return html`<p class="pair"><${Copyable} text=${state.secret} what="secret" /><button type="button" class="button small" onClick=${() => setState({})}>Hide</button></p>`;
  return html`<p class="pair"><code aria-hidden="true">whsec_••••••••</code>
      ${may("webhooks:write") ? html`<button type="button" class="button small" onClick=${reveal}>Show secret</button>` : html`<span class="soft">Only who may change webhooks sees it.</span>`}</p>
    <${Failure} error=${state.failure} />`;
}
