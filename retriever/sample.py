"""The passages that stand for all of an index, where it is asked what is usual there."""

import numpy as np

from indexer.card import Mask, Rows

SAMPLE_ROWS = 1024


def sample_rows(live: Mask, most: int | None = None) -> Rows:
    """Rows spread evenly over the live ones, which stand in the order of their documents.

    Args:
        live: Shape (rows,).
        most: How many at most; SAMPLE_ROWS if not given.
    """
    rows = np.flatnonzero(live)
    most = SAMPLE_ROWS if most is None else most
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)
    return rows[places]
