"""Uses every method of a SDK for Python that others have written, against the server in BASE_URL with the key in KEY."""

import json
import os
import urllib.request

from autosend import AutosendClient
from autosend.errors import AuthenticationError, AutosendError

BASE, KEY = os.environ["BASE_URL"], os.environ["KEY"]
client = AutosendClient(KEY, base_url=f"{BASE}/v1")
sending, contacts = client.sending, client.contacts


def hold(what, is_so):
    if not is_so:
        raise SystemExit(f"{what}: not so")


def stored():
    request = urllib.request.Request(f"{BASE}/v1/mails?limit=100", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return len(json.load(answer)["data"]["mails"])


def storing(mails, call):
    """What a call answers, after which so many mails more are stored."""
    before = stored()
    result = call()
    hold(f"{mails} mails more", stored() - before == mails)
    return result


def refused(kind, code, call):
    try:
        call()
    except kind as error:
        hold(f"{error} says {code}", code in str(error))
        return
    hold(f"{code} is raised", False)


letter = {
    "to_email": "ada@example.org", "to_name": "Ada", "from_email": "hello@example.com", "from_name": "Example",
    "subject": "Hi {{name}}", "html": "<p>{{name}}</p>", "dynamic_data": {"name": "Ada"},
}
sent = storing(1, lambda: sending.send_email(
    **letter, reply_to_email="r@example.com", attachments=[{"filename": "a.txt", "content": "aGk="}],
    unsubscribe_url="https://example.com/u",
))
hold("a mail was sent", sent["success"] and sent["data"]["emailId"])
storing(0, lambda: refused(AutosendError, "400", lambda: sending.send_email(**letter | {"to_email": "nobody@x"})))
stranger = AutosendClient("AS_nobody", base_url=f"{BASE}/v1")
storing(0, lambda: refused(AuthenticationError, "unauthorized", lambda: stranger.sending.send_email(**letter)))

recipients = [{"email": "ada@example.org", "name": "Ada"}, {"email": "bob@example.org", "name": "Bob"}]
bulk = {name: value for name, value in letter.items() if not name.startswith("to_")}
done = storing(2, lambda: sending.send_bulk(recipients=recipients, **bulk))
hold("two mails were sent", done["data"]["successCount"] == 2 and done["data"]["failedCount"] == 0)
storing(0, lambda: refused(AutosendError, "400", lambda: sending.send_bulk(recipients=[{"email": "nobody@x", "name": "N"}], **bulk | {"from_email": "a@b"})))

made = contacts.create_contact("Ada@example.org", "Ada", "L", user_id="u1", custom_fields={"plan": "free"})["data"]
hold("a contact was made", made["email"] == "ada@example.org" and made["customFields"] == {"plan": "free"})
changed = contacts.upsert_contact("ada@example.org", "Ada", "Lovelace")["data"]
hold("it was changed", changed["id"] == made["id"] and changed["lastName"] == "Lovelace")
hold("it is shown", contacts.get_contact(made["id"])["data"] == changed)
hold("it is found", contacts.search_by_emails(["ADA@example.org"])["data"]["contacts"] == [changed])
hold("it is in no group", contacts.get_unsubscribe_groups(made["id"])["data"] == {"groups": []})
updated = contacts.bulk_update([{"email": "ada@example.org"}, {"email": "bob@example.org", "userId": "u2"}], run_workflow=True)
hold("two were taken", updated["data"]["successCount"] == 2 and updated["data"]["failedCount"] == 0)
hold("one is removed", contacts.remove_contacts(["ada@example.org"])["success"])
hold("one is deleted by its name", contacts.delete_by_user_id("u2")["success"])
refused(AutosendError, "CONTACT_NOT_FOUND", lambda: contacts.delete_by_user_id("u2"))
refused(AutosendError, "CONTACT_NOT_FOUND", lambda: contacts.get_contact(made["id"]))
again = contacts.create_contact("ada@example.org", "Ada", "L")["data"]
hold("one is deleted", contacts.delete_by_id(again["id"])["success"])
refused(AutosendError, "CONTACT_NOT_FOUND", lambda: contacts.delete_by_id(again["id"]))

# A method that the next version has is noticed here.
known = {
    "send_email", "send_bulk", "create_contact", "upsert_contact", "remove_contacts", "get_contact", "search_by_emails", "bulk_update",
    "delete_by_user_id", "delete_by_id", "get_unsubscribe_groups",
}
methods = {name for part in (sending, contacts) for name in dir(part) if not name.startswith("_") and callable(getattr(part, name))}
hold(f"every method is used: {methods}", methods == known)

# Too many.
slow = AutosendClient(os.environ["SLOW_KEY"], base_url=f"{BASE}/v1").sending
storing(1, lambda: slow.send_email(**letter))
storing(0, lambda: refused(AutosendError, "429", lambda: slow.send_email(**letter)))

print("autosend-shreya-sdk: every method does what it says")
