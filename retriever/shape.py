"""passages and scores -> hits: how many come out, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from encoder.errors import UsageError
from encoder.spec import Vectors
from indexer.store import StoredPassage
from retriever.hit import Hit, ScoreKind


@dataclass(frozen=True, slots=True)
class Shape:
    """What the list of hits looks like.

    Attributes:
        k: Most hits.
        min_score: Least score of a hit.
    """

    k: int = 10
    min_score: float | None = None

    @classmethod
    def of(cls, k: int, min_score: float | None) -> Self:
        """Pack what `search` is given.

        Raises:
            UsageError: k is below 1.
        """
        if k < 1:
            raise UsageError(f"k is {k}.", "Ask for at least one hit: -k 10")
        return cls(k, min_score)

    def hits(
        self,
        passages: Sequence[StoredPassage],
        scores: Vectors,
        cosines: Vectors,
        kind: ScoreKind,
    ) -> tuple[Hit, ...]:
        """Make the hits, best first; scores and cosines have the shape (passages,)."""
        # Equal scores are ordered by what is the same in every index of these documents.
        order = sorted(
            range(len(passages)), key=lambda i: (-scores[i], passages[i].source, passages[i].start)
        )
        hits = (
            Hit(rank, float(scores[i]), kind, float(cosines[i]), passages[i])
            for rank, i in enumerate(order, 1)
            if self.min_score is None or scores[i] >= self.min_score
        )
        return tuple(hits)[: self.k]
