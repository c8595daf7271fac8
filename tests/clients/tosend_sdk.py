"""Uses every method of both classes of ToSend's own SDK for Python, against the server in BASE_URL: with the project's key in
KEY, which sends, and with the account's key in ACCOUNT_KEY, which administers and is written as that class insists on."""

import os

from tosend import Address, Attachment, ToSend, ToSendAdmin, ToSendError

BASE, KEY, ACCOUNT_KEY = os.environ["BASE_URL"], os.environ["KEY"], os.environ["ACCOUNT_KEY"]


def hold(what, is_so):
    if not is_so:
        raise SystemExit(f"{what}: not so")


def refused(status, call, code=None, field=None):
    """Whether a call raises their error with this status, and what it says beside."""
    try:
        call()
    except ToSendError as error:
        hold(f"{error} has {status}", error.status_code == status)
        hold(f"{error.errors} has the code {code}", code is None or error.code == code)
        hold(f"{error.errors} names {field}", field is None or field in error.errors)
        return error
    raise SystemExit(f"{status} is raised: not so")


account = ToSendAdmin(ACCOUNT_KEY, base_url=BASE)
refused(401, lambda: ToSendAdmin(KEY, base_url=BASE))

# Teams are projects, and X-Account-Id names one.
team = account.create_team("Client of ours", ses_region="eu-central-1")
hold("a team was made", team["name"] == "Client of ours" and team["status"] == "active")
hold("it is listed", any(listed["id"] == team["id"] for listed in account.list_teams()["teams"]))
hold("it was renamed", account.update_team(team["id"], name="Another name", status="active")["name"] == "Another name")
refused(422, lambda: account.update_team(team["id"], status="suspended"), field="status")
refused(422, lambda: account.create_team(""), field="name")
refused(404, lambda: account.update_team("nobody", name="x"))
admin = account.for_account(team["id"])
refused(403, account.list_domains, code="project_required")

# Sending.
letter = dict(
    from_address=Address("hello@example.com", "Acme"), to=[Address("ada@example.org"), {"email": "bob@example.org", "name": "B"}],
    subject="Hi", html='<b>x</b><img src="cid:logo">', text="x", cc=[Address("c@example.org")], bcc=[Address("d@example.org")],
    reply_to=Address("r@example.com", "R"), headers={"X-A": "1"},
    attachments=[Attachment("image/png", "a.png", "aGVsbG8=", content_id="logo").to_dict()],
)
sender = ToSend(KEY, base_url=BASE + "/")
sent = sender.send(**letter).message_id
hold("a mail was sent", len(sent) == 36)
wrong = refused(422, lambda: sender.send(**letter | {"to": [Address("nobody")]}), field="to[0].email")
hold("it is a wrong value", wrong.is_validation_error and wrong.error_type == "validation_error")
empty = refused(422, lambda: sender.send(from_address=Address("a@example.com"), to=[Address("b@example.org")], subject=""))
hold("two things are missing", set(empty.errors) == {"subject", "content"} and "required" in empty.errors["subject"])
results = sender.batch([letter, letter | {"to": []}]).results
hold("one of two was sent", [result.status for result in results] == ["success", "error"])
hold("the other names its field", "to" in results[1].errors and results[0].message_id)
refused(422, lambda: sender.batch([]))
refused(422, lambda: sender.batch([letter] * 101), field="emails")
stranger = refused(403, lambda: ToSend("tsend_0123456789abcdef", base_url=BASE).send(**letter), field="api_key")
hold("it is a matter of keys", stranger.is_authentication_error and stranger.error_type == "forbidden")

# What is told of the account.
info = sender.get_account_info()
hold("limits are told", info.account.limit_per_second >= 100 and info.account.credit_balance is None)
# The project is every program's, and some of them send to addresses that bounce.
hold("the account may send", info.account.status == "active" and 0 <= info.account.bounce_rate <= 100)
about = admin.get_info()
hold("the team is told", about["account"]["id"] == team["id"] and about["domains"] == [])
hold("scopes are told", {"emails:send", "api_keys:write", "teams:write"} <= set(about["api_key"]["scopes"]))

# Domains.
domain = admin.create_domain("client.example.com")
hold("a domain was added", domain["status"] == "draft" and domain["dns_records"]["dkim"]["type"] == "TXT")
hold("it is shown", admin.get_domain(domain["id"])["dns_records"] == domain["dns_records"])
hold("it is listed", [listed["id"] for listed in admin.list_domains(page=1, per_page=5)["data"]] == [domain["id"]])
refused(409, lambda: admin.create_domain("client.example.com"))
refused(422, lambda: admin.create_domain("not a domain"), field="name")
refused(404, lambda: admin.get_domain("../emails"))
hold("it is among the account's", admin.get_info()["domains"][0]["verification_status"] == "draft")

