// Everything that can be said about a key, as fields of a form: for making one and for changing one.
import { html } from "../../html.js";
import { Check, Choice, entriesOf, Field, Lines, Select, Text } from "../../parts/form.js";
import { localTime } from "../../parts/moment.js";
import { may, me } from "../../session.js";
import { PERMISSIONS, permissionsOf, PRESETS, presetOf } from "../../words.js";

const DAY = 86_400_000;

/** The highest limit that a key may have of its own. */
const HIGHEST = 1_000_000;
const EXPIRIES = [["", "Never"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"], ["at", "At a time of your choice"]];

/** Names of fields beside which the server's words are shown. */
export const FIELDS = ["name", "projectId", "permissions", "domains", "recipients", "ipAllowlist", "expiresAt", "rateLimit"];

const lines = (values) => values?.join("\n") ?? "";
const figure = (value) => value?.toString() ?? "";

/** What the form starts with: a new key, or one that is there. */
export function valuesOf(key) {
  return {
    name: key?.name ?? "",
    preset: key ? presetOf(key.permissions, me.value.server.permissions) : "sending_access",
    permissions: key?.permissions ?? ["mails:send"],
    domains: lines(key?.domains),
    recipients: lines(key?.recipients),
    ipAllowlist: lines(key?.ipAllowlist),
    ipAllowlistDryRun: key?.ipAllowlistDryRun ?? true,
    expiry: key?.expiresAt ? "at" : "",
    expiresAt: localTime(key?.expiresAt),
    perSecond: figure(key?.ownRateLimit.perSecond),
    perMinute: figure(key?.ownRateLimit.perMinute),
  };
}

const split = (text) => {
  const values = entriesOf(text);
  return values.length > 0 ? values : null;
};
const whole = (text) => (text.trim() === "" ? null : Number(text));

function expiryOf({ expiry, expiresAt }) {
  if (expiry === "") return null;
  if (expiry === "at") return expiresAt ? new Date(expiresAt).toISOString() : null;
  return new Date(Date.now() + Number(expiry) * DAY).toISOString();
}

/** What the server is told. */
export function bodyOf(values) {
  const ipAllowlist = split(values.ipAllowlist);
  return {
    name: values.name.trim(),
    permissions: values.preset === "custom" ? values.permissions : values.preset,
    domains: split(values.domains),
    recipients: split(values.recipients),
    ipAllowlist,
    ipAllowlistDryRun: ipAllowlist !== null && values.ipAllowlistDryRun,
    expiresAt: expiryOf(values),
    rateLimit: { perSecond: whole(values.perSecond), perMinute: whole(values.perMinute) },
  };
}

/** The name. */
export function NameField({ form }) {
  return html`<${Text} form=${form} name="name" label="Name" hint="What it is for and where, such as “Shop, production”." required maxlength="100" autocomplete="off" />`;
}

/** What is wider than the reader's role cannot be chosen: nobody makes a key that may do more than themselves. */
const presets = () => PRESETS.map(([name, words, explanation]) => {
  const isAllowed = name === "custom" || permissionsOf(name, me.value.server.permissions).every(may);
  return isAllowed ? [name, words, explanation] : [name, words, `${explanation} Your role may not do all of it.`, true];
});

/** What it may do, from where, to whom, how often and how long. */
export function RestrictionFields({ form }) {
  const { values } = form;
  return html`
    <${Choice} form=${form} name="preset" legend="Permissions" options=${presets()} />
    ${values.preset === "custom" && html`<${PermissionChecks} form=${form} />`}
    <details class="more-fields" open=${isRestricted(values)}>
      <summary>Restrictions and limits</summary>
      <div class="grid">
        <${Lines} form=${form} name="domains" label="From domains" hint="It sends only from these. Empty: from every domain." placeholder="mail.example.com" />
        <${Lines} form=${form} name="recipients" label="Recipients" hint="It sends only to these addresses and domains. Empty: to everybody." placeholder="example.org" />
        <div>
          <${Lines} form=${form} name="ipAllowlist" label="Networks" hint="It works only from these. Empty: from everywhere." placeholder="203.0.113.0/24" />
          ${values.ipAllowlist.trim() && html`<${Check} form=${form} name="ipAllowlistDryRun" label="Dry run" hint="Only count what would have been blocked, so that you cannot lock yourself out." />`}
        </div>
        <div>
          <${Select} form=${form} name="expiry" label="Expires" options=${EXPIRIES} />
          ${values.expiry === "at" && html`<${Text} form=${form} name="expiresAt" type="datetime-local" label="At, in your own time" required />`}
        </div>
        <${Limit} form=${form} name="perSecond" label="Requests a second" />
        <${Limit} form=${form} name="perMinute" label="Requests a minute" />
      </div>
    </details>`;
}

const isRestricted = ({ domains, recipients, ipAllowlist, expiry, perSecond, perMinute }) =>
  Boolean(domains || recipients || ipAllowlist || expiry || perSecond || perMinute);

/** A limit of its own; the server names it `rateLimit.perSecond` or `rateLimit.perMinute`. */
function Limit({ form, name, label }) {
  const change = (event) => form.set({ [name]: event.currentTarget.value });
  return html`<${Field} label=${label} hint="Empty: as the server has it." error=${form.problem(`rateLimit.${name}`)}>
    ${(control) => html`<input ...${control} type="number" min="1" max=${HIGHEST} step="1" inputmode="numeric" name=${name} value=${form.values[name]} onInput=${change} />`}
  <//>`;
}

/** In the order in which people think of them; what has no words comes last. */
const inOrder = (permissions) => [...Object.keys(PERMISSIONS).filter((one) => permissions.includes(one)), ...permissions.filter((one) => !(one in PERMISSIONS))];

function PermissionChecks({ form }) {
  const chosen = form.values.permissions;
  const change = (permission) => (event) =>
    form.set({ permissions: event.currentTarget.checked ? [...chosen, permission] : chosen.filter((one) => one !== permission) });
  const error = form.problem("permissions");
  // Nobody makes a key that may do more than themselves.
  return html`<fieldset class="checks"><legend class="unseen">Single permissions</legend>
    ${inOrder(me.value.server.permissions).map((permission) => html`<label class="check" key=${permission}>
      <input type="checkbox" checked=${chosen.includes(permission)} disabled=${!may(permission)} onChange=${change(permission)} />
      <span>${PERMISSIONS[permission] ?? permission}<small><code>${permission}</code></small></span>
    </label>`)}
    ${error && html`<p class="error">${error}</p>`}
  </fieldset>`;
}
