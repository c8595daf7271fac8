// Uses SendGrid's own SDK for Node against the server in BASE_URL with the key in KEY.

import assert from "node:assert/strict";
import sgMail from "@sendgrid/mail";

const { BASE_URL: base, KEY: key } = process.env;

async function native(path) {
  const answer = await fetch(`${base}/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
  return (await answer.json()).data;
}

async function stored() {
  return (await native("/mails?limit=100")).mails;
}

/** What a call answers, after which so many mails more are stored. */
async function sending(mails, call) {
  const before = (await stored()).length;
  const result = await call();
  assert.equal((await stored()).length - before, mails);
  return result;
}

/** What a refused call says, after which nothing is stored. */
async function refused(status, call) {
  const before = (await stored()).length;
  let refusal;
  await assert.rejects(call, (error) => {
    refusal = error;
    return true;
  });
  assert.equal(refusal.code, status, refusal.message);
  assert.equal((await stored()).length, before);
  for (const { message, field, help } of refusal.response.body.errors) {
    assert.equal(typeof message, "string");
    assert.ok(field === null || typeof field === "string");
    assert.equal(help, null);
  }
  return refusal.response.body.errors.map(({ field }) => field);
}

function pointed(at) {
  sgMail.setApiKey(at);
  // Behind the key, which resets it.
  sgMail.client.setDefaultRequest("baseUrl", base);
}

const letter = { from: { email: "hello@example.com", name: "Example" }, to: "ada@example.org", subject: "Hi", text: "t", html: "<b>x</b>" };

pointed(key);
const [sent, body] = await sending(1, () =>
  sgMail.send({
    ...letter,
    to: ["Ada <ada@example.org>", { email: "bob@example.org" }],
    cc: "c@example.org",
    bcc: ["d@example.org"],
    replyTo: "r@example.com",
    headers: { "X-A": "1" },
    categories: ["welcome"],
    customArgs: { order: "7" },
    attachments: [{ content: "aGVsbG8=", filename: "a.txt", type: "text/plain", disposition: "attachment" }],
  }),
);
assert.deepEqual([sent.statusCode, body], [202, ""]);
const mail = await native(`/mails/${sent.headers["x-message-id"]}`);
assert.deepEqual([mail.to.length, mail.cc.length, mail.bcc.length, mail.replyTo.email], [2, 1, 1, "r@example.com"]);
assert.deepEqual([mail.tags, mail.metadata, mail.attachments[0].fileName], [["welcome"], { order: "7" }, "a.txt"]);

// One call for many: each recipient gets a mail of their own. The other way to do it is a call each.
const to = ["ada@example.org", "bob@example.org", "cyd@example.org"];
const [many] = await sending(3, () => sgMail.sendMultiple({ ...letter, to }));
assert.equal(many.statusCode, 202);
assert.deepEqual((await stored()).slice(0, 3).map((one) => one.totalRecipients ?? 1), [1, 1, 1]);
assert.equal((await sending(2, () => sgMail.send([letter, letter]))).length, 2);

// The sandbox.
const [sandboxed] = await sending(1, () => sgMail.send({ ...letter, mailSettings: { sandboxMode: { enable: true } } }));
assert.equal(sandboxed.statusCode, 200);
assert.equal((await native(`/mails/${sandboxed.headers["x-message-id"]}`)).test, true);

// Later, and at once where it is late.
const at = Math.floor(Date.now() / 1000);
const [later] = await sending(1, () => sgMail.send({ ...letter, sendAt: at + 3600 }));
assert.equal((await native(`/mails/${later.headers["x-message-id"]}`)).status, "scheduled");
await sending(1, () => sgMail.send({ ...letter, sendAt: at - 3600 }));

// Refusals: a field each, or none, where it is not a field that is at fault.
assert.deepEqual(await refused(400, () => sgMail.send({ ...letter, to: "nobody" })), ["personalizations[0].to[0].email"]);
assert.deepEqual(await refused(400, () => sgMail.send({ ...letter, subject: "" })), ["subject"]);
assert.deepEqual(await refused(400, () => sgMail.send({ ...letter, templateId: "d-1" })), ["template_id"]);
assert.deepEqual(await refused(400, () => sgMail.send({ ...letter, asm: { groupId: 1 } })), ["asm"]);
pointed("SG.nobody");
assert.deepEqual(await refused(401, () => sgMail.send(letter)), [null]);
pointed(process.env.READING_KEY);
assert.deepEqual(await refused(403, () => sgMail.send(letter)), [null]);

// Too many.
pointed(process.env.SLOW_KEY);
await sending(1, () => sgMail.send(letter));
await refused(429, () => sgMail.send(letter));

console.log("@sendgrid/mail: sending does what it says");
