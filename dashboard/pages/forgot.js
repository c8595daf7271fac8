// Asks for a link with which a new password can be chosen.
import { ask } from "../api.js";
import { html, useState } from "../html.js";
import { Submit, Text, useForm } from "../parts/form.js";
import { Gate, useFirstField } from "../parts/gate.js";
import { Failure } from "../parts/notice.js";
import { address } from "../router.js";

/** What works on every server. */
const BY_HAND = html`whoever runs the server prints a link for you with <code>posthaste users reset-link</code> and your address.`;

export function ForgotPage() {
  const [sent, setSent] = useState(false);
  const first = useFirstField();
  const form = useForm({ email: "" }, async ({ email }) => {
    await ask("POST", "/v1/auth/password-reset", { body: { email: email.trim() }, quiet: true });
    setSent(true);
  });
  const back = html`<p class="aside"><a href=${address("/sign-in")}>Back to sign-in</a></p>`;
  if (sent) {
    return html`<${Gate} title="Look into your mail" key="sent">
      <p>If <b>${form.values.email.trim()}</b> belongs to somebody here, a link to choose a new password is on its way. It is good for a short time and for one use.</p>
      <p class="soft">Nothing came? Look among unwanted mail. A server that sends no mail sends none of this either: then ${BY_HAND}</p>
      ${back}
    <//>`;
  }
  return html`<${Gate} title="Forgot your password?" about="Tell us your address, and we send you a link to choose a new one, where this server sends mail.">
    <form ref=${first} onSubmit=${form.submit}>
      <${Text} form=${form} name="email" type="email" label="Email" autocomplete="username" required />
      <${Failure} error=${form.failure} />
      <${Submit} form=${form}>Send the link<//>
    </form>
    <p class="soft small">Without mail, ${BY_HAND}</p>
    ${back}
  <//>`;
}
