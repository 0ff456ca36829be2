"""A hit: a passage with what ranked it."""

from dataclasses import dataclass
from typing import Literal

from indexer.store import StoredPassage

SearchMode = Literal["dense", "hybrid", "lexical"]
"""Find by meaning, by both, or by the words of the question."""

ScoreKind = Literal["cosine", "balanced", "fused", "lexical", "reranked"]


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
    """

    rank: int
    score: float
    score_kind: ScoreKind
    cosine: float
    passage: StoredPassage
