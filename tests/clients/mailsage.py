"""The example of MailSage's documentation for Python as it stands, but for the host and the key."""

import os

import requests

BASE = os.environ["BASE_URL"]
MAILSAGE_API_KEY = os.environ["MAILSAGE_API_KEY"]


def send_email(data):
    response = requests.post(
        f'{BASE}/api/v1/emails/send',
        headers={
            'Authorization': f'Bearer {MAILSAGE_API_KEY}',
            'Content-Type': 'application/json'
        },
        json=data
    )
    return response.json()


answer = send_email({"recipient": {"email": "user@example.com"}, "subject": "Hello!", "body": "Test email"})
if answer["status"] != "queued":
    raise SystemExit(f"it is not queued: {answer}")
job = requests.get(
    f"{BASE}/api/v1/emails/jobs/{answer['job_id']}/status", headers={"Authorization": f"Bearer {MAILSAGE_API_KEY}"}, timeout=30
)
for header in ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]:
    if not job.headers.get(header, "").isdigit():
        raise SystemExit(f"{header} is not told")

print("mailsage, Python: the example sends")
