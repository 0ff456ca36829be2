"""Language balance: take the question's language out of the ranking.

With a plain index the encoder prefers passages in the question's own language, whatever they say.
So from each passage's vector the mean of its language is taken away, from the question's that of
such questions, and both are scaled to unit length again. What is left says more about the content
and less about the language. Where one was fitted for the encoder, a whitening then makes the
directions count less in which translations of one text still differ.

A language's mean comes from the index's own passages, shrunk toward what was fitted for the encoder
beforehand (encoder/language_offsets.py): few passages of a language say little about its mean, and
less in the directions in which passages differ by what they say (retriever/shrinkage.py).

A question's mean is that of the languages that its vector leans to, each counted by how much. No
detector is asked: it errs on short and mixed questions, and a language without fitted means is
served by those beside it. What tells the languages apart is taken away wholly, what all questions
share but for a tenth: a passage that is near to questions at all answers more of them.

That alone would take away too much: language is a hint, too, since of two passages that fit equally
well the one in the question's own language is more often meant. So "auto" gives the best passage in
that language a fixed bonus if that makes it the first, and nothing else any: the rest of the list
stays without a lean.

Even so, scores in the question's language lie farther apart than others, so the highest and the
lowest are among them. Where the texts of an index are there in several languages
(retriever/translated.py), the wrong passages in the question's own would stand before right ones in
others, so there they count a part of their score behind the first place, and a smaller one behind a
first hit in the question's language: in a short list of many languages that is the own one's share
already. Where each text is there once, the right passage would lose by that as much as the wrong
ones, so there they count whole.
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

# All numbers here were chosen on osguide and tldr (benchmarks/tuning_sets.py), each with statistics
# fitted on the other (benchmarks/balance_mixed_folder.py, docs/LOG.md).

# Added to the score of the best passage in the question's own language, if it then is the first.
OWN_LANGUAGE_BONUS: dict[BalanceMode, float] = {"off": 0.0, "auto": 0.035, "full": 0.0}
# The part of it that is left where words were added before: they speak for that language, too.
BONUS_BESIDE_WORDS = 0.8
# What a passage in the question's language scores too much where all texts are there in other
# languages, too: as a part of what it should. The second holds behind a first hit in that language.
OWN_LANGUAGE_EXCESS, OWN_LANGUAGE_EXCESS_BEHIND_ITSELF = 0.3, 1.0
# How sharply a question's lean decides between languages: the smaller the sharper.
LEAN_TEMPERATURE = 0.03
# The part of what all questions share that is taken away; of what tells their languages apart, all.
SHARED_PART = 0.9
# How far a language's lean may lie from the fitted one, or from none where none was fitted: as a
# part of the covariance of the fitted leans.
SPREAD_FITTED, SPREAD_UNFITTED = 0.1, 2.0
# Without fitted leans: passages that the mean of all counts for beside a language's own.
PRIOR_PASSAGES = 10
# Passages that the fitted centre counts for.
PRIOR_CENTRE_PASSAGES = 50
# Questions ask about what the passages are about, and lean as these do: their means follow the
# index's passages at this part of the way that these lie from the fitted texts.
QUESTIONS_FOLLOW = 0.5
# Without fitted means fewer passages than this say nothing that could be taken away safely.
LEAST_PASSAGES_WITHOUT_PRIOR = 50


@dataclass(frozen=True, slots=True)
class Means:
    """What is taken away.

    Attributes:
        languages: As in the index's snapshot.
        passages: Shape (languages, dim): mean of the passages in each language.
        questions: Shape (other languages, dim): means of questions, of more languages or fewer.
        offsets: What was fitted for the encoder; None if nothing was.
    """

    languages: tuple[str, ...]
    passages: Vectors
    questions: Vectors
    offsets: LanguageOffsets | None


def own_language_bonus(mode: BalanceMode, *, beside_words: bool) -> float:
    """What the best passage in the question's language gets, if it then is the first."""
    return OWN_LANGUAGE_BONUS[mode] * (BONUS_BESIDE_WORDS if beside_words else 1.0)


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
        means = means.astype(np.float32)
        asked = _question_means(languages, means, counts, centre.astype(np.float32), None)
        return Means(languages, means, asked, None)
    lean = np.stack([offsets.passage_offset(name) for name in languages])
    total = (sums - column * lean).sum(axis=0) + PRIOR_CENTRE_PASSAGES * offsets.passage_mean
    centre = (total / (counts.sum() + PRIOR_CENTRE_PASSAGES)).astype(np.float32)
    beyond = sums / np.maximum(column, 1) - centre - lean
    spreads = np.array(
        [SPREAD_FITTED if name in offsets else SPREAD_UNFITTED for name in languages]
    )
    lean += believable(beyond, counts, spreads, offsets)
    asked = _question_means(languages, centre + lean, counts, centre, offsets)
    return Means(languages, centre + lean, asked, offsets)


def balance_passages(
    rows: npt.NDArray[Any], language_of: npt.NDArray[np.int32], means: Means
) -> Vectors:
    """Take the means away from passages: shape (passages, dim), unit rows."""
    return _whitened(rows.astype(np.float32) - means.passages[language_of], means)


def balance_queries(queries: Vectors, means: Means) -> Vectors:
    """Take away from each question the mean of questions that lean like it, but for what is shared.

    Args:
        queries: Shape (questions, dim).
        means: Those of the index.

    Returns:
        Shape (questions, dim), unit rows.
    """
    kept = (1 - SHARED_PART) * means.questions.mean(axis=0)
    return _whitened(queries - _leaning_means(queries, means.questions) + kept, means)


def _leaning_means(queries: Vectors, means: Vectors) -> Vectors:
    """Mix the languages' means for each question by how near it is to them: softmax of cosines."""
    centre = means.mean(axis=0)
    near = _unit(queries - centre) @ _unit(means - centre).T  # (questions, languages)
    shares = np.exp((near - near.max(axis=1, keepdims=True)) / LEAN_TEMPERATURE)
    mixed: Vectors = (shares / shares.sum(axis=1, keepdims=True)) @ means
    return mixed


def _question_means(
    languages: tuple[str, ...],
    passages: Vectors,
    counts: npt.NDArray[np.int64],
    centre: Vectors,
    offsets: LanguageOffsets | None,
) -> Vectors:
    """Means of questions in the fitted languages and in others of the index: (languages, dim).

    A language that was fitted follows its passages half of the way; another leans as they do.
    """
    there = [
        i
        for i, name in enumerate(languages)
        if counts[i] and name != UNKNOWN and (offsets is None or name not in offsets)
    ]
    if offsets is None:
        return passages[there] if there else centre[None]
    base = offsets.query_mean + QUESTIONS_FOLLOW * (centre - offsets.passage_mean)
    fitted = offsets.queries.copy()
    for i, name in enumerate(languages):
        if name in offsets:
            beyond = passages[i] - centre - offsets.passage_offset(name)
            fitted[offsets.languages.index(name)] += QUESTIONS_FOLLOW * beyond
    means: Vectors = (base + np.concatenate([fitted, passages[there] - centre])).astype(np.float32)
    return means


def _whitened(rows: Vectors, means: Means) -> Vectors:
    return _unit(rows if means.offsets is None else rows @ means.offsets.whitening)


def _unit(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(norms, 1e-9)
    return unit
