"""A hit: a passage with what ranked it."""

from dataclasses import dataclass
from typing import Literal

from indexer.store import StoredPassage

SearchMode = Literal["dense", "hybrid", "lexical"]
"""Find by meaning, by both, or by the words of the question."""

ScoreKind = Literal["cosine", "balanced", "fused", "lexical", "reranked"]


@dataclass(frozen=True, slots=True)
class AlsoIn:
    """A passage that says the same as a hit and was folded into it.

    Attributes:
        language, source, page: Where it stands, as in `Hit.passage`.
        kind: A "translation", or a "duplicate" in the hit's own language.
    """

    language: str
    source: str
    page: int | None
    kind: Literal["duplicate", "translation"]


Label = Literal["strong", "possible", "weak"]


@dataclass(frozen=True, slots=True)
class Confidence:
    """How likely a hit answers the question (retriever/confidence.py).

    Attributes:
        probability: In [0, 1], where every second question has an answer in the folder.
        label: Names it; docs/confidence.md says how often each is wrong.
    """

    probability: float
    label: Label


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    Attributes:
        rank: 1 is the best.
        score: What ranked it; higher is better, never rises with rank.
        score_kind: Names the score: the raw "cosine", "balanced" (retriever/balance.py), with what
            the question's words add ("fused", retriever/fusion.py), the share of these words
            alone ("lexical"), or what a reranker said ("reranked").
        cosine: Inner product of the question's and the passage's unit vectors, in [-1, 1].
        passage: Source, page, span, text and language.
        also_in: Passages that say the same, best first; the score is that of the best of all.
        confidence: How likely it answers; None where nothing was fitted for the encoder, the
            balance in use or so few passages.
    """

    rank: int
    score: float
    score_kind: ScoreKind
    cosine: float
    passage: StoredPassage
    also_in: tuple[AlsoIn, ...] = ()
    confidence: Confidence | None = None
