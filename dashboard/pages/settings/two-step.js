// Sign-in in two steps: a password and the code of an authenticator app (TOTP, RFC 6238).
import { ask } from "../../api.js";
import { html, useState } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Copyable, CopyButton, saveFile } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { FormFailure, Password, Submit, Text, useForm } from "../../parts/form.js";
import { Icon } from "../../parts/icon.js";
import { say } from "../../parts/notice.js";
import { Card } from "../../parts/page.js";
import { QrCode } from "../../parts/qr.js";
import { loadMe, me } from "../../session.js";

export function TwoStepCard() {
  const isOn = me.value.user.totpEnabled;
  const [open, setOpen] = useState("");
  const close = () => setOpen("");
  return html`<${Card} title="Two-step sign-in" about="After your password you are asked for a code of an app on your phone.">
    <p>${isOn ? html`<${Badge} look="good">On<//>` : html`<${Badge}>Off<//>`}</p>
    <p>${isOn
      ? html`<button type="button" class="button" onClick=${() => setOpen("off")}>Turn off…</button>`
      : html`<button type="button" class="button" onClick=${() => setOpen("on")}>Turn on…</button>`}</p>
    ${open === "on" && html`<${TurnOn} onClose=${close} />`}
    ${open === "off" && html`<${TurnOff} onClose=${close} />`}
  <//>`;
}

function TurnOn({ onClose }) {
  const [offer, setOffer] = useState(null);
  const [codes, setCodes] = useState(null);
  if (codes) return html`<${RecoveryCodes} codes=${codes} onClose=${() => loadMe().finally(onClose)} />`;
  if (offer) return html`<${Scan} key="scan" offer=${offer} onClose=${onClose} onCodes=${setCodes} />`;
  const send = async (password) => setOffer(await ask("POST", "/v1/auth/totp", { body: { password }, quiet: true }));
  return html`<${AskPassword} title="Turn on two-step sign-in" action="Continue" send=${send} onClose=${onClose} />`;
}

function Scan({ offer, onClose, onCodes }) {
  const form = useForm({ code: "" }, async ({ code }) => {
    const { recoveryCodes } = await ask("POST", "/v1/auth/totp/confirm", { body: { code: code.replace(/\s/g, "") }, quiet: true });
    onCodes(recoveryCodes);
  });
  return html`<${Dialog} title="Scan this code" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <p>Open your authenticator app and scan the picture, or type the secret.</p>
        <${QrCode} text=${offer.uri} label="QR code for your authenticator app" />
        <${Copyable} text=${offer.secret} what="secret" />
        <${Text} form=${form} name="code" label="Code that the app shows" autocomplete="one-time-code" inputmode="numeric" required />
        <${FormFailure} form=${form} fields=${["code"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Turn on<//></footer>
    </form>
  <//>`;
}

function RecoveryCodes({ codes, onClose }) {
  const text = codes.join("\n");
  return html`<${Dialog} key="codes" title="Keep these recovery codes" stays onClose=${onClose}>
    <div class="body">
      <p>Each of them signs you in once when your phone is gone. They are not shown again.</p>
      <pre class="codes">${text}</pre>
      <p class="pair">
        <${CopyButton} text=${text} what="recovery codes" label="Copy" look="" />
        <button type="button" class="button" onClick=${() => saveFile("posthaste-recovery-codes.txt", `${text}\n`)}><${Icon} name="download" />Download .txt</button>
      </p>
    </div>
    <footer><button type="button" class="button primary" data-first onClick=${onClose}>I have kept them</button></footer>
  <//>`;
}

function TurnOff({ onClose }) {
  const send = async (password) => {
    await ask("DELETE", "/v1/auth/totp", { body: { password }, quiet: true });
    await loadMe();
    say("Two-step sign-in is off.");
    onClose();
  };
  return html`<${AskPassword} title="Turn off two-step sign-in?" action="Turn off" look="danger" send=${send} onClose=${onClose} />`;
}

function AskPassword({ title, action, look = "primary", send, onClose }) {
  const form = useForm({ password: "" }, ({ password }) => send(password));
  return html`<${Dialog} key="password" title=${title} onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <input class="unseen" type="email" autocomplete="username" value=${me.value.user.email} readonly tabindex="-1" aria-hidden="true" />
        <${Password} form=${form} name="password" label="Your password" autocomplete="current-password" required />
        <${FormFailure} form=${form} fields=${["password"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form} look=${look}>${action}<//></footer>
    </form>
  <//>`;
}
