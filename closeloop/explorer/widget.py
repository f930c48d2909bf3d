"""The explorer and the log's form as widgets, for JupyterLab and Voila: a skin over `screen` and `desk`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import anywidget
import traitlets

from closeloop.explorer import desk as desks
from closeloop.explorer import page
from closeloop.explorer import screen as screens
from closeloop.explorer.opened import Opened


class _Skin(anywidget.AnyWidget):
    """Shows HTML, and hands what was pressed to `_press`."""

    _esm = page.STATIC / "explorer.js"
    _css = page.STATIC / "explorer.css"
    html = traitlets.Unicode().tag(sync=True)
    drawn = traitlets.Int().tag(sync=True)

    def __init__(self, press: Callable[[dict[str, str]], str], html: str) -> None:
        super().__init__(html=html)
        self._press = press
        self.on_msg(self._heard)

    def _heard(self, _: object, message: Any, buffers: object) -> None:
        """Answer what the browser sent, which is trusted no more than a stranger's text."""
        del buffers
        sent = cast("dict[object, object]", message) if isinstance(message, dict) else {}
        pressed = {str(name): str(value) for name, value in sent.items()}
        self.html = self._press(pressed)
        self.drawn += 1  # the same HTML again sends nothing, and the browser waits to hear


class Explorer(_Skin):
    """The explorer of one week; `.screen` is what it shows."""

    def __init__(self, opened: Opened, what: str = "") -> None:
        self.screen = screens.begin(opened, what)
        super().__init__(self._turn, page.explorer(self.screen))

    def _turn(self, pressed: dict[str, str]) -> str:
        self.screen = screens.press(self.screen, pressed)
        return page.explorer(self.screen)


class LogForm(_Skin):
    """The improvement log with its form; `.desk` is what it shows."""

    def __init__(self, opened: Opened, pattern: str = "") -> None:
        self.desk = desks.begin(opened, pattern)
        super().__init__(self._turn, page.desk(self.desk))

    def _turn(self, pressed: dict[str, str]) -> str:
        self.desk = desks.press(self.desk, pressed)
        return page.desk(self.desk)
