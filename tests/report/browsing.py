"""What a browser tells of a page or a mail."""

import base64

from axe_playwright_python.sync_playwright import Axe


def drawn(message):
    """The HTML of a mail with its pictures in it, as a mail program draws it."""
    html = message.get_body(("html",)).get_content()
    for part in message.walk():
        if part["Content-ID"]:
            picture = base64.b64encode(part.get_payload(decode=True)).decode()
            html = html.replace("cid:" + part["Content-ID"].strip("<>"), f"data:image/png;base64,{picture}")
    return html


def breaches(tab):
    """Each rule of WCAG 2.2 A and AA, and of good practice, that axe-core finds broken, with the place."""
    told = Axe().run(tab).response["violations"]
    return [(one["id"], node["html"][:120]) for one in told for node in one["nodes"]]


def overflow(tab):
    return tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
