"""Language balance: take the question's language out of the ranking.

With a plain index the encoder prefers passages in the question's own language, whatever they say.
So from each passage's vector the mean of its language is taken away, from the question's vector the
mean of questions in its language, and both are scaled to unit length again. What is left says more
about the content and less about the language. Where one was fitted for the encoder, a whitening
then makes the directions count less in which translations of one text still differ.

A language's mean comes from the index's own passages, shrunk toward what was fitted for the encoder
beforehand (encoder/language_offsets.py): few passages of a language say little about its mean, and
less in the directions in which passages differ by what they say (retriever/shrinkage.py).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import LanguageOffsets
from encoder.spec import Vectors
from indexer.language import UNKNOWN
from retriever.shrinkage import believable

BalanceMode = Literal["auto", "full", "off"]

# Tuned on osguide and tldr, each with offsets fitted on the other (docs/LOG.md).
STRENGTH: dict[BalanceMode, float] = {"auto": 0.8, "full": 1.0, "off": 0.0}
# How far a language's lean may lie from the fitted one, or from none where none was fitted: as a
# part of the covariance of the fitted leans.
SPREAD_FITTED, SPREAD_UNFITTED = 0.1, 0.5
# Without fitted leans: passages that the mean of all counts for beside a language's own.
PRIOR_PASSAGES = 10
# Passages that the fitted centre counts for.
PRIOR_CENTRE_PASSAGES = 50
# What questions ask about follows what the passages are about, at this part of the way that the
# index's centre lies from that of the fitted texts.
QUERY_FOLLOWS_CENTRE = 0.5
# Questions in a language lean as its passages do, and less so: this part stands in where nothing
# was fitted.
QUERY_LEANS_LIKE_PASSAGES = 0.7
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
        centre = sums.sum(axis=0) / counts.sum()
        means = (sums + PRIOR_PASSAGES * centre) / (column + PRIOR_PASSAGES)
        return Means(languages, means.astype(np.float32), centre.astype(np.float32), None)
    lean = np.stack([offsets.passage_offset(name) for name in languages])
    total = (sums - column * lean).sum(axis=0) + PRIOR_CENTRE_PASSAGES * offsets.passage_mean
    centre = (total / (counts.sum() + PRIOR_CENTRE_PASSAGES)).astype(np.float32)
    beyond = sums / np.maximum(column, 1) - centre - lean
    spreads = np.array(
        [SPREAD_FITTED if name in offsets else SPREAD_UNFITTED for name in languages]
    )
    lean += believable(beyond, counts, spreads, offsets)
    return Means(languages, centre + lean, centre, offsets)


def balance_passages(
    rows: npt.NDArray[Any], language_of: npt.NDArray[np.int32], means: Means, strength: float
) -> Vectors:
    """Take the means away from passages: shape (passages, dim), unit rows."""
    return _whitened(rows.astype(np.float32) - strength * means.passages[language_of], means)


def balance_query(query: Vectors, language: str, means: Means, strength: float) -> Vectors:
    """Take the mean of questions in its language away from a question: shape (dim,), unit.

    Args:
        query: Shape (dim,).
        language: As the detector names it; of no use where it is "und".
        means: Those of the index.
        strength: Share of the mean that is taken away.
    """
    mean = _question_mean(language, means)
    balanced: Vectors = _whitened((query - strength * mean)[None], means)[0]
    return balanced


def _question_mean(language: str, means: Means) -> Vectors:
    """The mean of questions in a language; without fitted means that of its passages stands in."""
    offsets = means.offsets
    of_passages: Vectors = means.centre
    if language in means.languages and language != UNKNOWN:
        of_passages = means.passages[means.languages.index(language)]
    if offsets is None:
        return of_passages
    lean: Vectors = QUERY_LEANS_LIKE_PASSAGES * (of_passages - means.centre)
    if language in offsets.languages:
        lean = offsets.query_offset(language)
    moved = QUERY_FOLLOWS_CENTRE * (means.centre - offsets.passage_mean)
    mean: Vectors = offsets.query_mean + moved + lean
    return mean


def _whitened(rows: Vectors, means: Means) -> Vectors:
    return _unit(rows if means.offsets is None else rows @ means.offsets.whitening)


def _unit(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(norms, 1e-9)
    return unit
