"""Yearly panels of a few units without counts: Proposition 99, and panels of its shape and others.

Proposition 99: Abadie, Diamond, Hainmueller 2010 (JASA 105:493), about 19.5 packs a year in the mean of 1989 to 2000
by synthetic control; Arkhangelsky et al. 2021 (AER 111:4088), 15.6 with a standard error of 8.4 by synthetic
difference in differences. Each file is a long table: unit, year, value.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from closeloop.stats.panel import BeforeAfter, before_after

DATA = Path(__file__).parents[3] / "shared" / "data" / "interventions"


def published(name: str) -> pd.DataFrame:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the published panel is not at {path}")
    return pd.read_csv(path)


def test_proposition_99_lies_between_the_published_estimates() -> None:
    packs = published("california_prop99.csv")
    r = before_after(packs, shipped="1989-01-01", treated="California", unit="state", on="year", value="packs")
    assert r.decision == "improved"
    assert 15.6 - 8.4 <= r.avoided.value <= 19.5 + 8.4
    assert r.avoided.low <= 15.6
    assert r.avoided.high >= 19.5
    assert (r.per, r.blocks_before, r.blocks_after) == ("year", 19, 12)


def panel(seed: int, effect: float, years: int = 31, shipped: int = 19, units: int = 39) -> pd.DataFrame:
    """Logs of states: levels far apart, trends and wandering of their own, as the cigarette sales have them."""
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(0, 0.025, (units, years)), axis=1) + rng.normal(0, 0.02, (units, years))
    trend = rng.normal(0, 0.005, (units, 1)) * np.arange(years)
    logs = 4.8 + rng.normal(0, 0.25, (units, 1)) - 0.01 * np.arange(years) + trend + wander
    logs[0, shipped:] += np.log1p(effect) * np.minimum(1, np.arange(1, years - shipped + 1) / 6)
    names = [f"u{i:02d}" for i in range(units)]
    wide = pd.DataFrame(np.exp(logs).T, columns=names, index=range(1970, 1970 + years)).rename_axis("year")
    return wide.reset_index().melt("year", var_name="unit", value_name="value")


def judged(seed: int, effect: float) -> BeforeAfter:
    return before_after(
        panel(seed, effect), shipped="1989-01-01", treated="u00", unit="unit", on="year", value="value"
    )


def test_an_effect_that_grows_over_years_is_told_by_its_mean() -> None:
    """-30 % reached after six of twelve years is -24.5 % in the mean of the logs."""
    mean = np.expm1(np.log(0.7) * np.minimum(1, np.arange(1, 13) / 6).mean())
    found = [judged(seed, -0.3) for seed in range(24)]
    assert abs(np.median([r.effect.value for r in found]) - mean) < 0.05
    assert sum(r.low <= mean <= r.high for r in found) >= 21
    assert sum(r.decision == "improved" for r in found) >= 12


@pytest.mark.parametrize(("years", "shipped", "units"), [(31, 19, 39), (44, 30, 17), (43, 15, 17)])
def test_no_change_is_found_where_units_only_wander(years: int, shipped: int, units: int) -> None:
    """The shapes of Proposition 99, of German reunification and of the Basque country; 2 of 40 are expected."""
    found = [
        before_after(
            panel(seed, 0.0, years, shipped, units), shipped=f"{1970 + shipped}-01-01", treated="u00", unit="unit",
            on="year", value="value",
        )
        for seed in range(100, 140)
    ]  # fmt: skip
    assert sum(r.p < 0.05 for r in found) <= 5
