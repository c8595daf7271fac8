// What stands around every page: where one can go, whose project it is, who is signed in.
import { project } from "../api.js";
import { html, useEffect, useId, useState } from "../html.js";
import { address, place } from "../router.js";
import { chooseProject, may, me, scoped, signOut } from "../session.js";
import { Icon, Mark } from "./icon.js";
import { Failure } from "./notice.js";

/** Where one can go, in groups; the first needs no name. */
const GROUPS = [
  {
    sections: [
      { path: "/", icon: "overview", label: "Overview" },
      { path: "/mails", icon: "mails", label: "Mails", permission: "mails:read", scoped: true },
      { path: "/mailbox", icon: "mailbox", label: "Mailbox", permission: "mails:read", scoped: true },
      { path: "/templates", icon: "templates", label: "Templates", permission: "templates:read", scoped: true },
    ],
  },
  {
    name: "Recipients",
    sections: [
      { path: "/contacts", icon: "contacts", label: "Contacts", permission: "contacts:read", scoped: true },
      { path: "/suppressions", icon: "suppressions", label: "Suppressions", permission: "suppressions:read", scoped: true },
    ],
  },
  {
    name: "Set up",
    sections: [
      { path: "/domains", icon: "domains", label: "Domains", permission: "domains:read", scoped: true },
      { path: "/webhooks", icon: "webhooks", label: "Webhooks", permission: "webhooks:read", scoped: true },
      { path: "/keys", icon: "keys", label: "API keys", permission: "keys:read" },
    ],
  },
  {
    name: "Account",
    sections: [
      { path: "/projects", icon: "projects", label: "Projects", permission: "projects:read" },
      { path: "/team", icon: "team", label: "Team", permission: "users:read" },
      { path: "/audit", icon: "audit", label: "Audit log", permission: "audit:read" },
      { path: "/settings", icon: "settings", label: "Settings" },
    ],
  },
];

export function Shell({ children }) {
  const [open, setOpen] = useState(false);
  const { path } = place.value;
  useEffect(() => setOpen(false), [path]);
  const close = (event) => event.key === "Escape" && setOpen(false);
  return html`<div class="shell">
    <a class="skip" href="#main">Skip to the page</a>
    <header class=${`side ${open ? "open" : ""}`} onKeyDown=${close}>
      <div class="top">
        <a class="brand" href=${address("/")}><${Mark} />Posthaste</a>
        <button type="button" class="button bare quiet" aria-expanded=${open} aria-controls="navigation" aria-label="Menu" onClick=${() => setOpen(!open)}>
          <${Icon} name=${open ? "close" : "menu"} />
        </button>
      </div>
      <div class="drawer" id="navigation">
        <${ProjectSwitcher} />
        <nav aria-label="Pages">${GROUPS.map((group) => html`<${Group} ...${group} />`)}</nav>
        <${Reader} />
      </div>
    </header>
    <main id="main" tabindex="-1">${children}</main>
  </div>`;
}

function Group({ name, sections }) {
  const id = useId();
  const shown = sections.filter(({ permission }) => !permission || may(permission));
  if (shown.length === 0) return null;
  return html`${name && html`<p id=${id}>${name}</p>`}
    <ul aria-labelledby=${name && id}>${shown.map((section) => html`<${Section} ...${section} />`)}</ul>`;
}

function Section({ path, icon, label, scoped: isScoped }) {
  const now = place.value.path;
  const current = now === path || (path !== "/" && now.startsWith(`${path}/`));
  return html`<li><a href=${isScoped ? scoped(path) : address(path)} aria-current=${current ? "page" : undefined}><${Icon} name=${icon} />${label}</a></li>`;
}

function ProjectSwitcher() {
  const { projects } = me.value;
  if (projects.length === 0) return null;
  return html`<label class="switcher"><span>Project</span>
    <select value=${project.value} onChange=${(event) => chooseProject(event.currentTarget.value)}>
      ${projects.map(({ id, name }) => html`<option key=${id} value=${id} selected=${id === project.value}>${name}</option>`)}
    </select>
  </label>`;
}

function Reader() {
  const { name, email, role } = me.value.user;
  const [failure, setFailure] = useState(null);
  return html`<div class="reader">
    <div><b title=${email}>${name || email}</b><span>${me.value.account.name} · ${role}</span></div>
    <button type="button" class="button small" onClick=${() => signOut().catch(setFailure)}>Sign out</button>
    <${Failure} error=${failure} />
  </div>`;
}
