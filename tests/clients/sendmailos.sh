#!/bin/sh
# The example of SendMailOS's documentation for curl as it stands, but for the host, the key and the recipient.
set -eu

curl -sS --fail-with-body -X POST "$BASE_URL/api/v1/send" \
  -H "Authorization: Bearer $SENDMAILOS_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"to": "user@example.com", "subject": "Hello"}' | grep -q '"success":true'

echo 'sendmailos, curl: the example sends'
