// Uses every method of the upstream's own SDK for Node against the server in BASE_URL with the key in KEY.

import assert from "node:assert/strict";
import { Autosend } from "autosendjs";
import { Resend } from "autosendjs/resend";

const { BASE_URL: base, KEY: key } = process.env;
const client = new Autosend(key, { baseUrl: `${base}/v1` });
const stranger = new Autosend("AS_nobody", { baseUrl: `${base}/v1` });
const from = { email: "hello@example.com", name: "Example" };

async function stored() {
  const answer = await fetch(`${base}/v1/mails?limit=100`, { headers: { authorization: `Bearer ${key}` } });
  const { data } = await answer.json();
  return data.mails;
}

/** What a call answers, after which so many mails more are stored: a client that did not understand repeats itself. */
async function sending(mails, call) {
  const before = (await stored()).length;
  const result = await call();
  assert.equal((await stored()).length - before, mails, JSON.stringify(result));
  return result;
}

// Sending one.
const letter = { from, to: { email: "ada@example.org", name: "Ada" }, subject: "Hi {{name}}", html: "<p>{{name}}</p>", dynamicData: { name: "Ada" } };
const sent = await sending(1, () => client.emails.send(letter));
assert.deepEqual(Object.keys(sent).sort(), ["data", "success"]);
assert.equal((await stored())[0].id, sent.data.emailId);
assert.equal((await stored())[0].subject, "Hi Ada");
const many = { ...letter, to: [{ email: "ada@example.org" }, { email: "bob@example.org" }], cc: [{ email: "cyd@example.org" }], bcc: [{ email: "dan@example.org" }], replyTo: from, bypassSuppressions: true };
assert.equal((await sending(1, () => client.emails.send(many))).success, true);
const refused = await sending(0, () => client.emails.send({ ...letter, to: { email: "nobody" } }));
assert.deepEqual([refused.success, refused.error, refused.statusCode], [false, "Validation failed", 400]);
const unknown = await sending(0, () => stranger.emails.send(letter));
assert.deepEqual([unknown.success, unknown.error, unknown.statusCode], [false, "Unauthorized", 401]);

// Sending many.
const recipients = [{ email: "ada@example.org", dynamicData: { name: "Ada" } }, { email: "bob@example.org", cc: [{ email: "cyd@example.org" }], dynamicData: { name: "Bob" } }];
const bulk = await sending(2, () => client.emails.bulk({ from, subject: "Hi {{name}}", html: "<p>{{name}}</p>", recipients }));
assert.equal(bulk.success, true, JSON.stringify(bulk));
assert.deepEqual([bulk.data.totalRecipients, bulk.data.successCount, bulk.data.failedCount], [2, 2, 0]);
assert.match(bulk.data.batchId, /^[0-9a-f-]{36}$/);
assert.deepEqual((await stored()).slice(0, 2).map((mail) => mail.subject).sort(), ["Hi Ada", "Hi Bob"]);
const none = await sending(0, () => client.emails.bulk({ from: { email: "nobody" }, subject: "Hi", html: "<p>Hi</p>", recipients }));
assert.deepEqual([none.success, none.error, none.statusCode], [false, "Validation failed", 400]);

// Contacts.
const ada = { email: "Ada@example.org", firstName: "Ada", userId: "u1", customFields: { plan: "free", seats: 3, gone: null } };
const made = await client.contacts.create(ada);
assert.equal(made.success, true, JSON.stringify(made));
assert.deepEqual([made.data.email, made.data.firstName, made.data.customFields], ["ada@example.org", "Ada", { plan: "free", seats: 3 }]);
const changed = await client.contacts.upsert({ email: "ada@example.org", lastName: "Lovelace" });
assert.deepEqual([changed.data.id, changed.data.firstName, changed.data.lastName], [made.data.id, "Ada", "Lovelace"]);
assert.deepEqual((await client.contacts.get(made.data.id)).data, changed.data);
assert.equal((await client.contacts.delete(made.data.id)).success, true);
for (const gone of [await client.contacts.get(made.data.id), await client.contacts.delete(made.data.id)]) {
  assert.deepEqual([gone.success, gone.error], [false, "There is no such contact."]);
}
assert.deepEqual([(await client.contacts.create({ email: "nobody" })).success], [false]);

// Mail that comes in is not taken.
for (const answer of [
  await client.inboundEmails.list({ page: 1 }),
  await client.inboundEmails.get(made.data.id),
  await client.inboundEmails.getAttachmentDownloadUrl(made.data.id, 0),
  await client.inboundEmails.reply(made.data.id, { from, text: "Hi" }),
]) {
  assert.deepEqual([answer.success, answer.statusCode], [false, 404]);
}

// The adapter for those who come from Resend.
const resend = new Resend(key, { baseUrl: `${base}/v1` });
const adapted = { from: "Example <hello@example.com>", subject: "Hi", html: "<p>Hi</p>" };
const one = await sending(1, () => resend.emails.send({ ...adapted, to: "ada@example.org" }));
assert.deepEqual([one.error, one.data.id], [null, (await stored())[0].id]);
const two = await sending(2, () => resend.emails.send({ ...adapted, to: ["ada@example.org", "bob@example.org"] }));
assert.deepEqual([two.error, two.data.id.length], [null, 36]);
const wrong = await sending(0, () => resend.emails.send({ ...adapted, to: "nobody" }));
assert.deepEqual([wrong.data, wrong.error.name], [null, "validation_error"]);
const person = await resend.contacts.create({ email: "eve@example.org", firstName: "Eve", properties: { plan: "free" } });
assert.equal(person.error, null, JSON.stringify(person));
assert.deepEqual(await resend.contacts.update({ email: "eve@example.org", lastName: "Evans" }), { data: person.data, error: null });
const { data: eve } = await resend.contacts.get(person.data.id);
assert.deepEqual([eve.email, eve.firstName, eve.lastName, eve.properties], ["eve@example.org", "Eve", "Evans", { plan: "free" }]);
assert.deepEqual((await resend.contacts.remove(person.data.id)).data, { deleted: true, contact: person.data.id });
assert.equal((await resend.contacts.get(person.data.id)).error.name, "not_found");

// A method that the next version has is noticed here.
const methods = (part) => Object.getOwnPropertyNames(Object.getPrototypeOf(part)).filter((name) => name !== "constructor").sort();
assert.deepEqual([client.emails, client.contacts, client.inboundEmails, resend.emails, resend.contacts].map(methods), [
  ["bulk", "send"],
  ["create", "delete", "get", "upsert"],
  ["get", "getAttachmentDownloadUrl", "list", "reply"],
  ["getRecipientCount", "send", "sendBulk"],
  ["create", "get", "remove", "update"],
]);

// Too many.
const slow = new Autosend(process.env.SLOW_KEY, { baseUrl: `${base}/v1` });
await sending(1, () => slow.emails.send(letter));
const limited = await sending(0, () => slow.emails.send(letter));
assert.deepEqual([limited.success, limited.statusCode], [false, 429], JSON.stringify(limited));

console.log("autosendjs: every method does what it says");
