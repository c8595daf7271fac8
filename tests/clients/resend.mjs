// Uses Resend's own client for Node, as far as its API is spoken, against the server in BASE_URL with the key in KEY.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once as happened } from "node:events";
import { Resend } from "resend";

const { BASE_URL: base, KEY: key } = process.env;
const resend = new Resend(key, { baseUrl: base });

async function native(path) {
  const answer = await fetch(`${base}/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(answer.status, 200, path);
  return answer;
}

async function stored() {
  return (await (await native("/mails?limit=100")).json()).data.mails;
}

/** The message of a mail as it left, or would have. */
async function message(id) {
  for (;;) {
    const { data } = await (await native(`/mails/${id}`)).json();
    if (!["queued", "sending"].includes(data.status)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return (await native(`/mails/${id}/captured/0`)).text();
}

/** What a call answers, after which so many mails more are stored: one call makes one mail. */
async function sending(mails, call) {
  const before = (await stored()).length;
  const data = good(await call());
  assert.equal((await stored()).length - before, mails, JSON.stringify(data));
  return data;
}

function good({ data, error }) {
  assert.equal(error, null, JSON.stringify(error));
  return data;
}

/** A refusal with this status and name, after which no mail more is stored. */
async function refused(statusCode, name, call) {
  const before = (await stored()).length;
  const { data, error } = await call();
  assert.deepEqual([data, error?.statusCode, error?.name], [null, statusCode, name], JSON.stringify(error));
  assert.ok(error.message.length > 0);
  assert.equal((await stored()).length, before);
  return error.message;
}

const letter = { from: "Acme <hello@example.com>", to: "ada@example.org", subject: "Hi", html: "<p>Hello</p>" };

// One mail, with everything.
const one = await sending(1, () => resend.emails.send({
  ...letter,
  to: ["Ada <ada@example.org>", "bob@example.org"],
  cc: "cyd@example.org",
  bcc: ["dan@example.org"],
  replyTo: ["answers@example.com", "Help <help@example.com>"],
  text: "Hello",
  headers: { "X-Entity-Ref-ID": "1" },
  tags: [{ name: "category", value: "confirm_email" }],
  attachments: [
    { filename: "a.txt", content: Buffer.from("hello") },
    { filename: "logo.png", content: "iVBORw0KGgo=", contentId: "logo", contentType: "image/png" },
  ],
}));
assert.deepEqual(Object.keys(one), ["id"]);
const written = await message(one.id);
for (const part of ["X-Entity-Ref-ID: 1", "aGVsbG8=", "Content-ID: <logo>", "Reply-To: answers@example.com, Help <help@example.com>"]) {
  assert.ok(written.includes(part), `${part} in ${written}`);
}
assert.ok(!written.includes("dan@example.org"));
const shown = good(await resend.emails.get(one.id));
assert.ok(written.includes(`Message-ID: ${shown.message_id}\r\n`), shown.message_id);
assert.deepEqual(
  [shown.object, shown.id, shown.from, shown.to, shown.cc, shown.bcc, shown.reply_to, shown.subject, shown.last_event, shown.tags],
  ["email", one.id, letter.from, ["Ada <ada@example.org>", "bob@example.org"], ["cyd@example.org"], ["dan@example.org"],
    ["answers@example.com", "Help <help@example.com>"], "Hi", "delivered", [{ name: "category", value: "confirm_email" }]],
);

// Idempotency.
const once = { idempotencyKey: `welcome-user/${crypto.randomUUID()}` };
const first = await sending(1, () => resend.emails.send(letter, once));
assert.deepEqual(await sending(0, () => resend.emails.send(letter, once)), first);
await refused(409, "invalid_idempotent_request", () => resend.emails.send({ ...letter, subject: "Other" }, once));
await refused(400, "invalid_idempotency_key", () => resend.emails.send(letter, { idempotencyKey: "x".repeat(257) }));

/** Ten calls at once under one key, which get the same answer. */
async function racing(mails, call) {
  const before = (await stored()).length;
  const answers = await Promise.all(Array.from({ length: 10 }, () => call()));
  assert.equal((await stored()).length - before, mails);
  assert.equal(new Set(answers.map((answer) => JSON.stringify(good(answer)))).size, 1);
}
const race = { idempotencyKey: `race/${crypto.randomUUID()}` };
await racing(1, () => resend.emails.send(letter, race));
const races = { idempotencyKey: `races/${crypto.randomUUID()}` };
await racing(2, () => resend.batch.send([letter, letter], races));

// Scheduled mail.
const later = await sending(1, () => resend.emails.send({ ...letter, scheduledAt: "in 1 hour" }));
const at = new Date(Date.now() + 7_200_000).toISOString();
assert.deepEqual(good(await resend.emails.update({ id: later.id, scheduledAt: at })), { object: "email", id: later.id });
assert.equal(good(await resend.emails.get(later.id)).scheduled_at, at);
assert.deepEqual(good(await resend.emails.cancel(later.id)), { object: "email", id: later.id });
assert.equal(good(await resend.emails.get(later.id)).last_event, "canceled");

// Many at once.
const together = { idempotencyKey: `batch/${crypto.randomUUID()}` };
const two = [letter, { ...letter, to: ["bob@example.org"] }];
const many = await sending(2, () => resend.batch.send(two, together));
assert.equal(many.data.length, 2);
assert.deepEqual(await sending(0, () => resend.batch.send(two, together)), many);
const broken = [letter, { ...letter, to: "nobody" }];
await refused(422, "validation_error", () => resend.batch.send(broken));
const some = await sending(1, () => resend.batch.send(broken, { batchValidation: "permissive" }));
assert.deepEqual([some.data.length, some.errors.length, some.errors[0].index], [1, 1, 1]);

// Lists.
const newest = good(await resend.emails.list({ limit: 2 }));
assert.deepEqual([newest.object, newest.has_more, newest.data.length], ["list", true, 2]);
const older = good(await resend.emails.list({ limit: 2, after: newest.data[1].id }));
assert.ok(older.data.every(({ id }) => !newest.data.some((mail) => mail.id === id)));
const newer = good(await resend.emails.list({ limit: 2, before: older.data[0].id }));
// What happened to them goes on between two answers.
const ids = ({ data }) => data.map(({ id }) => id);
assert.deepEqual([newer.has_more, ids(newer)], [false, ids(newest)]);

// Refusals.
await refused(422, "missing_required_field", () => resend.emails.send({ from: letter.from }));
await refused(422, "invalid_from_address", () => resend.emails.send({ ...letter, from: "nobody" }));
await refused(422, "validation_error", () => resend.emails.send({ ...letter, to: "nobody" }));
await refused(422, "validation_error", () => resend.emails.send({ ...letter, to: Array(51).fill("ada@example.org") }));
await refused(422, "invalid_attachment", () => resend.emails.send({ ...letter, attachments: [{ filename: "a", content: "%" }] }));
await refused(404, "not_found", () => resend.emails.get("0198c8b5-5ad4-7c14-8de3-6f1bd7bb0a41"));
await refused(404, "not_found", () => resend.emails.get("nothing"));
await refused(403, "invalid_api_key", () => new Resend("re_nobody", { baseUrl: base }).emails.send(letter));
const anonymous = await fetch(`${base}/emails`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
assert.deepEqual([anonymous.status, (await anonymous.json()).name], [401, "missing_api_key"]);

// A server of ours, for files that are fetched and for what webhooks are told.
const told = [];
const files = createServer(async (request, answer) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  if (request.method === "POST") {
    told.push({ headers: request.headers, payload: Buffer.concat(parts).toString() });
    files.emit("told");
  }
  answer.end("fetched");
});
await happened(files.listen(0, "127.0.0.1"), "listening");
const own = `http://127.0.0.1:${files.address().port}`;
const fetched = await sending(1, () => resend.emails.send({ ...letter, attachments: [{ filename: "b.txt", path: `${own}/b.txt` }] }));
assert.ok((await message(fetched.id)).includes(Buffer.from("fetched").toString("base64")));

// Webhooks.
const events = ["email.scheduled", "email.sent", "email.delivered", "email.bounced", "email.suppressed", "email.complained"];
const hook = good(await resend.webhooks.create({ endpoint: `${own}/hook`, events }));
assert.match(hook.signing_secret, /^whsec_/);
let { signing_secret: webhookSecret } = good(await resend.webhooks.get(hook.id));
assert.equal(webhookSecret, hook.signing_secret);
assert.ok(good(await resend.webhooks.list()).data.some(({ id, status }) => id === hook.id && status === "enabled"));
const verified = [];
async function tellings(count) {
  for (;;) {
    while (told.length > 0) {
      const { headers, payload } = told.shift();
      const [id, timestamp, signature] = ["id", "timestamp", "signature"].map((name) => headers[`svix-${name}`]);
      verified.push(resend.webhooks.verify({ payload, headers: { id, timestamp, signature }, webhookSecret }));
    }
    if (verified.length >= count) return verified.splice(0);
    await happened(files, "told");
  }
}
const watched = await sending(1, () => resend.emails.send({ ...letter, tags: [{ name: "a", value: "b" }] }));
const seen = await tellings(2);
assert.deepEqual(seen.map(({ type }) => type).sort(), ["email.delivered", "email.sent"]);
const { message_id, created_at, ...data } = seen[0].data;
assert.deepEqual(data, { email_id: watched.id, from: "hello@example.com", to: ["ada@example.org"], subject: "Hi", tags: { a: "b" } });
assert.ok((await message(watched.id)).includes(`Message-ID: ${message_id}`) && Date.parse(created_at) <= Date.now());
await sending(1, () => resend.emails.send({ ...letter, to: "bounced@example.org" }));
const [bounced] = await tellings(1);
assert.deepEqual([bounced.type, bounced.data.to, bounced.data.bounce.type], ["email.bounced", ["bounced@example.org"], "Permanent"]);
const planned = await sending(1, () => resend.emails.send({ ...letter, scheduledAt: "in 1 hour" }));
const [scheduled] = await tellings(1);
assert.deepEqual([scheduled.type, scheduled.data.email_id, scheduled.data.to], ["email.scheduled", planned.id, ["ada@example.org"]]);
good(await resend.emails.cancel(planned.id));
good(await resend.suppressions.add({ email: "eve@example.org" }));
await sending(1, () => resend.emails.send({ ...letter, to: "eve@example.org" }));
const [suppressed] = await tellings(1);
assert.deepEqual([suppressed.type, suppressed.data.to], ["email.suppressed", ["eve@example.org"]]);
good(await resend.suppressions.remove("eve@example.org"));
const rotated = good(await resend.webhooks.rotateSigningSecret(hook.id));
assert.deepEqual([rotated.object, rotated.id], ["webhook", hook.id]);
assert.notEqual(rotated.signing_secret, webhookSecret);
webhookSecret = rotated.signing_secret;
await sending(1, () => resend.emails.send({ ...letter, to: "bounced@example.org" }));
assert.equal((await tellings(1))[0].type, "email.bounced");
assert.equal(good(await resend.webhooks.update(hook.id, { events: ["email.sent"], status: "disabled" })).id, hook.id);
const { events: fewer, status } = good(await resend.webhooks.get(hook.id));
assert.deepEqual([fewer, status], [["email.sent"], "disabled"]);
await refused(422, "missing_required_field", () => resend.webhooks.create({ endpoint: own }));
await refused(422, "validation_error", () => resend.webhooks.create({ endpoint: own, events: ["domain.created"] }));
assert.equal(good(await resend.webhooks.remove(hook.id)).deleted, true);
await refused(404, "not_found", () => resend.webhooks.get(hook.id));
files.close();

// Templates.
const variables = [{ key: "NAME", type: "string", fallbackValue: "friend" }, { key: "SEATS", type: "number" }];
const text = { name: "Welcome", alias: "welcome", subject: "Hi {{{NAME}}}", html: "<p>{{{NAME}}} has {{{SEATS}}}</p>", from: "Team <team@example.com>", variables };
const template = good(await resend.templates.create(text));
const draft = good(await resend.templates.get(template.id));
assert.deepEqual([draft.name, draft.html, draft.from, draft.status, draft.published_at], ["Welcome", text.html, text.from, "draft", null]);
assert.deepEqual([draft.alias, good(await resend.templates.get("welcome")).id], ["welcome", template.id]);
await refused(422, "validation_error", () => resend.templates.create(text));
assert.deepEqual(draft.variables.map(({ key, type, fallback_value }) => [key, type, fallback_value]), [["NAME", "string", "friend"], ["SEATS", "number", null]]);
const filled = { to: "ada@example.org", template: { id: template.id, variables: { SEATS: 3 } } };
await refused(400, "validation_error", () => resend.emails.send(filled));
assert.equal(good(await resend.templates.publish("welcome")).id, template.id);
const greeting = await sending(1, () => resend.emails.send(filled));
const greeted = good(await resend.emails.get(greeting.id));
assert.deepEqual([greeted.subject, greeted.html, greeted.from], ["Hi friend", "<p>friend has 3</p>", text.from]);
const called = { ...filled, template: { ...filled.template, id: "welcome" } };
await sending(1, () => resend.emails.send(called));
await sending(2, () => resend.batch.send([filled, called]));
await refused(422, "validation_error", () => resend.emails.send({ ...filled, template: { id: template.id } }));
await refused(404, "not_found", () => resend.emails.send({ ...filled, template: { id: "nothing" } }));
const change = { name: "Other", alias: "other", html: "<p>{{{SEATS}}}</p>" };
assert.equal(good(await resend.templates.update("welcome", change)).id, template.id);
await refused(404, "not_found", () => resend.templates.get("welcome"));
const other = good(await resend.templates.get(template.id));
assert.deepEqual([other.name, other.html, other.has_unpublished_versions, other.from], ["Other", "<p>{{{SEATS}}}</p>", true, text.from]);
const copy = good(await resend.templates.duplicate("other").publish());
const both = good(await resend.templates.list({ limit: 2 }));
assert.deepEqual(both.data.map(({ id, status, alias }) => [id, status, alias]), [[copy.id, "published", null], [template.id, "published", "other"]]);
assert.deepEqual(good(await resend.templates.list({ limit: 2, before: template.id })).data.map(({ id }) => id), [copy.id]);
for (const { id } of [template, copy]) assert.equal(good(await resend.templates.remove(id)).deleted, true);
await refused(404, "not_found", () => resend.templates.remove(template.id));
await refused(422, "missing_required_field", () => resend.templates.create({ name: "Welcome" }));

// Suppressions.
const entry = good(await resend.suppressions.add({ email: "eve@example.org" }));
for (const identifier of [entry.id, "eve@example.org"]) {
  const { created_at: since, ...found } = good(await resend.suppressions.get(identifier));
  assert.deepEqual(found, { object: "suppression", id: entry.id, email: "eve@example.org", origin: "manual", source_id: null });
}
assert.ok(good(await resend.suppressions.list({ origin: "manual", limit: 100 })).data.some(({ id }) => id === entry.id));
const stopped = await sending(1, () => resend.emails.send({ ...letter, to: "eve@example.org" }));
assert.equal(good(await resend.emails.get(stopped.id)).last_event, "bounced");
assert.deepEqual(good(await resend.suppressions.remove("eve@example.org")), { object: "suppression", id: entry.id, deleted: true });
await refused(404, "not_found", () => resend.suppressions.get(entry.id));
const emails = ["fay@example.org", "gus@example.org"];
const added = good(await resend.suppressions.batch.add({ emails })).data;
const firstOfTwo = good(await resend.suppressions.list({ limit: 1 }));
assert.deepEqual([firstOfTwo.data.length, firstOfTwo.has_more], [1, true]);
const nextOfTwo = good(await resend.suppressions.list({ limit: 1, after: firstOfTwo.data[0].id }));
assert.deepEqual([...firstOfTwo.data, ...nextOfTwo.data].map(({ id }) => id).sort(), added.map(({ id }) => id).sort());
const backAgain = good(await resend.suppressions.list({ limit: 1, before: nextOfTwo.data[0].id }));
assert.deepEqual([ids(backAgain), backAgain.has_more], [ids(firstOfTwo), false]);
good(await resend.suppressions.batch.remove({ ids: [added[0].id] }));
assert.deepEqual(good(await resend.suppressions.batch.remove({ emails })).data.map(({ id }) => id), [added[1].id]);
await refused(422, "validation_error", () => resend.suppressions.add({ email: "nobody" }));

// Domains.
const name = `${crypto.randomUUID()}.example.com`;
const domain = good(await resend.domains.create({ name, region: "eu-west-1" }));
assert.deepEqual([domain.name, domain.status], [name, "not_started"]);
assert.ok(domain.records.every(({ record, ttl }) => ["SPF", "DKIM"].includes(record) && ttl === "Auto"));
assert.deepEqual(good(await resend.domains.get(domain.id)).records, domain.records);
assert.ok(good(await resend.domains.list()).data.some(({ id }) => id === domain.id));
assert.equal(good(await resend.domains.update({ id: domain.id, tls: "opportunistic", openTracking: false })).id, domain.id);
await refused(422, "validation_error", () => resend.domains.update({ id: domain.id, openTracking: true }));
assert.equal(good(await resend.domains.verify(domain.id)).id, domain.id);
await refused(422, "validation_error", () => resend.domains.create({ name: "no domain" }));

// Keys.
const made = good(await resend.apiKeys.create({ name: "Node", permission: "sending_access", domain_id: domain.id }));
assert.match(made.token, /^re_/);
const limited = new Resend(made.token, { baseUrl: base });
await sending(1, () => limited.emails.send({ ...letter, from: `a@${name}` }));
await refused(403, "validation_error", () => limited.emails.send(letter));
await refused(401, "restricted_api_key", () => limited.domains.list());
assert.ok(good(await resend.apiKeys.list()).data.some(({ id, name }) => id === made.id && name === "Node"));
assert.equal(good(await resend.apiKeys.update(made.id, { name: "Other" })).id, made.id);
assert.ok(good(await resend.apiKeys.list()).data.some(({ name }) => name === "Other"));
good(await resend.apiKeys.remove(made.id));
await refused(403, "invalid_api_key", () => limited.emails.send(letter));
await refused(404, "not_found", () => resend.apiKeys.remove("nothing"));
assert.equal(good(await resend.domains.remove(domain.id)).deleted, true);
await refused(404, "not_found", () => resend.domains.get(domain.id));

// Limits, which every answer tells.
const { headers } = await resend.emails.list();
for (const name of ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]) assert.match(headers[name], /^\d+$/, name);

// Too many.
const slow = new Resend(process.env.SLOW_KEY, { baseUrl: base });
await sending(1, () => slow.emails.send(letter));
await refused(429, "rate_limit_exceeded", () => slow.emails.send(letter));

console.log("resend (Node): every method does what it says");
