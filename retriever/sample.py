"""The passages that stand for all of an index, where it is asked what is usual there."""

import numpy as np

from indexer.card import Mask, Rows

SAMPLE_ROWS = 1024


def sample_rows(live: Mask) -> Rows:
    """Rows spread evenly over the live ones, which stand in the order of their documents."""
    rows = np.flatnonzero(live)
    places = np.linspace(0, len(rows) - 1, min(SAMPLE_ROWS, len(rows))).astype(np.int64)
    return rows[places]
