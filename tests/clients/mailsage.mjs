// The examples of MailSage's documentation for JavaScript as they stand, but for the host: sending, and waiting while the
// limit is reached.

import assert from "node:assert/strict";

const mailsage = {
  apiKey: process.env.MAILSAGE_API_KEY,
  baseUrl: `${process.env.BASE_URL}/api/v1`
};

async function sendEmail(data) {
  const response = await fetch(`${mailsage.baseUrl}/emails/send`, {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${mailsage.apiKey}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify(data)
  });
  return response.json();
}

async function withRetry(fn, maxRetries = 3) {
  for (let i = 0; i < maxRetries; i++) {
    try {
      return await fn();
    } catch (error) {
      if (error.status === 429) {
        const waitTime = Math.pow(2, i) * 1000;
        await new Promise(r => setTimeout(r, waitTime));
        continue;
      }
      throw error;
    }
  }
}

const letter = { recipient: { email: "user@example.com" }, subject: "Hello!", body: "Test email" };
const sent = await withRetry(async () => {
  const answer = await sendEmail(letter);
  if (answer.error) throw answer;
  return answer;
});
assert.equal(sent.status, "queued");

mailsage.apiKey = "ms_live_xxxxxxxxxxxxxxxxxxxx";
const refused = await sendEmail(letter);
assert.deepEqual([refused.status, refused.code, typeof refused.error], [401, "invalid_api_key", "string"]);

// A key of one request a minute: the second is told so in the body as well, which is what the example looks at.
mailsage.apiKey = process.env.MAILSAGE_SLOW_KEY;
assert.equal((await sendEmail(letter)).status, "queued");
const limited = await sendEmail(letter);
assert.deepEqual([limited.status, limited.code], [429, "rate_limit_exceeded"]);

console.log("mailsage, JavaScript: the examples send");
