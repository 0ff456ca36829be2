"""Which passages may be found: what the user narrows a search to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from indexer.patterns import compile_patterns
from indexer.store import Snapshot
from indexer.vector_index import Mask


@dataclass(frozen=True, slots=True)
class Filters:
    """What a passage must be; the empty filters let everything through.

    Attributes:
        languages: BCP 47 codes, as in `Hit.passage`.
        path: Pattern in gitignore syntax that the source must match.
    """

    languages: frozenset[str] = frozenset()
    path: str | None = None

    @classmethod
    def of(cls, languages: Sequence[str], path: str | None) -> Self:
        """Pack what `search` is given."""
        return cls(frozenset(languages), path)

    def allowed(self, snapshot: Snapshot) -> Mask:
        """Say of each row whether it may be found, shape (rows,).

        Raises:
            UsageError: The pattern makes no sense.
        """
        allowed = snapshot.live
        if self.languages:
            wanted = [i for i, name in enumerate(snapshot.languages) if name in self.languages]
            allowed = allowed & np.isin(snapshot.language_of, wanted)
        if self.path is not None:
            spec = compile_patterns([self.path], "--path")
            of_document = np.array([spec.match_file(source) for source in snapshot.sources], bool)
            allowed = allowed & of_document[snapshot.document_of] if len(of_document) else allowed
        return allowed
