"""Where the SQL of facts and cube runs: DuckDB, or a Spark session."""

from closeloop.engines.base import Engine
from closeloop.engines.duck import DuckEngine, of

__all__ = ["DuckEngine", "Engine", "of"]
