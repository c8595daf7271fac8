// Prints, as JSON, what the parser postal-mime reads in the message on the standard input.

import { buffer } from "node:stream/consumers";
import PostalMime from "postal-mime";

const mail = await PostalMime.parse(await buffer(process.stdin));
const mailbox = ({ name, address }) => [name, address];
const file = ({ filename, mimeType, disposition, contentId, content }) => ({
  name: filename,
  type: mimeType,
  disposition,
  contentId: contentId ?? null,
  content: Buffer.from(content).toString("base64"),
});
const parts = {
  subject: mail.subject,
  from: [mail.from].map(mailbox),
  to: (mail.to ?? []).map(mailbox),
  cc: (mail.cc ?? []).map(mailbox),
  bcc: (mail.bcc ?? []).map(mailbox),
  replyTo: (mail.replyTo ?? []).map(mailbox),
  messageId: mail.messageId,
  date: mail.date,
  text: mail.text,
  html: mail.html,
  files: mail.attachments.map(file),
};
process.stdout.write(JSON.stringify(parts));
