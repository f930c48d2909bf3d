"""Questions in a notebook: `loop = open_week(...)`, then one call a question; answers show themselves."""

from closeloop.triggers import Rule
from closeloop.workbench.answers import Answer, Column
from closeloop.workbench.bench import Workbench, open_week
from closeloop.workbench.written import scratch_log

__all__ = ["Answer", "Column", "Rule", "Workbench", "open_week", "scratch_log"]
