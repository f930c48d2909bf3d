"""Papermill's own engine, but for one thing: it writes a notebook when it has ended, not around every cell."""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine, papermill_engines

NAME = "closeloop"


class SavedOnce(NBClientEngine):
    """Runs a notebook; whether it ends well or not, papermill writes it when this returns."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *args: Any, **kwargs: Any) -> Any:
        """Run all cells, and keep from saving meanwhile."""
        target, nb_man.output_path = nb_man.output_path, None
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, *args, **kwargs)
        finally:
            nb_man.output_path = target


papermill_engines.register(NAME, SavedOnce)
