"""Runs as a scheduler makes them, into a folder of a test."""

import shutil
from dataclasses import replace
from pathlib import Path

from closeloop import findings
from closeloop.report import journal, manifest, run, unattended
from closeloop.report.unattended import Policy

from .mailbox import NOW
from .weekly_sample import SOURCE, WEEK


def placed(report, reports, week=WEEK, source=SOURCE):
    """Put a copy of the report where the report of another week would be."""
    target = Path(shutil.copytree(report, reports / week))
    made = replace(manifest.read(target), week=week, source=source)
    findings.save(made, target / manifest.FILE)
    return target


def request(reports, week=WEEK, data=""):
    return run.Request(SOURCE, week, str(data), reports)


def silent(reports):
    return journal.Journal(reports, lambda: NOW, lambda _: None)


def go(reports, policy=Policy(), post=None, week=WEEK):  # noqa: B008
    return unattended.weekly(request(reports, week), policy, silent(reports), post)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir())
