"""Uses Resend's own client for Python, as far as its API is spoken, against the server in BASE_URL with the key in KEY."""

import concurrent.futures
import http.server
import json
import os
import queue
import threading
import time
import urllib.request
import uuid

import resend
from resend.exceptions import InvalidApiKeyError, MissingRequiredFieldsError, RateLimitError, ResendError, ValidationError

BASE, KEY = os.environ["BASE_URL"], os.environ["KEY"]
resend.api_url, resend.api_key = BASE, KEY


def hold(what, is_so):
    if not is_so:
        raise SystemExit(f"{what}: not so")


def native(path):
    request = urllib.request.Request(f"{BASE}/v1{path}", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def stored():
    return len(json.loads(native("/mails?limit=100"))["data"]["mails"])


def storing(mails, call):
    """What a call answers, after which so many mails more are stored."""
    before = stored()
    result = call()
    hold(f"{mails} mails more", stored() - before == mails)
    return result


def message(mail):
    while json.loads(native(f"/mails/{mail}"))["data"]["status"] in ("queued", "sending"):
        time.sleep(0.05)
    return native(f"/mails/{mail}/captured/0")


def refused(kind, code, name, call):
    def refusing():
        try:
            call()
        except ResendError as error:
            said = (type(error), int(error.code), error.error_type)
            hold(f"{said} is {(kind, code, name)}: {error}", said == (kind, code, name))
            return
        hold(f"{name} is raised", False)

    storing(0, refusing)


letter = {"from": "Acme <hello@example.com>", "to": ["ada@example.org"], "subject": "Hi", "html": "<p>Hello</p>"}

# Mail.
sent = storing(1, lambda: resend.Emails.send(letter | {
    "cc": "cyd@example.org", "bcc": "dan@example.org", "reply_to": ["answers@example.com", "help@example.com"], "headers": {"X-Entity-Ref-ID": "1"},
    "tags": [{"name": "category", "value": "confirm"}],
    "attachments": [{"filename": "a.txt", "content": list(b"hello")}],
}))
written = message(sent["id"])
for part in ("X-Entity-Ref-ID: 1", "aGVsbG8=", "Reply-To: answers@example.com, help@example.com"):
    hold(f"{part} is in the message", part in written)
shown = resend.Emails.get(sent["id"])
hold("it is shown", shown["last_event"] == "delivered" and shown["bcc"] == ["dan@example.org"])
once = {"idempotency_key": str(uuid.uuid4())}
first = storing(1, lambda: resend.Emails.send(letter, once))
hold("the same again", storing(0, lambda: resend.Emails.send(letter, once))["id"] == first["id"])
refused(ResendError, 409, "invalid_idempotent_request", lambda: resend.Emails.send(letter | {"subject": "Other"}, once))
race = {"idempotency_key": str(uuid.uuid4())}

with concurrent.futures.ThreadPoolExecutor(10) as pool:
    raced = storing(1, lambda: list(pool.map(lambda _: resend.Emails.send(letter, race)["id"], range(10))))
hold("all at once get one answer", len(set(raced)) == 1)
later = storing(1, lambda: resend.Emails.send(letter | {"scheduled_at": "in 1 hour"}))
hold("it is moved", resend.Emails.update({"id": later["id"], "scheduled_at": "in 2 hours"})["id"] == later["id"])
hold("it is cancelled", resend.Emails.cancel(later["id"])["id"] == later["id"])
hold("it stays so", resend.Emails.get(later["id"])["last_event"] == "canceled")
hold("it is listed", resend.Emails.list({"limit": 1})["data"][0]["id"] == later["id"])
two = storing(2, lambda: resend.Batch.send([letter, letter]))
hold("two were sent", len(two["data"]) == 2)
some = storing(1, lambda: resend.Batch.send([letter, letter | {"to": "nobody"}], {"batch_validation": "permissive"}))
hold("one was left out", [error["index"] for error in some["errors"]] == [1])

# Refusals.
refused(MissingRequiredFieldsError, 422, "missing_required_field", lambda: resend.Emails.send({"from": letter["from"]}))
refused(ResendError, 422, "invalid_from_address", lambda: resend.Emails.send(letter | {"from": "nobody"}))
refused(ValidationError, 422, "validation_error", lambda: resend.Emails.send(letter | {"to": ["a@example.org"] * 51}))
refused(ResendError, 404, "not_found", lambda: resend.Emails.get(str(uuid.uuid4())))
resend.api_key = "re_nobody"
try:
    resend.Emails.send(letter)
    hold("a bad key is refused", False)
except InvalidApiKeyError as error:
    hold("it is a bad key", error.code == 403)
resend.api_key = KEY

# Domains and keys.
name = f"{uuid.uuid4()}.example.com"
domain = resend.Domains.create({"name": name})
hold("it has records", all(record["ttl"] == "Auto" for record in domain["records"]))
hold("it is the same", resend.Domains.get(domain["id"])["name"] == name)
hold("it is updated", resend.Domains.update({"id": domain["id"], "open_tracking": False})["id"] == domain["id"])
hold("it is looked at", resend.Domains.verify(domain["id"])["id"] == domain["id"])
hold("it is listed", any(other["id"] == domain["id"] for other in resend.Domains.list()["data"]))
key = resend.ApiKeys.create({"name": "Python", "permission": "sending_access", "domain_id": domain["id"]})
resend.api_key = key["token"]
storing(1, lambda: resend.Emails.send(letter | {"from": f"a@{name}"}))
refused(ResendError, 403, "validation_error", lambda: resend.Emails.send(letter))
refused(ResendError, 401, "restricted_api_key", resend.Domains.list)
resend.api_key = KEY
hold("it is listed", any(other["id"] == key["id"] for other in resend.ApiKeys.list()["data"]))
hold("it is renamed", resend.ApiKeys.update({"id": key["id"], "name": "Other"})["id"] == key["id"])
resend.ApiKeys.remove(key["id"])
hold("it is gone", all(other["id"] != key["id"] for other in resend.ApiKeys.list()["data"]))
hold("it is deleted", resend.Domains.remove(domain["id"])["deleted"])

# Webhooks.
told = queue.Queue()


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        told.put((dict(self.headers.items()), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=server.serve_forever, daemon=True).start()
hook = resend.Webhooks.create({"endpoint": f"http://127.0.0.1:{server.server_port}/", "events": ["email.delivered"]})
watched = storing(1, lambda: resend.Emails.send(letter))
headers, payload = told.get(timeout=60)
headers = {name: headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
resend.Webhooks.verify({"payload": payload, "headers": headers, "webhook_secret": hook["signing_secret"]})
payload = json.loads(payload)
hold("it was told", (payload["type"], payload["data"]["email_id"]) == ("email.delivered", watched["id"]))
hold("it is shown", resend.Webhooks.get(hook["id"])["events"] == ["email.delivered"])
hold("it is listed", any(other["id"] == hook["id"] for other in resend.Webhooks.list()["data"]))
hold("it is updated", resend.Webhooks.update({"webhook_id": hook["id"], "status": "disabled"})["id"] == hook["id"])
hold("it is deleted", resend.Webhooks.remove(hook["id"])["deleted"])

# Templates.
template = resend.Templates.create({
    "name": "Welcome", "alias": "python", "subject": "Hi {{{NAME}}}", "html": "<p>{{{NAME}}}</p>",
    "variables": [{"key": "NAME", "type": "string", "fallback_value": "friend"}],
})["id"]
hold("it is published", resend.Templates.publish(template)["id"] == template)
filled = {"from": letter["from"], "to": "ada@example.org", "template": {"id": template, "variables": {"NAME": "Ada"}}}
greeting = storing(1, lambda: resend.Emails.send(filled))
hold("it is filled", resend.Emails.get(greeting["id"])["subject"] == "Hi Ada")
hold("it is shown", resend.Templates.get("python")["variables"][0]["fallback_value"] == "friend")
hold("it is updated", resend.Templates.update({"id": template, "name": "Other"})["id"] == template)
copy = resend.Templates.duplicate(template)["id"]
hold("both are listed", {template, copy} <= {other["id"] for other in resend.Templates.list()["data"]})
hold("both are deleted", all(resend.Templates.remove(one)["deleted"] for one in (template, copy)))

# Suppressions.
entry = resend.Suppressions.add({"email": "hal@example.org"})["id"]
hold("it is shown", resend.Suppressions.get("hal@example.org")["id"] == entry)
hold("it is listed", any(other["id"] == entry for other in resend.Suppressions.list({"limit": 100})["data"]))
hold("it is removed", resend.Suppressions.remove(entry)["deleted"])
emails = ["ivy@example.org", "jan@example.org"]
hold("two are added", len(resend.SuppressionsBatch.add({"emails": emails})["data"]) == 2)
hold("two are removed", len(resend.SuppressionsBatch.remove({"emails": emails})["data"]) == 2)

# Too many.
resend.api_key = os.environ["SLOW_KEY"]
storing(1, lambda: resend.Emails.send(letter))
refused(RateLimitError, 429, "rate_limit_exceeded", lambda: resend.Emails.send(letter))

print("resend (Python): every method does what it says")
