"""Searching rows on GPUs: whether that is worth it, and how it finds exactly what a scan finds.

A GPU ("card") holds the rows in half precision and proposes the rows of highest inner product. It
knows nothing of filters: the plain GPU index of FAISS ignores a selector without a word (facebook-
research/faiss issue 3114). So what it proposes is filtered and scored anew here, from the rows in
memory, and taken only where it is certain that no better row was left out; else the rows are
scanned by the processor.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Most that FAISS selects on a GPU.
MOST_PROPOSED = 2048
# Enough for the usual k with a few rows filtered out; selecting more takes the card longer.
FIRST_PROPOSED = 256
# A processor reads 15 to 20 GB/s in one thread: fewer bytes are a matter of milliseconds.
LEAST_BYTES = 64_000_000
# Left free on a card, for the batches of the encoder and what FAISS needs to work with.
SPARE_BYTES = 2_000_000_000
BYTES_PER_NUMBER = 2


@dataclass(frozen=True, slots=True)
class CardChoice:
    """Where rows are searched, and why: the numbers of the cards, none for the processor."""

    cards: tuple[int, ...]
    reason: str


def choose_cards(rows: int, dim: int, *, gpu_code: bool, free_bytes: tuple[int, ...]) -> CardChoice:
    """Decide where rows are searched.

    Args:
        rows: How many there are.
        dim: Numbers of each.
        gpu_code: Whether the FAISS that is installed can use a GPU.
        free_bytes: Free memory of each card.
    """
    needed = rows * dim * BYTES_PER_NUMBER
    if not gpu_code:
        return CardChoice((), "the processor scans the rows: this FAISS has no GPU code")
    if not free_bytes:
        return CardChoice((), "the processor scans the rows: FAISS finds no GPU")
    if needed < LEAST_BYTES:
        return CardChoice(
            (), f"the processor scans the rows: {needed / 1e6:.0f} MB take it milliseconds"
        )
    emptiest = sorted(range(len(free_bytes)), key=lambda card: (-free_bytes[card], card))
    for count in range(1, len(emptiest) + 1):
        # Every card gets an equal share, so the fullest of them decides.
        if needed / count + SPARE_BYTES <= free_bytes[emptiest[count - 1]]:
            cards = tuple(sorted(emptiest[:count]))
            names = " and ".join(f"GPU {card}" for card in cards)
            return CardChoice(cards, f"{needed / 1e9:.2f} GB of rows are searched on {names}")
    largest = free_bytes[emptiest[0]] / 1e9
    return CardChoice(
        (),
        f"the processor scans the rows: they need {(needed + SPARE_BYTES) / 1e9:.1f} GB of GPU "
        f"memory with what is kept free, and {largest:.1f} GB are free",
    )


class Card(Protocol):
    """Rows on one or more GPUs, in half precision."""

    def propose(self, query: Vectors, k: int, /) -> tuple[Rows, Vectors]:
        """The k rows of highest inner product, k at most MOST_PROPOSED, best first.

        The inner products are those of numbers rounded to half precision.
        """
        ...


def search_on_card(
    card: Card,
    score: Callable[[Rows], Vectors],
    query: Vectors,
    k: int,
    allowed: Mask,
) -> tuple[Rows, Vectors] | None:
    """Find what a scan of all rows would find, or None where that is not certain.

    Args:
        card: Proposes rows.
        score: The exact inner products of some rows with the query.
        query: Shape (dim,), unit length.
        k: Rows wanted.
        allowed: Shape (rows,); False keeps a row out.
    """
    rows = len(allowed)
    share = np.count_nonzero(allowed) / max(rows, 1)
    slack = rounding_slack(len(query))
    for asked in (FIRST_PROPOSED, MOST_PROPOSED):
        asked = min(asked, rows)
        # Where the filter leaves less than k of them, a scan of those alone is quick anyway.
        if asked * share < k:
            continue
        proposed, rough = card.propose(query, asked)
        kept = proposed[allowed[proposed]]
        scores = score(kept)
        order = np.lexsort((kept, -scores))[:k]
        kept, scores = kept[order], scores[order]
        # What was not proposed scores at most as the last of the proposed, up to rounding.
        if asked == rows or (len(kept) == k and scores[-1] > rough[-1] + slack):
            return kept, scores
    return None


def rounding_slack(dim: int) -> float:
    """Most by which an inner product of unit rows changes when both are in half precision.

    Each number is off by 2^-11 of itself, or by 2^-25 where it is tiny; sums are in float32.
    """
    rounded = 2 * 2.0**-11 + 2.0**-22
    tiny = 2 * math.sqrt(dim) * 2.0**-25
    summed = dim * 2.0**-24
    # Stored rows are of unit length up to their own rounding.
    return 1.01 * (rounded + tiny + summed)
