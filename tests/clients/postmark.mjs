// Uses Postmark's own SDK for Node against the server in BASE_URL with the key in KEY.

import assert from "node:assert/strict";
import * as postmark from "postmark";

const { BASE_URL: base, KEY: key } = process.env;
const { host: requestHost } = new URL(base);
const pointed = (token) => new postmark.ServerClient(token, { requestHost, useHttps: false });
const client = pointed(key);

async function native(path) {
  const answer = await fetch(`${base}/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
  return (await answer.json()).data;
}

async function stored() {
  return (await native("/mails?limit=100")).mails.length;
}

/** The message as it was captured, which is soon. */
async function captured(id) {
  const until = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(`${base}/v1/mails/${id}/captured/0`, { headers: { authorization: `Bearer ${key}` } });
    if (answer.ok) return answer.text();
    assert.ok(Date.now() < until, `${id} is not captured`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a call answers, after which so many mails more are stored. */
async function sending(mails, call) {
  const before = await stored();
  const result = await call();
  assert.equal((await stored()) - before, mails, JSON.stringify(result));
  return result;
}

/** A call is refused by an error of this class, status and code, and stores nothing. */
async function refused(kind, status, code, call) {
  await sending(0, () =>
    assert.rejects(call, (error) => {
      assert.ok(error instanceof kind, `${error.name}: ${error.message}`);
      assert.deepEqual([error.statusCode, error.code], [status, code], error.message);
      return true;
    }),
  );
}

const letter = { From: "Example <hello@example.com>", To: "ada@example.org", Subject: "Hi", TextBody: "t" };
const full = {
  ...letter,
  To: 'Ada <ada@example.org>, "Last, First" <bob@example.org>',
  Cc: "c@example.org",
  Bcc: "d@example.org",
  ReplyTo: "r@example.com",
  HtmlBody: '<b>x</b><img src="cid:logo">',
  Tag: "welcome",
  Metadata: { order: "7" },
  Headers: [{ Name: "X-A", Value: "1" }],
  Attachments: [new postmark.Models.Attachment("logo.png", "aGVsbG8=", "image/png", "cid:logo")],
  TrackOpens: true,
  TrackLinks: "None",
  MessageStream: "outbound",
};
const sent = await sending(1, () => client.sendEmail(full));
assert.deepEqual([sent.ErrorCode, sent.Message, sent.To, sent.Cc, sent.Bcc], [0, "OK", full.To, full.Cc, full.Bcc]);
const mail = await native(`/mails/${sent.MessageID}`);
assert.deepEqual([mail.to.length, mail.to[1].name, mail.replyTo.email], [2, "Last, First", "r@example.com"]);
assert.deepEqual([mail.tags, mail.metadata, mail.attachments[0].fileName], [["welcome"], { order: "7" }, "logo.png"]);
assert.match(await captured(sent.MessageID), /^Content-ID: <logo[@>]/im);

const [good, bad] = await sending(1, () => client.sendEmailBatch([letter, { ...letter, To: "nobody" }]));
assert.deepEqual([good.ErrorCode, good.To, bad.ErrorCode], [0, "ada@example.org", 300]);
assert.match(bad.Message, /`To/);

const { Errors } = postmark;
await refused(Errors.ApiInputError, 422, 300, () => client.sendEmail({ ...letter, To: "nobody" }));
await refused(Errors.ApiInputError, 422, 300, () => client.sendEmail({ ...letter, Subject: "" }));
await refused(Errors.ApiInputError, 422, 300, () => client.sendEmail({ ...letter, Metadata: { order: "7".repeat(81) } }));
await refused(Errors.InvalidAPIKeyError, 401, 10, () => pointed("nobody").sendEmail(letter));
await refused(Errors.InvalidAPIKeyError, 401, 10, () => pointed(process.env.READING_KEY).sendEmail(letter));
// Nothing else of it is spoken.
await refused(Errors.PostmarkError, 404, 404, () => client.getServer());

// Too many.
const slow = pointed(process.env.SLOW_KEY);
await sending(1, () => slow.sendEmail(letter));
await refused(Errors.RateLimitExceededError, 429, 429, () => slow.sendEmail(letter));

console.log("postmark: sending does what it says");
