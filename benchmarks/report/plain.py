"""The four notebooks, page and mail as one plain script: source week data out."""

import sys
from pathlib import Path

from closeloop.loop import open_week
from closeloop.report import audience, mail
from closeloop.report import sections as show

source, week, data, folder = sys.argv[1:]
out = Path(folder)
out.mkdir(parents=True)
loop = open_week(source, week, data, str(out))
for section in (show.scorecard, show.patterns, show.quality):
    section(loop.seen)
for section in (show.patterns, show.causes):
    section(loop.explained)
for section in (show.changes, show.upcoming):
    section(loop.verified)
loop.save()
html = audience.page_of(loop.findings)
(out / "page.html").write_bytes(html)
mail.save_eml(mail.preview(loop.findings, html), out / "mail.eml")
