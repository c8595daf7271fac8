// Sign-in: address and password, and a code for who wants one asked.
import { ask } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { Password, Submit, Text, useForm } from "../parts/form.js";
import { Gate, useFirstField } from "../parts/gate.js";
import { Failure } from "../parts/notice.js";
import { address, go, ownPage, place } from "../router.js";
import { loadMe } from "../session.js";

export function SignInPage() {
  const [needsCode, setNeedsCode] = useState(false);
  const { next } = place.value.query;
  const form = useForm({ email: "", password: "", code: "" }, async ({ email, password, code }) => {
    const body = { email: email.trim(), password };
    if (needsCode) body.code = code.replace(/\s/g, "");
    try {
      await ask("POST", "/v1/auth/sign-in", { body, quiet: true });
    } catch (failure) {
      // The password was right a moment ago; an app shows the same code for half a minute, and it is good once.
      if (needsCode && failure.status === 401) failure.message = "The code is not right, or was used already: wait for the next one. If that is not right either, start again, since the password may have been changed.";
      if (failure.code !== "TOTP_REQUIRED" || needsCode) throw failure;
      setNeedsCode(true);
      return;
    }
    await loadMe();
    go(ownPage(next ?? ""), { replace: true });
  });
  const again = () => {
    form.set({ code: "", password: "" });
    form.reset();
    setNeedsCode(false);
  };
  return needsCode ? html`<${CodeStep} form=${form} again=${again} />` : html`<${PasswordStep} form=${form} next=${next} />`;
}

function PasswordStep({ form, next }) {
  const first = useFirstField();
  return html`<${Gate} title="Sign in" about=${next && "You will be taken to the page you asked for."}>
    <form ref=${first} onSubmit=${form.submit}>
      <${Text} form=${form} name="email" type="email" label="Email" autocomplete="username" required />
      <${Password} form=${form} name="password" label="Password" autocomplete="current-password" required />
      <${Failure} error=${form.failure} />
      <${Submit} form=${form}>Sign in<//>
    </form>
    <p class="aside"><a href=${address("/forgot")}>Forgot your password?</a></p>
  <//>`;
}

function CodeStep({ form, again }) {
  const field = useRef();
  useEffect(() => field.current?.querySelector("input")?.focus(), []);
  return html`<${Gate} title="Enter your code" about="Your authenticator app shows six digits. A recovery code works as well, once.">
    <form ref=${field} onSubmit=${form.submit}>
      <${Text} form=${form} name="code" label="Code" autocomplete="one-time-code" inputmode="text" autocapitalize="off" spellcheck="false" required />
      <${Failure} error=${form.failure} />
      <${Submit} form=${form}>Continue<//>
    </form>
    <p class="aside"><button type="button" class="link" onClick=${again}>Sign in as somebody else</button></p>
  <//>`;
}
