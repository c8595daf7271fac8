"""A mail that has everything, and what must be so of its messages as they arrive.

Two parsers that know nothing of each other read each message: Python's own, and postal-mime (from npm). Both must find what
was sent, octet by octet.
"""

import base64
import datetime
import email
import email.policy
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Where the links lead: RFC 8058, section 3.1 wants HTTPS.
PUBLIC_URL = "https://mail.example.com"

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
INVOICE = b"%PDF-1.4\r\n" + bytes(range(256)) * 40 + b"\r\n.\r\n%%EOF\n"
NAME_OF_INVOICE = "Rechnung – Größe 東京 (№ 42) 100%.pdf"

FROM = ("Käthe Größe, GmbH", "hello@example.com")
TO = [('Ada "Æ" Lovelace 東京', "ada@example.org")]
CC = [("Bob, Jr.", "bob@example.org"), ("", "cyd@example.org")]
BCC = [("Dan 🙂", "dan@example.org")]
REPLY_TO = [("Hilfe & Rat", "help@example.com")]
SUBJECT = "Grüße aus 東京 🙂: " + "eine sehr lange Betreffzeile, " * 8 + "Ende"
LONG = "word " * 500 + "ü" * 1500
TARGET = "https://shop.example/order?id=1&x=ü"
TEXT = f"Grüße, 世界!\n.\n..\nFrom here on\n{LONG}\n\nNo more: {{{{unsubscribe}}}}\nor less: {{{{unsubscribe_preference}}}}\n"
HTML = (
    "<!DOCTYPE html>\n<html><body><h1>Grüße, 世界!</h1><img src=\"cid:logo@shop\" alt=\"Logo\">\n"
    f"<a href=\"https://shop.example/order?id=1&amp;x=ü\">Order</a><p>{LONG}</p>\n"
    "<a href=\"{{unsubscribe}}\">No more</a> <a href=\"{{unsubscribe_preference}}\">or less</a></body></html>\n"
)


