"""The improvement log: one plain CSV file, one targeted change per row, and what it said before beside it."""

from closeloop.changes.cells import COLUMNS, OUTCOME, REQUIRED
from closeloop.changes.entry import Signed, add, amend, close, draft, find, next_id
from closeloop.changes.exchange import export, merge, preview
from closeloop.changes.history import Amendment
from closeloop.changes.history import read as amendments
from closeloop.changes.log_file import due, locked, read, revise, shipped, upcoming, write
from closeloop.changes.proposed import from_pattern, outcome_of
from closeloop.changes.rows import FINAL, cells_of

__all__ = [
    "COLUMNS",
    "FINAL",
    "OUTCOME",
    "REQUIRED",
    "Amendment",
    "Signed",
    "add",
    "amend",
    "amendments",
    "cells_of",
    "close",
    "draft",
    "due",
    "export",
    "find",
    "from_pattern",
    "locked",
    "merge",
    "next_id",
    "outcome_of",
    "preview",
    "read",
    "revise",
    "shipped",
    "upcoming",
    "write",
]
