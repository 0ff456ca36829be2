"""Whether a hit answers the question at all: a probability, instead of a cosine that means nothing.

A question without an answer in the folder has a best hit too. What tells them apart is how far a
hit's score stands out, both from what this very question scores on passages at random and from what
the hit's own passage scores with them: one that is like everything else in the folder is like many
a question, too. Beside that count among how many passages it had to stand out, how far it leaves
the next ones behind, and how high it is at all. benchmarks/fit_confidence.py fits a
logistic model of that on questions half of whose answers were taken out of the folder, for each
encoder, and chooses the labels so that no more than a stated share of questions without an answer
gets a hit with that label. docs/confidence.md has the figures, on another collection.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors
from retriever.hit import Confidence, Label

ScoreMode = Literal["auto", "off"]
"""Which scores a model was fitted on: balanced ones, or raw cosines in folders of one language."""

FOLDER = Path(__file__).parent / "calibration"
# The full-precision weights give the same vectors to 0.99.
_FILES = {"e5-small": "e5-small.json", "intfloat/multilingual-e5-small": "e5-small.json"}
# Fewer passages have no background to stand out from.
LEAST_PASSAGES = 10
# What 19 of 20 further draws stay below, in standard deviations above the mean, where both are
# known from 2, 3, ... draws only: Student's t with 1, 2, ... degrees of freedom.
NINETEEN_OF_20 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833)
# The lead of the best passage is that over the last of so many.
FIRST_ROWS = 5
FEATURES = (
    "one",
    "score",
    "stands_out",
    "passages",
    "behind",
    "own_language",
    "passage_stands_out",
    "lead",
    "mean",
)


@dataclass(frozen=True, slots=True)
class Background:
    """What a question scores in the index.

    Attributes:
        mean, spread: Mean and standard deviation of its scores on passages at random.
        passages: Number of passages that could have been found.
        best: Its highest score.
        lead: How far that is above the score of rank `FIRST_ROWS`.
    """

    mean: float
    spread: float
    passages: int
    best: float
    lead: float

    @classmethod
    def of(cls, sample: Vectors, first: Vectors, passages: int) -> "Background | None":
        """Sum up what a question scores; None where there are too few passages to tell.

        Args:
            sample: Scores on passages drawn at random.
            first: The `FIRST_ROWS` highest scores, best first.
            passages: As above.
        """
        if passages < LEAST_PASSAGES or len(sample) < LEAST_PASSAGES:
            return None
        spread = max(float(sample.std()), 1e-6)
        best = float(first[0])
        return cls(float(sample.mean()), spread, passages, best, best - float(first[-1]))


@dataclass(frozen=True, slots=True)
class Crowd:
    """How alike each hit's passage is to passages at random.

    Attributes:
        means, spreads: Mean and standard deviation of its scores with them, shape (hits,).
    """

    means: npt.NDArray[np.float64]
    spreads: npt.NDArray[np.float64]

    @classmethod
    def of(cls, products: Vectors, itself: npt.NDArray[np.bool_]) -> "Crowd":
        """Sum up the products of passages with those of a sample: both shape (hits, sample).

        Args:
            products: Of unit rows.
            itself: Where a hit's passage meets itself, which says nothing.
        """
        others = ~itself
        count = np.maximum(others.sum(axis=1), 1)
        means = np.where(others, products, 0).sum(axis=1, dtype=np.float64) / count
        beyond = np.where(others, products - means[:, None], 0)
        spreads = np.sqrt((beyond**2).sum(axis=1) / count)
        return cls(means, np.maximum(spreads, 1e-6))


def features(
    scores: Vectors, own_language: npt.NDArray[np.bool_], background: Background, crowd: Crowd
) -> npt.NDArray[np.float64]:
    """What the probability is computed from: shape (hits, FEATURES).

    Args:
        scores: Of the hits, dense ones, shape (hits,).
        own_language: Whether each is in the question's language, shape (hits,).
        background: Of the same question and the same scores.
        crowd: Of the same hits, by the same scores.
    """
    hits = len(scores)
    columns = (
        np.ones(hits),
        scores,
        (scores - background.mean) / background.spread,
        # The best of n draws from a bell curve stands out by about so many standard deviations.
        np.full(hits, np.sqrt(2 * np.log(background.passages))),
        (background.best - scores) / background.spread,
        own_language,
        (scores - crowd.means) / crowd.spreads,
        np.full(hits, background.lead / background.spread),
        np.full(hits, background.mean),
    )
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


@dataclass(frozen=True, slots=True)
class ConfidenceModel:
    """A fitted model.

    Attributes:
        weights: One for each of FEATURES.
        strong, possible: Least probability of each label.
        strong_rate, possible_rate: Of questions whose answer is not there, the share that gets a
            hit with this label or a better one: what was asked of the fit.
    """

    weights: tuple[float, ...]
    strong: float
    possible: float
    strong_rate: float
    possible_rate: float

    def probabilities(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How likely each hit answers, where every second question has an answer: shape (hits,)."""
        odds: npt.NDArray[np.float64] = rows @ np.array(self.weights)
        chances: npt.NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        return chances

    def confidences(self, rows: npt.NDArray[np.float64]) -> tuple[Confidence, ...]:
        """The probability and its name for each hit."""
        chances = self.probabilities(rows).tolist()
        return tuple(Confidence(chance, self.label(chance)) for chance in chances)

    def label(self, probability: float) -> Label:
        """Name a probability."""
        if probability >= self.strong:
            return "strong"
        return "possible" if probability >= self.possible else "weak"


@cache
def confidence_model(encoder: str, mode: str) -> ConfidenceModel | None:
    """The model fitted for an encoder of the registry and its scores; None where there is none."""
    if encoder not in _FILES:
        return None
    path = FOLDER / _FILES[encoder]
    found = json.loads(path.read_text("utf-8")).get(mode)
    return None if found is None else ConfidenceModel(tuple(found.pop("weights")), **found)


def reaches(confidence: Confidence | None, least: Label) -> bool:
    """Whether a hit is as sure as a label says; one of which nothing is known is."""
    order: tuple[Label, ...] = ("weak", "possible", "strong")
    return confidence is None or order.index(confidence.label) >= order.index(least)


def save_models(path: Path, models: dict[ScoreMode, ConfidenceModel]) -> None:
    """Write what `confidence_model` reads."""
    data = {mode: asdict(model) for mode, model in models.items()}
    path.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def thresholds_for(best_without: Sequence[npt.NDArray[np.float64]], rate: float) -> float:
    """The least probability that questions without an answer seldom reach in a new collection.

    Each collection has a least probability of its own. In log odds a new one's is expected where
    theirs are on average, give or take their standard deviation; the threshold is the upper end of
    what is expected for 19 of 20 of them, and never below that of a collection that was seen.

    Args:
        best_without: For each collection the highest probability of a hit of each question whose
            answer is not there, shape (questions,).
        rate: Most of them that may reach it.
    """
    least = np.array([np.quantile(values, 1 - rate) for values in best_without])
    odds = np.log(least / (1 - least))
    highest = float(odds.max())
    if len(odds) > 1:
        # The average is itself known from so few collections only, and so is the deviation.
        step = float(odds.std(ddof=1)) * np.sqrt(1 + 1 / len(odds))
        many = NINETEEN_OF_20[min(len(odds) - 1, len(NINETEEN_OF_20)) - 1]
        highest = max(highest, float(odds.mean()) + many * step)
    return float(1 / (1 + np.exp(-highest))) + 1e-9
