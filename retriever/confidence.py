"""Whether a hit answers the question at all: a probability, instead of a cosine that means nothing.

A question without an answer in the folder has a best hit too. What tells them apart is how far a
hit's score stands out from what this very question scores on passages at random, among how many
passages it had to stand out, and how high it is at all. benchmarks/fit_confidence.py fits a
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
# Random passages that say what a question scores on what does not answer it.
SAMPLE_ROWS = 1024
# Fewer passages have no background to stand out from.
LEAST_PASSAGES = 10
# Of a bell curve, in standard deviations above its mean.
NINETEEN_OF_20 = 1.645
FEATURES = ("one", "score", "stands_out", "passages", "behind", "own_language")


@dataclass(frozen=True, slots=True)
class Background:
    """What a question scores on passages at random.

    Attributes:
        mean, spread: Mean and standard deviation of these scores.
        passages: Number of passages that could have been found.
    """

    mean: float
    spread: float
    passages: int

    @classmethod
    def of(cls, scores: Vectors, passages: int) -> "Background | None":
        """Sum up the scores of passages drawn at random; None where there are too few to tell."""
        if passages < LEAST_PASSAGES or len(scores) < LEAST_PASSAGES:
            return None
        return cls(float(scores.mean()), max(float(scores.std()), 1e-6), passages)


def features(
    scores: Vectors, own_language: npt.NDArray[np.bool_], background: Background
) -> npt.NDArray[np.float64]:
    """What the probability is computed from: shape (hits, FEATURES).

    Args:
        scores: Of the hits, dense ones, shape (hits,).
        own_language: Whether each is in the question's language, shape (hits,).
        background: Of the same question and the same scores.
    """
    best = scores.max(initial=-np.inf)
    columns = (
        np.ones(len(scores)),
        scores,
        (scores - background.mean) / background.spread,
        # The best of n draws from a bell curve stands out by about so many standard deviations.
        np.full(len(scores), np.sqrt(2 * np.log(background.passages))),
        (best - scores) / background.spread,
        own_language,
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
    # The average is itself known from so few collections only.
    step = float(odds.std(ddof=1)) * np.sqrt(1 + 1 / len(odds)) if len(odds) > 1 else 0.0
    highest = max(float(odds.max()), float(odds.mean()) + NINETEEN_OF_20 * step)
    return float(1 / (1 + np.exp(-highest))) + 1e-9
