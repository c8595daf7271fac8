// Names of states, permissions and actions as people read them.

/** The look and the words of each state of a mail. */
export const MAIL_STATES = {
  scheduled: ["wait", "Scheduled"],
  queued: ["wait", "Queued"],
  sending: ["wait", "Sending"],
  deferred: ["warn", "Deferred"],
  sent: ["good", "Sent"],
  partially_sent: ["warn", "Partly sent"],
  captured: ["note", "Captured"],
  complained: ["warn", "Complained"],
  bounced: ["bad", "Bounced"],
  failed: ["bad", "Failed"],
  suppressed: ["bad", "Suppressed"],
  ambiguous: ["warn", "Unclear"],
  held: ["warn", "Held"],
  cancelled: ["off", "Cancelled"],
  retried: ["wait", "Tried again"],
  rescheduled: ["wait", "Moved"],
  opened: ["good", "Opened"],
  clicked: ["good", "Clicked"],
  unsubscribed: ["warn", "Unsubscribed"],
  group_unsubscribed: ["warn", "Left a group"],
  group_resubscribed: ["good", "Came back to a group"],
};

/** The same for keys. */
export const KEY_STATES = {
  active: ["good", "Active"],
  inactive: ["off", "Inactive"],
  expired: ["warn", "Expired"],
  revoked: ["bad", "Deleted"],
};

/** The same for domains. */
export const DOMAIN_STATES = {
  verified: ["good", "Verified"],
  waiting: ["wait", "Waits for DNS"],
  lost: ["bad", "Records are gone"],
};

/** The same for webhooks. */
export const WEBHOOK_STATES = {
  active: ["good", "Active"],
  failing: ["warn", "Failing"],
  paused: ["off", "Switched off"],
  disabled: ["bad", "Switched off by the server"],
};

/** What each permission lets a key do. */
export const PERMISSIONS = {
  "mails:send": "Send mail",
  "mails:read": "Read mails and what became of them",
  "templates:read": "See templates and try them out",
  "templates:write": "Make, change, publish and delete templates",
  "contacts:read": "See contacts, lists and properties",
  "contacts:write": "Make, change and delete contacts, lists and properties",
  "suppressions:read": "See who gets no mail",
  "suppressions:write": "Suppress addresses, let them have mail again, manage groups",
  "recipients:erase": "Erase everything about a recipient",
  "bounces:write": "Report bounces and complaints",
  "domains:read": "See domains and their DNS records",
  "domains:write": "Add, verify and delete domains",
  "senders:read": "See senders",
  "senders:write": "Add and remove senders",
  "webhooks:read": "See webhooks and what they were told, never their secrets",
  "webhooks:write": "Make, change and delete webhooks, and reveal their secrets",
  "keys:read": "See keys, never their secrets",
  "keys:write": "Make, change and delete keys",
  "projects:read": "See projects",
  "projects:write": "Make, change and delete projects",
  "users:read": "See who belongs to the team",
  "users:write": "Invite people and change roles",
  "audit:read": "Read the audit log",
};

/** Presets of permissions, in the order in which people should consider them. */
export const PRESETS = [
  ["sending_access", "Sending", "Sends mail and nothing else. Right for most programs."],
  ["full_access", "Full access", "Everything a key can do, managing keys and people included."],
  ["read_only", "Read only", "Looks at everything, changes nothing."],
  ["custom", "Custom", "You choose each permission."],
];

/** What a preset lets a key do; `all` are the permissions that the server knows. */
export function permissionsOf(preset, all) {
  if (preset === "full_access") return all;
  if (preset === "read_only") return all.filter((one) => one.endsWith(":read"));
  return ["mails:send"];
}

/** The preset that a list of permissions is, or `custom`. */
export function presetOf(permissions, all) {
  const same = (wanted) => wanted.length === permissions.length && wanted.every((one) => permissions.includes(one));
  return ["sending_access", "full_access", "read_only"].find((preset) => same(permissionsOf(preset, all))) ?? "custom";
}

export const ROLES = [
  ["owner", "Owner", "Everything, and says who else is an owner."],
  ["admin", "Admin", "Everything but changing owners."],
  ["member", "Member", "Works with mails, templates, contacts, webhooks and keys."],
  ["viewer", "Viewer", "Looks on and changes nothing."],
];

/** What the audit log calls an action, in words. */
export const ACTIONS = {
  "api_key.created": "Key made",
  "api_key.updated": "Key changed",
  "api_key.rotated": "Key rotated",
  "api_key.revoked": "Key deleted",
  "api_key.deactivated": "Key deactivated",
  "api_key.activated": "Key activated",
  "project.created": "Project made",
  "project.updated": "Project changed",
  "project.deleted": "Project deleted",
  "domain.added": "Domain added",
  "domain.verified": "Domain verified",
  "domain.lost": "Domain given up: its records are gone",
  "domain.deleted": "Domain deleted",
  "sender.added": "Sender added",
  "sender.deleted": "Sender removed",
  "webhook.created": "Webhook made",
  "webhook.updated": "Webhook changed",
  "webhook.deleted": "Webhook deleted",
  "webhook.disabled": "Webhook switched off by the server",
  "webhook.secret_revealed": "Webhook secret looked at",
  "webhook.secret_rotated": "Webhook secret replaced",
  "webhook.replayed": "Webhook told again",
  "template.created": "Template made",
  "template.updated": "Template changed",
  "template.published": "Template published",
  "template.reverted": "Template taken back to an old version",
  "template.deleted": "Template deleted",
  "contact_list.created": "List of contacts made",
  "contact_list.deleted": "List of contacts deleted",
  "contact_property.created": "Property of contacts made",
  "contact_property.deleted": "Property of contacts deleted",
  "suppression.added": "Addresses suppressed",
  "suppression.removed": "Addresses let have mail again",
  "suppression_group.created": "Suppression group made",
  "suppression_group.updated": "Suppression group changed",
  "suppression_group.deleted": "Suppression group deleted",
  "recipient.erasure_requested": "Erasure of a recipient asked for",
  "recipient.erased": "Recipient erased",
  "user.invited": "Person invited",
  "user.joined": "Person joined",
  "user.role_changed": "Role changed",
  "user.removed": "Person removed",
  "user.signed_in": "Signed in",
  "user.password_changed": "Password changed",
  "user.totp_enabled": "Two-step sign-in turned on",
  "user.totp_disabled": "Two-step sign-in turned off",
  "invitation.revoked": "Invitation taken back",
  "session.ended": "Session ended",
  "mail.retried": "Mail tried again",
  "mail.cancelled": "Mail cancelled",
  "mail.rescheduled": "Mail given another time",
};

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
