"""The fast grid against one large regression written out in full."""

import numpy as np
import pytest

from closeloop.stats.panel_model import (
    PLAIN,
    Panel,
    Prior,
    TreatedPrior,
    block_effects,
    control_logweight,
    fit,
    fixed_covariance,
    judge,
    listen,
    noise_kinds,
    time_from,
    treated_unit,
)

BLOCKS, BEFORE, UNITS = 10, 7, 7


def panel(seed: int = 0, units: int = UNITS) -> Panel:
    rng = np.random.default_rng(seed)
    logs = rng.normal(0, 0.3, (units, 1)) + rng.normal(0, 0.2, BLOCKS) + rng.normal(0, 0.1, (units, BLOCKS))
    return Panel(logs, rng.uniform(0.002, 0.02, (units, BLOCKS)), np.arange(BLOCKS) >= BEFORE)


def written_out(p: Panel, noise: np.ndarray, k: float, slope: float) -> tuple[float, float, float]:
    """Estimate, variance and restricted log likelihood from the whole stacked covariance."""
    units = len(p.logs)
    fixed = fixed_covariance(p)
    time = time_from(p.after)
    covariance = np.zeros((units * BLOCKS, units * BLOCKS))
    for s in range(units):
        block = slice(s * BLOCKS, (s + 1) * BLOCKS)
        covariance[block, block] = fixed[s] + noise * (k**2 if s == 0 else 1)
    covariance[:BLOCKS, :BLOCKS] += slope**2 * np.outer(time, time)
    step = np.r_[p.after.astype(float), np.zeros((units - 1) * BLOCKS)]
    design = np.column_stack([step, np.tile(np.eye(BLOCKS), (units, 1))])
    precision = np.linalg.inv(covariance)
    information = design.T @ precision @ design
    beta = np.linalg.solve(information, design.T @ precision @ p.logs.ravel())
    residual = p.logs.ravel() - design @ beta
    dets = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
    return beta[0], np.linalg.inv(information)[0, 0], -0.5 * (dets + residual @ precision @ residual)


def test_every_point_of_the_grid_equals_the_regression_written_out():
    p, kinds = panel(), noise_kinds(BLOCKS)[[0, 7, 23, 35]]
    prior = TreatedPrior(Prior((0.7, 1.5), (0.5, 0.5)), Prior((0.0, 0.02), (0.5, 0.5)), Prior((0.0,), (1.0,)))
    shared = listen(p, kinds)
    common = block_effects(shared)
    points = judge(treated_unit(p), common, kinds, prior)
    weight = points.logweight + control_logweight(shared, common)[:, None, None, None]
    for b, noise in enumerate(kinds):
        for i, k in enumerate(prior.times.values):
            for j, slope in enumerate(prior.slope.values):
                mean, variance, loglik = written_out(p, noise, k, slope)
                first = written_out(p, kinds[0], prior.times.values[0], prior.slope.values[0])[2]
                assert points.mean[b, i, j, 0] == pytest.approx(mean)
                assert points.variance[b, i, j, 0] == pytest.approx(variance)
                assert weight[b, i, j, 0] - weight[0, 0, 0, 0] == pytest.approx(loglik - first)


def test_the_effect_moves_one_to_one_with_the_treated_blocks_after():
    p = panel(1)
    moved = p._replace(logs=p.logs - 0.3 * p.after * (np.arange(UNITS) == 0)[:, None])
    assert fit(moved).mixture().quantile(0.5) == pytest.approx(fit(p).mixture().quantile(0.5) - 0.3)


def test_what_moves_every_unit_does_not_count_when_units_answer_alike():
    p = panel(2)
    shift = np.random.default_rng(3).normal(0, 0.5, BLOCKS)
    kinds = noise_kinds(BLOCKS)[:1]
    answers = [
        judge(treated_unit(q), block_effects(listen(q, kinds)), kinds, PLAIN).mean.item()
        for q in (p, p._replace(logs=p.logs + shift))
    ]
    assert answers[0] == pytest.approx(answers[1])


def test_the_mixture_inverts_its_own_quantiles():
    mixture = fit(panel(4)).mixture()
    assert mixture.weight.sum() == pytest.approx(1)
    for q in (0.001, 0.025, 0.5, 0.975):
        assert mixture.cdf(mixture.quantile(q)) == pytest.approx(q, abs=1e-9)
    assert mixture.widened(2.0).p_value() >= mixture.p_value()


def test_noisier_data_make_a_wider_interval_and_no_controls_an_even_wider_one():
    def width(p: Panel) -> float:
        m = fit(p).mixture()
        return m.quantile(0.975) - m.quantile(0.025)

    p = panel(5)
    alone = Panel(p.logs[:1], p.variance[:1], p.after)
    assert width(p) < width(p._replace(variance=p.variance * 20))
    assert width(p) < width(alone)


def test_units_that_move_by_half_on_their_own_are_not_called_changed():
    """Late rates of states triple for a month and come back: own noise of sd .5, AR(.8) from week to week."""
    units, blocks, found = 9, 16, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        own = rng.normal(0, 0.5, (units, blocks))
        for w in range(1, blocks):
            own[:, w] = 0.8 * own[:, w - 1] + 0.6 * own[:, w]
        logs = own + rng.normal(0, 0.25, (units, 1)) + rng.normal(0, 0.1, (units, blocks))
        moved = Panel(logs, np.full_like(logs, 0.01), np.arange(blocks) >= 12)
        found.append(fit(moved).mixture().p_value() < 0.05)
    assert np.mean(found) <= 0.10
