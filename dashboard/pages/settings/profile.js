// One's name and password.
import { ask } from "../../api.js";
import { html } from "../../html.js";
import { FormFailure, Password, Submit, Text, useForm } from "../../parts/form.js";
import { say } from "../../parts/notice.js";
import { Card, Facts } from "../../parts/page.js";
import { loadMe, me } from "../../session.js";

export function ProfileCard() {
  const { name, email, role } = me.value.user;
  const form = useForm({ name }, async (values) => {
    await ask("PATCH", "/v1/auth/me", { body: { name: values.name.trim() } });
    await loadMe();
    say("Your name is saved.");
  });
  return html`<${Card} title="Profile">
    <${Facts} rows=${[["Email", html`<span class="wrap">${email}</span>`], ["Role", role]]} />
    <form onSubmit=${form.submit}>
      <${Text} form=${form} name="name" label="Name" autocomplete="name" maxlength="100" />
      <${FormFailure} form=${form} fields=${["name"]} />
      <p><${Submit} form=${form} look="">Save<//></p>
    </form>
  <//>`;
}

export function PasswordCard() {
  const empty = { currentPassword: "", newPassword: "" };
  const form = useForm(empty, async (body) => {
    // A wrong password is 401 like a session that is over, and must not lead to sign-in.
    await ask("POST", "/v1/auth/password", { body, quiet: true });
    form.set(empty);
    say("Your password is changed. All other sessions are ended.");
  });
  return html`<${Card} title="Password" about="A change signs you out everywhere else.">
    <form onSubmit=${form.submit}>
      <input class="unseen" type="email" autocomplete="username" value=${me.value.user.email} readonly tabindex="-1" aria-hidden="true" />
      <${Password} form=${form} name="currentPassword" label="Current password" autocomplete="current-password" required />
      <${Password} form=${form} name="newPassword" label="New password" hint="Ten characters or more. Three or four unrelated words are easy to keep in mind." autocomplete="new-password" minlength="10" required />
      <${FormFailure} form=${form} fields=${["currentPassword", "newPassword"]} />
      <p><${Submit} form=${form} look="">Change password<//></p>
    </form>
  <//>`;
}
