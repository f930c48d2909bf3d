"""How much any test can find that must not call a trend a change: the limit for the everyday world, noise known.

    python benchmarks/impact/bound.py

Level, step and trend of the treated segment against its controls are estimated with the true covariance.  By Neyman
and Pearson the best test rejects where an effect of 20 % is likelier than a mixture of "nothing happened" and "a
trend of 2 % a week went on", with the mixture that spends both allowances.
"""

import numpy as np
from conditions import OPS, Array, own_covariance

TREND, DRAWS = 0.02, 400_000
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)  # weight of a trend in the mixture, against none


def error_of_step_and_trend() -> Array:
    """Covariance of step and trend by generalised least squares with a free level, weeks against eight controls."""
    weeks = np.arange(OPS.weeks_before + OPS.weeks_after)
    counting = (1 - OPS.rate) / (7 * OPS.volume * OPS.rate)
    noise = (own_covariance(OPS, 1.0) + counting * np.eye(len(weeks))) * (1 + 1 / OPS.controls)
    design = np.column_stack(
        [np.ones(len(weeks)), weeks >= OPS.weeks_before, weeks - weeks[: OPS.weeks_before].mean()]
    )
    return np.asarray(np.linalg.inv(design.T @ np.linalg.solve(noise, design))[1:, 1:], np.float64)


def likelier(seen: Array, precision: Array, share: float) -> Array:
    """Log of how much likelier an effect of 20 % either way is than the mixture without one."""

    def log_likelihood(step: float, trend: float) -> Array:
        stray = seen - (step, trend)
        return -0.5 * np.einsum("ni,ij,nj->n", stray, precision, stray)

    fifth = np.log(0.8)
    effect = np.logaddexp(log_likelihood(fifth, 0.0), log_likelihood(-fifth, 0.0))
    trends = np.logaddexp(log_likelihood(0.0, TREND), log_likelihood(0.0, -TREND))
    return effect - np.logaddexp(log_likelihood(0.0, 0.0), np.log(share + 1e-300) + trends)


def best(none: float, trend: float) -> float:
    """Most power at -20 % with false alarms at most `none` where nothing happened and `trend` under a trend."""
    error = error_of_step_and_trend()
    precision = np.asarray(np.linalg.inv(error), np.float64)
    luck = np.random.default_rng(0).multivariate_normal([0.0, 0.0], error, DRAWS)
    found: list[float] = []
    for share in SHARES:
        calm, falling, cured = (
            likelier(luck + np.array(truth), precision, share)
            for truth in ((0.0, 0.0), (0.0, -TREND), (np.log(0.8), 0.0))
        )
        needed = max(np.quantile(calm, 1 - none), np.quantile(falling, 1 - trend))
        found.append(float((cured > needed).mean()))
    return max(found)


def main() -> None:
    """Print power for several allowances; the first has no regard for trends."""
    free = best(0.05, 1.0)
    for trend in (1.0, 0.10, 0.08, 0.06):
        power = best(0.05, trend)
        print(f"calls a trend a change in at most {trend:.2f}: power {power:.3f}, {power / free:.2f} of {free:.3f}")


if __name__ == "__main__":
    main()
