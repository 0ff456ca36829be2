"""rows and passages -> hits: how many come out, and in which order."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from encoder.errors import UsageError
from encoder.spec import Vectors
from indexer.store import Snapshot
from retriever.folds import Found
from retriever.hit import Confidence, Hit, ScoreKind
from retriever.state import Ranked

# Enough that the right passage is nearly always among them, few enough to be read one by one.
RERANKED_HITS = 50


@dataclass(frozen=True, slots=True)
class Shape:
    """What the list of hits looks like.

    Attributes:
        k: Most hits, at least 1.
        min_score: Least score of a hit.
        per_document: Most hits of one document, at least 1; None for any number.
        min_confidence: Least probability of a hit, where one is known.
    """

    k: int = 10
    min_score: float | None = None
    per_document: int | None = None
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            UsageError: One is below 1, or is no probability.
        """
        if self.k < 1:
            raise UsageError(f"k is {self.k}.", "Ask for at least one hit: -k 10")
        if self.per_document is not None and self.per_document < 1:
            raise UsageError(
                f"At most {self.per_document} hits of a document leave none.",
                "Ask for at least one of each: --per-document 1",
            )
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise UsageError(
                f"The least confidence is {self.min_confidence:g}, which is no probability.",
                "Give a number from 0 to 1: --min-confidence 0.5",
            )

    def wanted(self, *, reranked: bool) -> int:
        """Distinct passages that are needed; a reranker wants more to choose among."""
        return max(self.k, RERANKED_HITS) if reranked else self.k

    def bounded(self, best: Callable[[int], Ranked], snapshot: Snapshot) -> Callable[[int], Ranked]:
        """Let so many hits of a document through, however far down the others are.

        Args:
            best: Gives so many of the best rows, fewer where there are fewer.
            snapshot: Where the rows belong.
        """

        def bounded_best(wanted: int) -> Ranked:
            depth = wanted
            while True:
                ranked = best(depth)
                kept = self._kept(snapshot.document_of[ranked.rows].tolist())
                if len(kept) >= wanted or len(ranked.rows) < depth:
                    places = np.array(kept[:wanted], np.int64)
                    return Ranked(ranked.rows[places], ranked.scores[places])
                depth *= 4

        return bounded_best

    def hits(
        self, found: Sequence[Found], scores: Vectors, cosines: Vectors, kind: ScoreKind
    ) -> tuple[Hit, ...]:
        """Make the hits, best first; scores and cosines have the shape (found,)."""
        # Equal scores are ordered by what is the same in every index of these documents.
        order = sorted(
            range(len(found)),
            key=lambda i: (-scores[i], found[i].passage.source, found[i].passage.start),
        )
        order = [
            i
            for i in order
            if (self.min_score is None or scores[i] >= self.min_score)
            and _sure(found[i].confidence, self.min_confidence)
        ]
        return tuple(
            Hit(
                rank,
                float(scores[i]),
                kind,
                float(cosines[i]),
                found[i].passage,
                found[i].also_in,
                found[i].confidence,
            )
            for rank, i in enumerate(order[: self.k], 1)
        )

    def _kept(self, documents: list[int]) -> list[int]:
        """Places of the rows that stay, given their documents, best first."""
        if self.per_document is None:
            return [*range(len(documents))]
        seen: Counter[int] = Counter()
        kept = []
        for place, document in enumerate(documents):
            seen[document] += 1
            if seen[document] <= self.per_document:
                kept.append(place)
        return kept


def _sure(confidence: Confidence | None, least: float | None) -> bool:
    return confidence is None or least is None or confidence.probability >= least
