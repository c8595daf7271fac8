// What a link with a secret leads to: the first owner, an invitation, a new password.
import { ask } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { FormFailure, Password, Submit, Text, useForm } from "../parts/form.js";
import { Gate, useFirstField } from "../parts/gate.js";
import { Failure, Loading } from "../parts/notice.js";
import { address, go, place, takeSecret } from "../router.js";
import { loadMe } from "../session.js";

const SPEAK = {
  set_up: {
    title: "Set up Posthaste",
    about: () => "You are the first one here, so this makes you the owner. Others can be invited afterwards.",
    action: "Make my account",
  },
  invitation: {
    title: "Join the team",
    about: ({ accountName, role, email }) => `You were invited to ${accountName} as ${role}. You will sign in as ${email}.`,
    action: "Join",
  },
  password_reset: {
    title: "Choose a new password",
    about: ({ email }) => `For ${email}. You will be signed out everywhere else.`,
    action: "Save and sign in",
  },
};

export function WelcomePage() {
  const [token, setToken] = useState(takeSecret);
  const [link, setLink] = useState(null);
  const [failure, setFailure] = useState(null);
  // A second link may be opened in the same tab.
  const now = place.value;
  useEffect(() => {
    const other = takeSecret();
    if (other) setToken(other);
  }, [now]);
  const inspect = () => {
    setFailure(null);
    setLink(null);
    ask("POST", "/v1/auth/links/inspect", { body: { token }, quiet: true }).then(setLink, setFailure);
  };
  useEffect(() => {
    if (token) inspect();
  }, [token]);

  if (!token) return html`<${LinkIsOver} text="This page needs the link that you were given, in full. After a reload, open the link again." />`;
  if (failure && failure.status >= 400 && failure.status < 429) return html`<${LinkIsOver} text=${failure.message} />`;
  if (failure) return html`<${Gate} title="Welcome"><${Failure} error=${failure} again=${inspect} /><//>`;
  if (!link) return html`<${Gate} title="Welcome"><${Loading} /><//>`;
  return html`<${Acceptance} token=${token} link=${link} />`;
}

function LinkIsOver({ text }) {
  return html`<${Gate} title="This link does not work">
    <p>${text}</p>
    <p class="soft">Links are good for one use and a limited time. Ask whoever sent it for a new one. The set-up link is printed again when the server starts, or by <code>posthaste users set-up-link</code>.</p>
    <p class="aside"><a href=${address("/sign-in")}>Go to sign-in</a></p>
  <//>`;
}

function Acceptance({ token, link }) {
  const first = useFirstField();
  const { title, about, action } = SPEAK[link.purpose] ?? SPEAK.invitation;
  const isNew = link.purpose !== "password_reset";
  // A new password alone does not get past a second factor.
  const [needsCode, setNeedsCode] = useState(false);
  const form = useForm({ email: link.email ?? "", name: "", password: "", code: "" }, async ({ email, name, password, code }) => {
    const body = { token, password };
    if (link.purpose === "set_up") body.email = email.trim();
    if (isNew && name.trim()) body.name = name.trim();
    if (needsCode) body.code = code.trim();
    try {
      await ask("POST", "/v1/auth/links/accept", { body, quiet: true });
    } catch (failure) {
      if (failure.code !== "TOTP_REQUIRED" || needsCode) throw failure;
      setNeedsCode(true);
      return;
    }
    await loadMe();
    go(address("/"), { replace: true });
  });
  return html`<${Gate} title=${title} about=${about(link)}>
    <form ref=${first} onSubmit=${form.submit}>
      ${link.purpose === "set_up"
        ? html`<${Text} form=${form} name="email" type="email" label="Email" hint="You sign in with it, and alerts go there." autocomplete="username" required />`
        : html`<input class="unseen" type="email" name="email" autocomplete="username" value=${link.email} readonly tabindex="-1" aria-hidden="true" />`}
      ${isNew && html`<${Text} form=${form} name="name" label="Name" hint="As colleagues know you." autocomplete="name" maxlength="100" />`}
      <${Password} form=${form} name="password" label="Password" hint="Ten characters or more. Three or four unrelated words are easy to keep in mind." autocomplete="new-password" minlength="10" required />
      ${needsCode && html`<${Text} form=${form} name="code" label="Code" hint="Of your authenticator app, or a recovery code." autocomplete="one-time-code" spellcheck="false" autofocus required />`}
      <${FormFailure} form=${form} fields=${["email", "name", "password", "code"]} />
      <${Submit} form=${form}>${action}<//>
    </form>
  <//>`;
}
