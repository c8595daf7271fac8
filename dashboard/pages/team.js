// Who belongs to the account, and who is invited to.
import { ask, useList } from "../api.js";
import { html, useState } from "../html.js";
import { Badge } from "../parts/badge.js";
import { Copyable } from "../parts/copy.js";
import { Confirmation, Dialog } from "../parts/dialog.js";
import { Choice, FormFailure, Submit, Text, useForm } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { Menu } from "../parts/menu.js";
import { Moment } from "../parts/moment.js";
import { say } from "../parts/notice.js";
import { Heading } from "../parts/page.js";
import { Listing } from "../parts/table.js";
import { may, me } from "../session.js";
import { ROLES } from "../words.js";

const roleName = (role) => ROLES.find(([name]) => name === role)?.[1] ?? role;

export function TeamPage() {
  const users = useList("/v1/account/users", "users");
  const mayWrite = may("users:write");
  const invitations = useList(mayWrite ? "/v1/account/invitations" : null, "invitations");
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const isMe = (user) => user.id === me.value.user.id;
  // Only owners say who else is one.
  const mayChange = (user) => mayWrite && !isMe(user) && (user.role !== "owner" || me.value.user.role === "owner");
  return html`
    <${Heading} title="Team" about="Who may sign in, and what they may do."
      actions=${mayWrite && html`<button type="button" class="button primary" onClick=${() => setOpen({ invite: true })}><${Icon} name="plus" />Invite</button>`} />
    <${Listing} list=${users} caption="People" columns=${[
      { head: "Person", look: "main", cell: (user) => html`<b class="wrap">${user.name || user.email}</b>${isMe(user) && html` <span class="soft">you</span>`}${user.name && html`<div class="soft wrap">${user.email}</div>`}` },
      { head: "Role", cell: (user) => roleName(user.role) },
      { head: "Two-step sign-in", cell: (user) => (user.totpEnabled ? html`<${Badge} look="good">On<//>` : html`<${Badge}>Off<//>`) },
      { head: "Last signed in", cell: (user) => html`<${Moment} at=${user.signedInAt} />` },
      { head: "Joined", cell: (user) => html`<${Moment} at=${user.createdAt} />` },
      {
        name: "Actions",
        look: "end",
        cell: (user) => mayChange(user) && html`<${Menu} label=${`Actions for ${user.name || user.email}`} items=${[
          { label: "Change role…", act: () => setOpen({ role: user }) },
          { label: "Remove…", look: "danger", act: () => setOpen({ remove: user }) },
        ]} />`,
      },
    ]} />
    ${mayWrite && html`<h2 class="part">Invitations</h2>
      <${Listing} list=${invitations} caption="Invitations"
        empty=${html`<p class="soft">Nobody is invited at the moment.</p>`} columns=${[
        { head: "Email", look: "main", cell: (one) => html`<b class="wrap">${one.email}</b>` },
        { head: "Role", cell: (one) => roleName(one.role) },
        { head: "Good until", cell: (one) => html`<${Moment} at=${one.expiresAt} />` },
        { name: "Actions", look: "end", cell: (one) => html`<button type="button" class="button small" onClick=${() => setOpen({ revoke: one })}>Take back</button>` },
      ]} />`}
    ${open?.invite && html`<${InviteDialog} onClose=${close} onDone=${invitations.reload} />`}
    ${open?.role && html`<${RoleDialog} user=${open.role} onClose=${close} onDone=${users.reload} />`}
    ${open?.remove && html`<${Confirmation} title="Remove this person?" action="Remove" look="danger" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", `/v1/account/users/${open.remove.id}`);
      say(`${open.remove.email} is removed.`);
      close();
      users.reload();
    }}><p><b>${open.remove.email}</b> is signed out everywhere and cannot sign in again. Keys that this person made go on working.</p><//>`}
    ${open?.revoke && html`<${Confirmation} title="Take the invitation back?" action="Take back" look="danger" onClose=${close} onConfirm=${async () => {
      await ask("DELETE", `/v1/account/invitations/${open.revoke.id}`);
      close();
      invitations.reload();
    }}><p>The link that <b>${open.revoke.email}</b> got stops working at once.</p><//>`}`;
}

/** An admin makes nobody an owner. */
const rolesToGive = () => ROLES.filter(([role]) => role !== "owner" || me.value.user.role === "owner");

function InviteDialog({ onClose, onDone }) {
  const [invited, setInvited] = useState(null);
  const form = useForm({ email: "", role: "member" }, async ({ email, role }) => {
    setInvited(await ask("POST", "/v1/account/invitations", { body: { email: email.trim(), role } }));
    onDone();
  });
  if (invited) {
    return html`<${Dialog} title="Invited" key="invited" stays onClose=${onClose}>
      <div class="body">
        <p>${invited.mailed === false
          ? html`No mail could be sent to <b class="wrap">${invited.email}</b>, so pass this link on yourself.`
          : html`A mail to <b class="wrap">${invited.email}</b> is on its way. Should it not arrive, pass this link on yourself.`} It is shown this once and good for one use, until <${Moment} at=${invited.expiresAt} />.</p>
        <${Copyable} text=${invited.link} what="link" />
      </div>
      <footer><button type="button" class="button primary" data-first onClick=${onClose}>Done</button></footer>
    <//>`;
  }
  return html`<${Dialog} title="Invite to the team" onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Text} form=${form} name="email" type="email" label="Email" autocomplete="off" required />
        <${Choice} form=${form} name="role" legend="Role" options=${rolesToGive()} />
        <${FormFailure} form=${form} fields=${["email", "role"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Invite<//></footer>
    </form>
  <//>`;
}

function RoleDialog({ user, onClose, onDone }) {
  const form = useForm({ role: user.role }, async ({ role }) => {
    await ask("PATCH", `/v1/account/users/${user.id}`, { body: { role } });
    say(`${user.name || user.email} is ${roleName(role).toLowerCase()} now.`);
    onClose();
    onDone();
  });
  return html`<${Dialog} title=${`Role of ${user.name || user.email}`} onClose=${onClose}>
    <form onSubmit=${form.submit}>
      <div class="body">
        <${Choice} form=${form} name="role" legend="Role" options=${rolesToGive()} />
        <${FormFailure} form=${form} fields=${["role"]} />
      </div>
      <footer><button type="button" class="button" onClick=${onClose}>Cancel</button><${Submit} form=${form}>Save<//></footer>
    </form>
  <//>`;
}
