"""The names that a question may use: metrics, dimensions and values, offered by Tab, checked with the nearest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import duckdb
import pandas as pd

from closeloop import crossed, metrics
from closeloop.model import Metric, Slice, StockMetric, TimeMetric
from closeloop.workbench.answers import Answer, Column
from closeloop.workbench.shell import nearest

AnyMetric = Metric | TimeMetric | StockMetric

VIEWS = ("parcel_facts", "order_facts", "line_facts")
"""Fact tables whose dimensions are offered, the one that tells the values first."""


class Metrics:
    """Every metric by its name: `loop.metrics.on_time_delivery` is that name, `loop.metrics` lists them all."""

    def __init__(self) -> None:
        self.__dict__.update({metric.id: metric.id for metric in metrics.EVERY})

    def __getitem__(self, name: str) -> str:
        return self.find(name).id

    def __iter__(self) -> Iterator[str]:
        return (metric.id for metric in metrics.EVERY)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def find(self, name: str) -> AnyMetric:
        """Return the metric of a name or of a label. Raises ValueError with the nearest names."""
        for metric in metrics.EVERY:
            if name in (metric.id, metric.label):
                return metric
        raise ValueError(nearest("metric", name, self))

    @property
    def answer(self) -> Answer:
        """All metrics as a table."""
        rows = [(m.id, m.label, m.question, m.definition) for m in metrics.EVERY]
        frame = pd.DataFrame(rows, columns=["metric", "label", "asks", "counted"])
        columns = [Column(name, name.capitalize()) for name in ("metric", "label", "asks", "counted")]
        return Answer("Which metrics are there?", f"{len(frame)} metrics.", frame, tuple(columns))

    def __repr__(self) -> str:
        return repr(self.answer)

    def _repr_html_(self) -> str:
        return self.answer.__html__()


class Dimension:
    """One dimension: its values in this data, and the slice of each: `loop.dims.carrier["FedEx"]`."""

    def __init__(self, name: str, con: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self.name, self._con = name, con

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The values that the data has, sorted; none where no table has the dimension."""
        con = self._con()
        views = [view for view in VIEWS if self.name in crossed.dimensions(con, view)]
        return values_of(con, views[0], self.name) if views else ()

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{self.name}: {', '.join(self.values)}"

    def __getitem__(self, value: str) -> Slice:
        if value not in self.values:
            raise ValueError(nearest(self.name, value, self.values))
        return Slice.of([(self.name, value)])

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.values)


class Dimensions:
    """What can be sliced by: `loop.dims.carrier.values`, `loop.dims.carrier["FedEx"]`; values are read when needed.

    Each is an attribute of its own, since Tab looks into nothing else without running code.
    """

    def __init__(self, con: Callable[[], duckdb.DuckDBPyConnection], segments: Iterable[str] = ()) -> None:
        names = sorted({dim for metric in metrics.EVERY for dim in metric.dims} | {"lane"})
        self.__dict__.update({name: Dimension(name, con) for name in (*names, *segments)})

    def __getitem__(self, name: str) -> Dimension:
        if name not in self.__dict__:
            raise ValueError(nearest("dimension", name, self))
        return self.__dict__[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    @property
    def answer(self) -> Answer:
        """All dimensions as a table."""
        rows = [(name, len(self[name].values), _such_as(self[name].values)) for name in self]
        frame = pd.DataFrame(rows, columns=["dimension", "count", "values"])
        columns = Column("dimension", "Dimension"), Column("count", "Values"), Column("values", "Such as")
        return Answer("What can be sliced by?", f"{len(frame)} dimensions.", frame, columns)

    def __repr__(self) -> str:
        return repr(self.answer)

    def _repr_html_(self) -> str:
        return self.answer.__html__()


def _such_as(values: tuple[str, ...]) -> str:
    return ", ".join(values[:6]) + (", ..." if len(values) > 6 else "")


def values_of(con: duckdb.DuckDBPyConnection, view: str, dim: str) -> tuple[str, ...]:
    """Return the values that a dimension has in a fact table, sorted."""
    rows = con.execute(f"SELECT DISTINCT {dim}::VARCHAR AS v FROM {view} WHERE v IS NOT NULL ORDER BY v").fetchall()
    return tuple(str(row[0]) for row in rows)


def check(con: duckdb.DuckDBPyConnection, what: str, view: str, where: Slice) -> None:
    """Raise ValueError with the nearest names unless rows of a fact table can be, and some are, in a slice.

    `what` is what the rows are called, such as a metric's name.
    """
    known = crossed.dimensions(con, view)
    for dim, value in where.where:
        if dim not in known:
            raise ValueError(f"{what}: {nearest('dimension', dim, known)}")
        if not con.execute(
            f"SELECT 1 FROM {view} WHERE {dim}::VARCHAR = $value LIMIT 1", {"value": value}
        ).fetchall():
            raise ValueError(f"{what}: {nearest(dim, value, values_of(con, view, dim))}")
    crossed.check(con, what, view, where)
