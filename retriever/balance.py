"""Language balance: take the question's language out of the ranking.

With a plain index the encoder prefers passages in the question's own language, whatever they say.
So from each passage's vector the mean of its language is taken away, from the question's vector the
mean of questions in its language, and both are scaled to unit length again. What is left says more
about the content and less about the language.

A language's mean comes from the index's own passages, shrunk toward what was fitted for the encoder
beforehand (encoder/language_offsets.py): few passages of a language say little about its mean.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import LanguageOffsets
from encoder.spec import Vectors

BalanceMode = Literal["auto", "full", "off"]

# Tuned on osguide and tldr, each with offsets fitted on the other (docs/LOG.md).
STRENGTH: dict[BalanceMode, float] = {"auto": 0.8, "full": 1.0, "off": 0.0}
# Passages that the fitted means count for beside the index's own.
PRIOR_PASSAGES = 10
PRIOR_CENTRE_PASSAGES = 50
# Without fitted means fewer passages than this say nothing that could be taken away safely.
LEAST_PASSAGES_WITHOUT_PRIOR = 50


@dataclass(frozen=True, slots=True)
class Means:
    """What is taken away.

    Attributes:
        languages: As in the index's snapshot.
        passages: Shape (languages, dim): mean of the passages in each language.
        centre: Shape (dim,): mean of all passages, each language's own lean left out.
        offsets: What was fitted for the encoder; None if nothing was.
    """

    languages: tuple[str, ...]
    passages: Vectors
    centre: Vectors
    offsets: LanguageOffsets | None


def fit_means(
    sums: Vectors,
    counts: npt.NDArray[np.int64],
    languages: tuple[str, ...],
    offsets: LanguageOffsets | None,
) -> Means | None:
    """Estimate the mean of each language of an index.

    Args:
        sums: Sum of the live passages' vectors in each language, shape (languages, dim).
        counts: Number of live passages in each language, shape (languages,).
        languages: BCP 47 codes, "und" among them.
        offsets: What was fitted for the encoder.

    Returns:
        The means; None where nothing should be taken away: there is one language only, or too
        little to estimate from.
    """
    if (counts > 0).sum() < 2 or (offsets is None and counts.sum() < LEAST_PASSAGES_WITHOUT_PRIOR):
        return None
    column = counts[:, None].astype(np.float32)
    if offsets is None:
        lean, weight = np.zeros_like(sums), float(counts.sum())
        total = sums.sum(axis=0)
    else:
        lean = np.stack([offsets.passage_offset(name) for name in languages])
        weight = float(counts.sum() + PRIOR_CENTRE_PASSAGES)
        total = (sums - column * lean).sum(axis=0) + PRIOR_CENTRE_PASSAGES * offsets.passage_mean
    centre = (total / weight).astype(np.float32)
    means = (sums + PRIOR_PASSAGES * (centre + lean)) / (column + PRIOR_PASSAGES)
    return Means(languages, means.astype(np.float32), centre, offsets)


def balance_passages(
    rows: npt.NDArray[Any], language_of: npt.NDArray[np.int32], means: Means, strength: float
) -> Vectors:
    """Take the means away from passages: shape (passages, dim), unit rows."""
    return _unit(rows.astype(np.float32) - strength * means.passages[language_of])


def balance_query(query: Vectors, language: str, means: Means, strength: float) -> Vectors:
    """Take the mean of questions in its language away from a question: shape (dim,), unit.

    Without fitted means that of the passages in its language stands in, or that of all.
    """
    if means.offsets is not None:
        mean: Vectors = means.offsets.query_mean + means.offsets.query_offset(language)
    elif language in means.languages:
        mean = means.passages[means.languages.index(language)]
    else:
        mean = means.centre
    balanced: Vectors = _unit((query - strength * mean)[None])[0]
    return balanced


def _unit(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(norms, 1e-9)
    return unit