# Keys that send.
key = admin.create_sending_key("Client", domain=domain["id"])
hold("a key was made", key["api_key"].startswith("tsend_") and key["domain"] == "client.example.com")
listed = admin.list_sending_keys()
hold("it is listed without its secret", listed["total"] == 1 and "api_key" not in listed["data"][0])
hold("eight and four characters are shown", key["masked_key"] == f"{key['api_key'][:8]}…{key['api_key'][-4:]}")
client = ToSend(key["api_key"], base_url=BASE)
elsewhere = refused(422, lambda: client.send(**letter), field="from")
hold("it sends from its domain only", "domain_not_allowed" in elsewhere.errors["from"])
own = letter | {"from_address": Address("hello@client.example.com")}
hold("from there it sends", len(client.send(**own).message_id) == 36)
limited = ToSendAdmin(ACCOUNT_KEY, base_url=BASE, account_id=team["id"])
limited.api_key = key["api_key"]
scope = refused(403, limited.list_domains, code="insufficient_scope")
hold("the scope is named", scope.errors["required_scope"] == "domains:read")
refused(404, lambda: admin.create_sending_key("Client", domain="nothing"))
admin.delete_sending_key(key["id"])
refused(403, lambda: client.send(**own), field="api_key")
refused(404, lambda: admin.delete_sending_key("nothing"))

# An administrator sends too, as the team.
mail = admin.send(**own).message_id
hold("two mails are sent", [one.status for one in admin.batch([own, own]).results] == ["success"] * 2)
shown = admin.get_email(mail)
hold("it is shown", shown["message_id"] == mail and shown["subject"] == "Hi" and len(shown["to"]) == 2)
page = admin.list_emails(page=2, per_page=3)
hold("pages are counted", (page["page"], page["per_page"], page["total"], len(page["data"])) == (2, 3, 4, 1))
for narrowed in [dict(search="hello@client.example.com"), dict(from_="2026-01-01", to="2999-12-31"), dict(search=mail)]:
    hold(f"{narrowed} finds it", mail in [one["message_id"] for one in admin.list_emails(**narrowed)["data"]])
hold("nothing is older", admin.list_emails(to="2020-01-01")["data"] == [])
refused(422, lambda: admin.list_emails(status="lost"), field="status")
refused(422, lambda: admin.list_emails(domain="client.example.com"), field="domain")
refused(422, lambda: admin.list_emails(page=0), field="page")
refused(404, lambda: admin.get_email("order 7/8"))
refused(404, lambda: account.for_account(team["id"]).get_email(sent))

# Suppressions.
hold("nobody is suppressed", admin.list_suppressions(search="ada", status="bounce") == {"data": [], "total": 0, "page": 1, "per_page": 20})
hold("nobody is let off", admin.delete_suppression("Ada@example.org")["deleted"] is False)
refused(422, lambda: admin.delete_suppression("nobody"), field="email")

# Webhooks.
webhook = admin.create_webhook("https://example.com/hook", ["bounced", "complaint"], title="Ours", include_message=False)
hold("a webhook was made", webhook["secret"].startswith("whsec_") and webhook["events"] == ["bounced", "complaint"])
changed = admin.update_webhook(webhook["id"], title="Theirs", events=["bounced"], status="inactive")
hold("it was changed", (changed["title"], changed["events"], changed["status"]) == ("Theirs", ["bounced"], "inactive"))
hold("its secret is not shown again", [one.get("secret") for one in admin.list_webhooks()["data"]] == [None])
refused(422, lambda: admin.create_webhook("https://example.com/hook", ["opened"]), field="events")
refused(422, lambda: admin.create_webhook("ftp://example.com", ["bounced"], include_message=True), field="include_message")
admin.delete_webhook(webhook["id"])
refused(404, lambda: admin.update_webhook(webhook["id"], status="active"))

admin.delete_domain(domain["id"])
refused(404, lambda: admin.delete_domain(domain["id"]))

# Too many.
slow = ToSend(os.environ["SLOW_KEY"], base_url=BASE)
hold("one is sent", len(slow.send(**letter).message_id) == 36)
limited = refused(429, lambda: slow.send(**letter))
hold("it is a matter of limits", limited.is_rate_limit_error)

print("tosend: every method of both classes does what it says")
