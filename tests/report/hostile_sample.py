"""A small merchant whose every free text is an attack: on pages, mails, spreadsheets, templates and terminals."""

import csv
import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import yaml

from . import weekly_sample
from .weekly_sample import ROOT, SOURCE, WEEK

SCRIPT = "<script>document.title='owned'</script>"
ATTACKS = (
    "{} " + SCRIPT,
    "{}\"><img src=x onerror=\"document.title='owned'\">",
    "=HYPERLINK(\"https://evil.example\",\"{}\")",
    "+cmd|' /C calc'!A0 {}",
    "@SUM(1+1)*{}",
    "-2+3+{}",
    "{}\r\nBcc: evil\r\n\r\nA body of my own",
    "{} \u202egpj.exe\u200b\u2066",
    "{} 👩‍👩‍👧‍👦🔥",
    "{} " + "W" * 300,
    "{} {{{{7*7}}}} {{% raw %}} ${{7*7}} $x^2$",
    "{}'; DROP TABLE orders; --",
    "{} [click](javascript:alert(1)) <!-- </style></section> -->",
    "{} \x1b[31m\x07\x00red",
)  # fmt: skip
COLUMNS = {
    "shopify_orders.csv": ("Source", "Shipping Method", "Lineitem sku", "Shipping City", "Lineitem name"),
    "shipstation_shipments.csv": (
        "Carrier - Name", "Carrier - Service Selected", "Operations - Warehouse", "Shipment - Package Type",
    ),
    "tracker_events.csv": ("status_detail", "message", "facility", "city"),
    "returns.csv": ("sku", "reason"),
    "products.csv": ("sku", "title", "category"),
}  # fmt: skip
FILES = {"rma": "=cmd|' <script>alert(1)<!script>.csv"}
"""A file's name can be an attack too."""


def attack(value: str) -> str:
    """The same words always get the same attack, so that one carrier stays one carrier."""
    chosen = int(hashlib.sha256(value.encode()).hexdigest(), 16) % len(ATTACKS)
    return ATTACKS[chosen].format(value).replace("\x00", "")


@cache
def report(base: Path) -> Path:
    """The weekly report of the hostile merchant, made by the command line; returns its folder."""
    folder = base / "hostile_sample"
    source = _source(folder)
    _data(weekly_sample.data(base), folder / "data")
    command = [sys.executable, "-m", "closeloop.cli", "weekly", "--week", WEEK]
    command += ["--source", str(source), "--out", str(folder / "reports")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder / "reports" / WEEK


def _data(clean: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, columns in COLUMNS.items():
        with (clean / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row |= {column: attack(row[column]) for column in columns if row[column]}
            if row.get("Tags"):
                row["Tags"] = "campaign:" + attack(row["Tags"].removeprefix("campaign:")).replace(",", ";")
        renamed = FILES["rma"] if name == "returns.csv" else name
        with (folder / renamed).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def _source(folder: Path) -> Path:
    source = folder / "source <b>=1+1"
    source.mkdir(parents=True)
    for path in (ROOT / SOURCE).glob("*.sql"):
        (source / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    given = yaml.safe_load((ROOT / SOURCE / "source.yml").read_text(encoding="utf-8"))
    del given["made_by"]
    given |= {
        "title": "Shop " + "".join(one.format("x") for one in ATTACKS[:8]),
        "folder": str(folder / "data"),
        "vocabulary": str(ROOT / "params" / "vocabulary" / "easypost.csv"),
        "return_reasons": str(ROOT / "params" / "vocabulary" / "return_reasons.csv"),
        "files": given["files"] | FILES,
        "notes": [one.format("a note") for one in ATTACKS],
    }
    (source / "source.yml").write_text(yaml.safe_dump(given), encoding="utf-8")
    _log(source / "improvement_log.csv")
    return source


def _log(path: Path) -> None:
    with (ROOT / SOURCE / path.name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        for column in ("pattern", "root_cause", "change_shipped", "owner", "expected_effect", "notes"):
            row[column] = ATTACKS[(number + len(column)) % len(ATTACKS)].format(row[column]).replace("\x00", "")
        row |= {"scope": "complexity = 4+ lines", "comparison": "complexity"} if number == 0 else {}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
