"""The improvement log on the screen: all changes, the form, and what the log said before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from closeloop import changes
from closeloop.explorer import form as forms
from closeloop.explorer.form import Form
from closeloop.explorer.opened import Opened
from closeloop.model import Change


@dataclass(frozen=True)
class Desk:
    """The log as it stands, and the form that is open."""

    opened: Opened
    form: Form | None = None
    said: str = ""
    fault: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, the earliest review first."""
        known = changes.read(self.opened.log)
        return tuple(sorted(known, key=lambda change: (change.decided_on is not None, change.review_date, change.id)))

    @property
    def past(self) -> tuple[changes.Amendment, ...]:
        """What the log said before, the newest amendment first."""
        return forms.past(self.opened)


def press(desk: Desk, pressed: Mapping[str, str]) -> Desk:
    """Do what a reader asked for; what cannot be done is said."""
    calm = replace(desk, said="", fault="")
    try:
        return ACTIONS[pressed.get("do", "")](calm, pressed)
    except KeyError as error:
        return replace(calm, fault=f"{error}: there is nothing of that name to press or choose")
    except (ValueError, OSError) as error:
        return replace(calm, fault=str(error))


def begin(opened: Opened, pattern: str = "") -> Desk:
    """Open the log, with a change drafted from a pattern if one is named. Raises ValueError for an unknown one."""
    if not pattern:
        return Desk(opened)
    found = next((p for p in opened.patterns.patterns if p.id == pattern), None)
    if found is None:
        known = ", ".join(p.id for p in opened.patterns.patterns)
        raise ValueError(f"the week has no pattern {pattern!r}; it has: {known or 'none'}")
    cause = next((cause for cause in opened.causes if cause.pattern == pattern), None)
    return Desk(opened, forms.drafted(found, cause))


def _new(desk: Desk, _: Mapping[str, str]) -> Desk:
    return replace(desk, form=forms.blank())


def _amend(desk: Desk, pressed: Mapping[str, str]) -> Desk:
    return replace(desk, form=forms.amending(desk.opened, pressed["value"]))


def _close(desk: Desk, pressed: Mapping[str, str]) -> Desk:
    return replace(desk, form=forms.closing(desk.opened, pressed["value"]))


def _cancel(desk: Desk, _: Mapping[str, str]) -> Desk:
    return replace(desk, form=None)


def _propose(desk: Desk, pressed: Mapping[str, str]) -> Desk:
    return replace(desk, form=forms.proposed(desk.opened, desk.form or forms.blank(), pressed))


def _submit(desk: Desk, pressed: Mapping[str, str]) -> Desk:
    force = pressed.get("force", "") == "on"
    done = forms.submitted(desk.opened, desk.form or forms.blank(), pressed, force=force)
    return replace(desk, form=None, said=" ".join(done.said)) if done.is_done else replace(desk, form=done)


ACTIONS: dict[str, Callable[[Desk, Mapping[str, str]], Desk]] = {
    "new": _new,
    "amend": _amend,
    "close": _close,
    "cancel": _cancel,
    "propose": _propose,
    "submit": _submit,
}
"""What a reader can press, by name."""
