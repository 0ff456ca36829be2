"""How far a mean over questions may be from the truth, by resampling.

The Bayesian bootstrap (Rubin 1981): each question, or each group of questions that belong together,
gets a random weight. Without more, ten hits of ten would have the interval [1, 1]. So half a group
of misses and half a group of hits count along, as in the Jeffreys interval of a share, which this
becomes where all values are 0 or 1 and groups have one question. tests/test_bootstrap.py shows that
the intervals cover the truth.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from retriever.evaluation.metrics import Values

DRAWS = 1000
LEVEL = 0.95
# Weight of the group of misses and of the group of hits that count along.
PRIOR_GROUPS = 0.5

Groups = npt.NDArray[np.int64]
"""For each value the number of its group; values of one group are drawn together."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95% interval."""

    mean: float
    low: float
    high: float


def share_estimates(values: Values, groups: Groups, seed: int = 0) -> list[Estimate]:
    """Estimate the mean of each column of values in [0, 1]: shape (values, columns)."""
    sums, sizes = _by_group(values, groups)
    weights, prior = _weights(len(sizes), seed)
    misses, hits = prior * sizes.mean()
    drawn = (weights @ sums + hits[:, None]) / (weights @ sizes + misses + hits)[:, None]
    return _estimates(values, drawn)


def difference_estimates(values: Values, groups: Groups, seed: int = 0) -> list[Estimate]:
    """Estimate the mean of each column of paired differences: shape (values, columns).

    Half a group that differs most counts along in both directions: one group of a hundred that is
    worse is no proof that the mean is.
    """
    sums, sizes = _by_group(values, groups)
    weights, prior = _weights(len(sizes), seed)
    worse, better = prior * sizes.mean()
    most = np.abs(sums / sizes[:, None]).max(axis=0)
    total = weights @ sums + (better - worse)[:, None] * most
    return _estimates(values, total / (weights @ sizes + worse + better)[:, None])


@lru_cache(maxsize=4)
def _weights(groups: int, seed: int) -> tuple[Values, Values]:
    """Random weights of groups, shape (draws, groups), and of the two that count along."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_gamma(1.0, (DRAWS, groups))
    return weights, rng.standard_gamma(PRIOR_GROUPS, (2, DRAWS))


def _by_group(values: Values, groups: Groups) -> tuple[Values, npt.NDArray[np.float64]]:
    _, place = np.unique(groups, return_inverse=True)
    sums = np.zeros((int(place.max()) + 1, values.shape[1]))
    np.add.at(sums, place, values)
    return sums, np.bincount(place).astype(np.float64)


def _estimates(values: Values, drawn: Values) -> list[Estimate]:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn, (tail, 100 - tail), axis=0)
    return [
        Estimate(float(mean), float(min(mean, at_least)), float(max(mean, at_most)))
        for mean, at_least, at_most in zip(values.mean(axis=0), low, high, strict=True)
    ]
