"""The notebook around a question: where it is asked, what Tab offers, and errors that say what to do."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any

from IPython.core.display import HTML
from IPython.core.display_functions import display
from IPython.core.getipython import get_ipython

PACKAGE = Path(__file__).parent.parent

MOST_NAMED = 12
"""Names that an error lists when none is near."""

_sent: dict[str, str] = {}


def running() -> Any:
    """Return the IPython that runs this code, or None outside one."""
    return get_ipython()


def first_here(what: str) -> bool:
    """Whether this cell is the one that brings something with it which a notebook needs only once.

    It is the first that asked, and the same again when it is run again, as its old output is gone then.
    """
    here = _cell()
    return _sent.setdefault(what, here) == here


def _cell() -> str:
    shell = running()
    if shell is None:
        return ""
    asked: dict[str, Any] = getattr(shell, "parent_header", None) or {}
    return str(asked.get("metadata", {}).get("cellId") or shell.execution_count)


def dress() -> None:
    """Bring the style of sections and charts into a notebook; a page has its own."""
    if running() is not None:
        css = (resources.files("closeloop.workbench") / "notebook.css").read_text(encoding="utf-8")
        display(HTML(f"<style>{css}</style>"))  # type: ignore[no-untyped-call]


def say_errors_plainly() -> None:
    """Show closeloop's own errors as one message; `%tb` shows the whole traceback."""
    shell = running()
    if shell is not None:
        warnings.filterwarnings("ignore", message="Limits rest on")  # a chart of few weeks shows that by itself
        shell.set_custom_exc((ValueError, AttributeError), _told)


def nearest(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, with the nearest ones, or the first few where none is near."""
    names = list(dict.fromkeys(known))
    lower = {one.lower(): one for one in names}
    inside = [one for one in names if name.strip().lower() in one.lower()] if name.strip() else []
    close = [lower[one] for one in difflib.get_close_matches(name.strip().lower(), lower, n=3, cutoff=0.5)]
    near = list(dict.fromkeys([*close, *inside]))[:3]
    if near:
        return f"no {what} is called {name!r}; did you mean {' or '.join(map(repr, near))}?"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"no {what} is called {name!r}; there are {', '.join(names[:MOST_NAMED])}{more}"


def _told(
    shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
) -> list[str]:
    """Show an error in place of IPython, which keeps nothing for `%tb` then: so this does."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    plain = _plain(error, trace)
    shown = [f"closeloop: {plain}", "(%tb shows where in the code it was noticed)"] if plain else None
    shown = shown or shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    shell._showtraceback(kind, error, shown)
    return shown


def _plain(error: BaseException, trace: TracebackType | None) -> str:
    """Return the message where it was written for the reader, or a name was mistyped; else nothing."""
    if isinstance(error, AttributeError):
        if not type(error.obj).__module__.startswith("closeloop."):
            return ""
        known = [name for name in dir(error.obj) if not name.startswith("_")]
        return nearest(f"part of {type(error.obj).__name__}", error.name or "", known)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised_here = trace is not None and PACKAGE in Path(trace.tb_frame.f_code.co_filename).parents
    return str(error) if raised_here else ""