def install(directory):
    """The other parser, with its checksum."""
    os.mkdir(directory)
    for name in ("package.json", "package-lock.json", "postal_mime.mjs"):
        shutil.copy(HERE / name, directory)
    subprocess.run(["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=directory, check=True)


def mail(group):
    def mailbox(person):
        return {"email": person[1]} | ({"name": person[0]} if person[0] else {})

    return {
        "from": mailbox(FROM), "to": mailbox(TO[0]), "cc": [mailbox(person) for person in CC],
        "bcc": [mailbox(person) for person in BCC], "replyTo": mailbox(REPLY_TO[0]),
        "subject": SUBJECT, "text": TEXT, "html": HTML,
        "unsubscribeGroupId": group, "trackingOpen": True, "trackingClick": True,
        "headers": {"X-Order": "№ 42 " * 30},
        "attachments": [
            {"fileName": "logo.png", "content": base64.b64encode(PICTURE).decode(), "contentId": "logo@shop"},
            {"fileName": NAME_OF_INVOICE, "content": base64.b64encode(INVOICE).decode(), "contentType": "application/pdf"},
        ],
    }


def hold(what, is_so, *shown):
    if not is_so:
        sys.exit(" ".join(["a mail as it arrives:", f"{what}: not so", *map(repr, shown)]))


def read_by_python(message):
    """What Python's parser finds, and the tree of its parts."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    found = [defect for part in parsed.walk() for defect in part.defects]
    fields = [(name, value) for part in parsed.walk() for name, value in part.items()]
    # The name of a file stands a second time in its type, as encoded words in quotes: against RFC 2047, section 5, but what
    # readers understand that know no RFC 2231.
    found += [(name, value.defects) for name, value in fields if getattr(value, "defects", ()) and (name, "name=" in value) != ("Content-Type", True)]
    hold("Python's parser finds no defect", not found, found)

    def people(field):
        return [[person.display_name, person.addr_spec] for person in parsed[field].addresses] if parsed[field] else []

    def tree(part):
        kind = part.get_content_type()
        return [kind, *map(tree, part.iter_parts())] if part.is_multipart() else kind

    def file(part):
        id = part["Content-ID"]
        return {
            "name": part.get_filename(), "type": part.get_content_type(), "disposition": part.get_content_disposition(),
            "contentId": str(id) if id else None, "content": base64.b64encode(part.get_content()).decode(),
        }

    bodies = {kind: part.get_content() for kind in ("plain", "html") if (part := parsed.get_body((kind,)))}
    return {
        "subject": parsed["Subject"], "from": people("From"), "to": people("To"), "cc": people("Cc"), "bcc": people("Bcc"),
        "replyTo": people("Reply-To"), "messageId": str(parsed["Message-ID"]),
        "date": parsed["Date"].datetime.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "text": bodies["plain"], "html": bodies["html"],
        "files": [file(part) for part in parsed.walk() if part.get_content_disposition()],
    }, tree(parsed), parsed


def read_by_postal_mime(directory, message):
    command = ["node", "postal_mime.mjs"]
    return json.loads(subprocess.run(command, cwd=directory, input=message, check=True, capture_output=True, timeout=60).stdout)


def check_lines(message):
    """RFC 5322, sections 2.1.1 and 2.3; RFC 2045, section 2.7."""
    hold("the last line ends", message.endswith(b"\r\n"))
    for line in message[:-2].split(b"\r\n"):
        hold("no line break is half of one", b"\r" not in line and b"\n" not in line, line)
        hold("no line has more than 998 octets", len(line) <= 998, line)
        hold("all is 7-bit", line.isascii() and b"\0" not in line, line)


def without_links(part, link, seen):
    """A body as it was sent, where the links that are the recipient's own are again what they replaced."""
    part = part.replace("\r\n", "\n")
    seen["unsubscribe"] = part.count(link)
    part = part.replace(f"{link}#preferences", "{{unsubscribe_preference}}").replace(link, "{{unsubscribe}}")
    for kind in ("c", "o"):
        pattern = re.escape(f"{PUBLIC_URL}/t/{kind}/") + r"[A-Za-z0-9_.-]+"
        seen[kind] = re.findall(pattern, part)
        part = re.sub(pattern, f"{{{{{kind}}}}}", part)
    return part


def check_bodies(parts, link):
    """Both bodies, and the path of the tracked link."""
    seen = {}
    hold("the text is what was sent", without_links(parts["text"], link, seen).rstrip("\n") == TEXT.rstrip("\n"), parts["text"])
    hold("nothing in a text is tracked", not seen["c"] and not seen["o"] and seen["unsubscribe"] == 2, seen)
    html = HTML.replace("https://shop.example/order?id=1&amp;x=ü", "{{c}}")
    image = '<img src="{{o}}" alt="" width="1" height="1">'
    html = html.replace("</body>", f"{image}</body>")
    hold("the HTML is what was sent", without_links(parts["html"], link, seen).rstrip("\n") == html.rstrip("\n"), parts["html"])
    hold("one link, one image and no link to unsubscribe is tracked", [len(seen["c"]), len(seen["o"]), seen["unsubscribe"]] == [1, 1, 2], seen)
    return seen["c"][0].removeprefix(PUBLIC_URL)


def check(message, parser):
    """One recipient's message; the paths of its link to unsubscribe and of its tracked link."""
    check_lines(message)
    parts, tree, parsed = read_by_python(message)
    bodies = ["multipart/alternative", "text/plain", "text/html"]
    hold("its parts stand in their order", tree == ["multipart/mixed", ["multipart/related", bodies, "image/png"], "application/pdf"], tree)

    listed = ("subject", "from", "to", "cc", "bcc", "replyTo")
    sent = [SUBJECT, [list(FROM)], [list(person) for person in TO], [list(person) for person in CC], [], [list(person) for person in REPLY_TO]]
    hold("its header is what was sent", [parts[name] for name in listed] == sent, parts)
    hold("a header of one's own is kept", parsed["X-Order"].rstrip() == ("№ 42 " * 30).rstrip(), parsed["X-Order"])
    files = [
        {"name": "logo.png", "type": "image/png", "disposition": "inline", "contentId": "<logo@shop>", "content": base64.b64encode(PICTURE).decode()},
        {"name": NAME_OF_INVOICE, "type": "application/pdf", "disposition": "attachment", "contentId": None, "content": base64.b64encode(INVOICE).decode()},
    ]
    hold("its files are what was sent", parts["files"] == files, [file | {"content": len(file["content"])} for file in parts["files"]])
    hold("the picture is shown in the HTML", f'src="cid:{files[0]["contentId"][1:-1]}"' in parts["html"])

    link = str(parsed["List-Unsubscribe"])
    hold("List-Unsubscribe is one link over HTTPS", re.fullmatch(f"<{re.escape(PUBLIC_URL)}/u/[A-Za-z0-9_.-]+>", link), link)
    hold("it is one click (RFC 8058, section 3.1)", str(parsed["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click")
    for field in parsed.get_all("DKIM-Signature"):
        names = re.search(r"\bh=([^;]*)", str(field))[1].lower().replace(" ", "").split(":")
        hold("both are signed (RFC 8058, section 4)", {"list-unsubscribe", "list-unsubscribe-post"} <= set(names), names)
    hold("it has two signatures", len(parsed.get_all("DKIM-Signature")) == 2)

    tracked = check_bodies(parts, link[1:-1])
    others = read_by_postal_mime(parser, message)
    check_bodies(others, link[1:-1])
    for name, value in parts.items():
        if name not in ("text", "html"):
            hold(f"both parsers read the same {name}", others[name] == value, value, others[name])
    return link[1:-1].removeprefix(PUBLIC_URL), tracked
