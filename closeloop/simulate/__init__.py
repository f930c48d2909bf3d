"""A merchant with planted truths: simulate it, and write the files it would export."""

from closeloop.simulate.demo import DEMO, demo_scenario
from closeloop.simulate.exports import write_exports
from closeloop.simulate.merchant import Merchant, simulate
from closeloop.simulate.scenario import Change, Effect, Noise, Problem, Scenario, where

__all__ = [
    "DEMO",
    "Change",
    "Effect",
    "Merchant",
    "Noise",
    "Problem",
    "Scenario",
    "demo_scenario",
    "simulate",
    "where",
    "write_exports",
]
