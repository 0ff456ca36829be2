"""Rows of an index -> the part of them that is there in another language, too.

A folder may hold its texts in several languages, as a manual that comes in twelve. Few passages
show it: each of a sample is compared with all rows, and one in another language that is as near as
translations are, and as passages on one subject are not, is taken for its translation.
"""

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors

# Passages of known languages that are compared: one more or less in a hundred changes nothing.
COMPARED_ROWS = 128
# Balanced cosine. Of osguide and tldr with all versions in one folder 73% and 98% of the passages
# have such a partner, with each text in one language 0% and 5% (docs/LOG.md).
LEAST_COSINE = 0.55
# Rows that are compared with the sample at once.
BLOCK_ROWS = 8_192


class Translations:
    """Counts how many of a sample have a translation among the rows that it is shown.

    Args:
        sample: Balanced unit rows, shape (sample, dim).
        languages: The language of each, shape (sample,).
    """

    def __init__(self, sample: Vectors, languages: npt.NDArray[np.int32]) -> None:
        self._sample = sample
        self._languages = languages
        self._nearest = np.full(len(sample), -1.0, np.float32)

    def add(self, rows: Vectors, languages: npt.NDArray[np.int32]) -> None:
        """Look at some rows of known languages: shape (rows, dim), and the language of each."""
        for first in range(0, len(rows), BLOCK_ROWS):
            block = slice(first, first + BLOCK_ROWS)
            cosines = self._sample @ rows[block].T  # (sample, rows)
            cosines[self._languages[:, None] == languages[block]] = -1.0
            np.maximum(self._nearest, cosines.max(axis=1, initial=-1.0), out=self._nearest)

    def share(self) -> float:
        """The part of the sample that has a translation, in [0, 1]."""
        return float((self._nearest >= LEAST_COSINE).mean()) if len(self._nearest) else 0.0
