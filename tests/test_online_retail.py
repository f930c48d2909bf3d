"""A real shop's cancellations: what one invoice booked twice must not become, and what stands behind the weeks."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from closeloop import scan
from closeloop.loop import Loop
from closeloop.slices import Slice
from closeloop.strains import strain_of

pytestmark = pytest.mark.real_data
FRANCE = Slice.of([("region", "France")])


@pytest.fixture(scope="module")
def folder(real_data: Callable[[str], Path]) -> Path:
    return real_data("online_retail")


@pytest.fixture(scope="module")
def shop(folder: Path, open_source: Callable[..., Loop]) -> Loop:
    return open_source("2010-W44", folder, "params/sources/online_retail")


def test_one_invoice_booked_twice_makes_no_pattern(shop: Loop, folder: Path) -> None:
    """On 14 October 2010 invoice 526965 was cancelled line by line and written anew two minutes later."""
    lines = pd.read_parquet(folder / "invoice_lines.parquet").set_index("invoice")
    wrong, undone, anew = (set(lines.loc[number, "stock_code"]) for number in ("526965", "C527020", "527023"))
    assert wrong == undone == anew
    series = scan.large_enough(shop.cube.of("return_rate").until(shop.week))
    tested = scan.scan(series, strain_of(series).of(series))
    assert tested.p[series.row(FRANCE)] < 1e-4, "by the lines alone France stands out"
    assert not shop.patterns.patterns
