"""What facts and cube ask of an engine; their SQL is written in DuckDB's dialect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from closeloop.sources.source import Source


@runtime_checkable
class Engine(Protocol):
    """Runs SQL over the checked tables `store.orders`, `store.shipments`, ... and keeps what is made of them."""

    def begin(self, source: Source, as_of: datetime) -> None:
        """Get ready for a merchant's facts, when the table `days` is there.

        Afterwards `local_time(t)` is an instant as the merchant's wall clock shows it, and `row_key(x)` what rows
        are joined by instead of a text: one such text, one such key.
        """
        ...

    def load(self, name: str, frame: pd.DataFrame) -> None:
        """Make a small table of a frame."""
        ...

    def view(self, name: str, sql: str) -> None:
        """Name a SELECT, to be worked out whenever it is asked for."""
        ...

    def forget(self, name: str) -> None:
        """Give back the room of rows that were kept."""
        ...

    def keep(self, name: str, sql: str) -> None:
        """Work out a SELECT once and keep its rows."""
        ...

    def pack(self, lists: dict[str, str]) -> None:
        """Learn which columns hold texts of few kinds, and the SELECT of all that each can be."""
        ...

    def columns(self, sql: str) -> tuple[str, ...]:
        """Return the names of the columns of a SELECT."""
        ...

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the rows of a SELECT."""
        ...

    def batches(self, sql: str) -> Iterator[Any] | None:
        """Return the rows of a SELECT as Arrow record batches; None where they lie on other machines."""
        ...
