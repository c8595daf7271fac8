#!/bin/sh
# The example of MailSage's documentation for curl as it stands, but for the host and the key.
set -eu

curl -sS --fail-with-body -X POST "$BASE_URL/api/v1/emails/send" \
  -H "Authorization: Bearer $MAILSAGE_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "recipient": {
      "email": "user@example.com"
    },
    "subject": "Hello!",
    "body": "Test email"
  }' | grep -q '"status":"queued"'

echo 'mailsage, curl: the example sends'
