"""How an encoder's vectors lean by language: fitted once on parallel text, shipped as numbers.

Vectors of passages in one language share a direction, whatever they say, and so do questions. With
a plain index that makes the question's own language win. The offsets here are what
benchmarks/fit_language_offsets.py measured: for each language the mean of its vectors minus the
mean over languages, on texts that exist in several. What still differs between translations of one
text says nothing about its content; the whitening matrix makes those directions count less (WCCN:
Hatch, Kajarekar, Stolcke 2006). docs/language-balance.md explains their use.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from encoder.spec import Vectors

FOLDER = Path(__file__).parent / "offsets"
# The full-precision weights give the same vectors to 0.99, so they share the offsets.
_FILES = {"e5-small": "e5-small.npz", "intfloat/multilingual-e5-small": "e5-small.npz"}
_ARRAYS = ("passages", "queries", "passage_mean", "query_mean", "whitening", "content")


@dataclass(frozen=True, slots=True)
class LanguageOffsets:
    """Fitted means of one encoder.

    Attributes:
        languages: BCP 47 codes as the index's language detector gives them.
        passages, queries: Shape (languages, dim): mean of the language minus the mean of all.
        passage_mean, query_mean: Shape (dim,): the mean over languages.
        whitening: Shape (dim, dim), symmetric: rows without their means are multiplied by it.
        content: Shape (dim, dim): covariance of passages around the mean of their language, times
            dim, so that half precision can hold it.
    """

    languages: tuple[str, ...]
    passages: Vectors
    queries: Vectors
    passage_mean: Vectors
    query_mean: Vectors
    whitening: Vectors
    content: Vectors

    def __contains__(self, language: str) -> bool:
        """Whether anything was fitted for a language."""
        return language in self.languages

    def passage_offset(self, language: str) -> Vectors:
        """The offset of passages in a language; zero for a language that was not fitted."""
        return _row(self.languages, self.passages, language)

    def query_offset(self, language: str) -> Vectors:
        """The offset of questions in a language; zero for a language that was not fitted."""
        return _row(self.languages, self.queries, language)

    def save(self, path: Path) -> None:
        """Write the numbers in half precision, as arrays without pickle."""
        arrays = {name: getattr(self, name).astype(np.float16) for name in _ARRAYS}
        np.savez_compressed(path, languages=np.array(self.languages), **arrays)


@cache
def language_offsets(encoder: str) -> LanguageOffsets | None:
    """The offsets fitted for an encoder of the registry; None where there are none."""
    if encoder not in _FILES:
        return None
    with np.load(FOLDER / _FILES[encoder], allow_pickle=False) as data:
        return LanguageOffsets(
            tuple(data["languages"].tolist()),
            *(data[name].astype(np.float32) for name in _ARRAYS),
        )


def _row(languages: tuple[str, ...], rows: Vectors, language: str) -> Vectors:
    if language not in languages:
        return np.zeros(rows.shape[1], np.float32)
    row: Vectors = rows[languages.index(language)]
    return row
