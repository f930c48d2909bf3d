"""A merchant with planted truths: simulate it, and write the files it would export."""

from closeloop.simulate.canonical import write_tables
from closeloop.simulate.cases import CASES, Case, case_of
from closeloop.simulate.cases import merchant as case_merchant
from closeloop.simulate.clocks import HOLIDAYS
from closeloop.simulate.demo import DEMO, demo_scenario
from closeloop.simulate.exports import write_exports
from closeloop.simulate.merchant import Merchant, simulate
from closeloop.simulate.scenario import Change, Effect, Noise, Problem, Scenario, where

__all__ = [
    "CASES",
    "DEMO",
    "HOLIDAYS",
    "Case",
    "Change",
    "Effect",
    "Merchant",
    "Noise",
    "Problem",
    "Scenario",
    "case_merchant",
    "case_of",
    "demo_scenario",
    "simulate",
    "where",
    "write_exports",
    "write_tables",
]
