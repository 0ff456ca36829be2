"""Rows on a GPU: where they are searched, and that a card finds exactly what a scan finds.

The stand-in computes what FAISS computes on a GPU (half-precision rows and query, no filter, at
most 2,048 rows) with FAISS on the processor; tests/test_gpu.py runs the same laws on a real one.
"""

import gc
import threading
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder.spec import Vectors
from indexer import vector_index
from indexer.card import (
    FIRST_PROPOSED,
    LEAST_BYTES,
    MOST_PROPOSED,
    SPARE_BYTES,
    Card,
    CardChoice,
    Mask,
    choose_cards,
    rounding_slack,
)
from indexer.vector_index import FaissCards, VectorIndex, open_card

DIM = 48
CHOICE = CardChoice((0,), "a test")
GB = 1_000_000_000


class HalfIndex:
    """What a flat index of FAISS on a GPU computes, and what it refuses."""

    def __init__(self, dim: int) -> None:
        self._index = faiss.IndexFlatIP(dim)
        self.asked: list[int] = []
        self.threads: set[str] = set()

    @property
    def ntotal(self) -> int:
        return int(self._index.ntotal)

    def add(self, rows: Vectors) -> None:
        self.threads.add(threading.current_thread().name)
        self._index.add(rows.astype(np.float16).astype(np.float32))

    def search(self, row: Vectors, k: int) -> Any:
        if k > MOST_PROPOSED:
            raise RuntimeError(f"Error: 'k <= {MOST_PROPOSED}' failed: k is {k}")
        self.threads.add(threading.current_thread().name)
        self.asked.append(k)
        return self._index.search(row.astype(np.float16).astype(np.float32), k)


class Made:
    """Opens cards with stand-ins, and remembers them."""

    def __init__(self, cards: tuple[int, ...] = (0,)) -> None:
        self.cards = cards
        self.pieces: list[tuple[int, HalfIndex]] = []

    def make(self, card: int, dim: int) -> HalfIndex:
        self.pieces.append((card, HalfIndex(dim)))
        return self.pieces[-1][1]

    def __call__(self, structure: Any) -> tuple[CardChoice, Card | None]:
        return CHOICE, FaissCards(structure, self.cards, self.make)

    @property
    def asked(self) -> list[int]:
        return [k for _, piece in self.pieces for k in piece.asked]


def unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def random_rows(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIM), np.float32))


def filled(rows: Vectors, opener: Callable[[Any], Any], dtype: str = "float32") -> VectorIndex:
    index = VectorIndex(rows.shape[1], dtype, opener)
    index.add(rows)
    return index


def no_card(structure: Any) -> tuple[CardChoice, Card | None]:
    return CardChoice((), "a test"), None


def check_same(rows: Vectors, query: Vectors, k: int, allowed: Mask | None, made: Made) -> None:
    """On a card and by a scan: the same rows in the same order, the same scores."""
    found, scores = filled(rows, made).search(query, k, allowed)
    expected, exact = filled(rows, no_card).search(query, k, allowed)
    assert found.tolist() == expected.tolist()
    assert scores == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(
    ("gpu_code", "free_gb", "cards", "reason"),
    [
        (False, (80.0,), (), "this FAISS has no GPU code"),
        (True, (), (), "FAISS finds no GPU"),
        (True, (80.0,), (0,), "8.19 GB of rows are searched on GPU 0"),
        (True, (12.0, 80.0), (1,), "8.19 GB of rows are searched on GPU 1"),
        (True, (7.0, 1.0, 7.0), (0, 2), "8.19 GB of rows are searched on GPU 0 and GPU 2"),
        (True, (10.0,), (), "they need 10.2 GB of GPU memory with what is kept free, and 10.0 GB"),
        (True, (5.0, 4.0), (), "they need 10.2 GB of GPU memory with what is kept free, and 5.0"),
    ],
)
def test_where_rows_are_searched_depends_on_the_cards(
    gpu_code: bool, free_gb: tuple[float, ...], cards: tuple[int, ...], reason: str
) -> None:
    free = tuple(int(gb * GB) for gb in free_gb)
    choice = choose_cards(1_000_000, 4096, gpu_code=gpu_code, free_bytes=free)
    assert choice.cards == cards
    assert reason in choice.reason


def test_few_rows_are_not_worth_a_card() -> None:
    least = LEAST_BYTES // (2 * 384) + 1
    free = (SPARE_BYTES + LEAST_BYTES + 1000,)
    assert choose_cards(least, 384, gpu_code=True, free_bytes=free).cards == (0,)
    few = choose_cards(6_841, 384, gpu_code=True, free_bytes=free)
    assert few == CardChoice((), "the processor scans the rows: 5 MB take it milliseconds")


@pytest.mark.parametrize("cards", [(0,), (0, 1, 2)])
@pytest.mark.parametrize("k", [1, 10, 300])
def test_a_card_finds_what_a_scan_finds(k: int, cards: tuple[int, ...]) -> None:
    made = Made(cards)
    check_same(random_rows(5_000), random_rows(1, seed=1)[0], k, None, made)
    assert sorted({card for card, _ in made.pieces}) == list(cards)
    assert made.asked


def test_half_precision_rows_are_found_on_a_card_too() -> None:
    rows, query = random_rows(5_000), random_rows(1, seed=1)[0]
    found = filled(rows, Made(), "float16").search(query, 10)
    expected = filled(rows, no_card, "float16").search(query, 10)
    assert found[0].tolist() == expected[0].tolist()
    assert found[1] == pytest.approx(expected[1], abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    count=st.integers(1, 4_000),
    k=st.integers(1, 50),
    share=st.floats(0, 1),
    step=st.sampled_from([0.0, 1e-4, 1e-3, 1e-2, 1.0]),
    seed=st.integers(0, 2**16),
)
def test_neither_a_filter_nor_near_ties_change_what_is_found(
    count: int, k: int, share: float, step: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    query = unit(draw.standard_normal((1, DIM), np.float32))[0]
    # From all rows equal, over such as half precision cannot tell apart, to such as it can.
    noise = draw.standard_normal((count, DIM), np.float32)
    rows = unit((query + step * noise).astype(np.float32))
    allowed = draw.random(count) < share
    found, scores = filled(rows, Made()).search(query, k, allowed)
    expected = np.where(allowed, np.einsum("ij,j->i", rows, query), -np.inf)
    best = np.lexsort((np.arange(count), -expected))[: min(k, int(allowed.sum()))]
    # Which of two rows comes first is left open only where float32 cannot tell them apart.
    assert expected[found] == pytest.approx(expected[best], abs=1e-6)
    assert scores == pytest.approx(expected[found], abs=1e-6)
    assert len(set(found.tolist())) == len(best)


def test_a_filter_that_leaves_little_is_scanned_without_the_card() -> None:
    rows, query = random_rows(20_000), random_rows(1, seed=1)[0]
    allowed = np.zeros(len(rows), np.bool_)
    allowed[::1000] = True
    made = Made()
    check_same(rows, query, 10, allowed, made)
    assert made.asked == []


def test_a_filter_against_what_the_card_proposes_costs_no_hit() -> None:
    rows, query = random_rows(20_000), random_rows(1, seed=1)[0]
    allowed = np.ones(len(rows), np.bool_)
    allowed[np.argsort(-rows @ query)[:5_000]] = False
    made = Made()
    check_same(rows, query, 10, allowed, made)
    assert made.asked == [FIRST_PROPOSED, MOST_PROPOSED]


def test_a_row_too_near_to_tell_is_not_left_out() -> None:
    # Three thousand rows of the same score: which ones a card proposes is chance.
    query = unit(np.ones((1, DIM), np.float32))[0]
    rows = np.repeat(query[None], 3_000, axis=0)
    better = unit(query[None] + 5e-3 * random_rows(1))
    rows[2_999] = better[0]
    made = Made()
    index = filled(rows, made)
    target = better[0]
    assert index.search(target, 1)[0].tolist() == [2_999]
    assert made.asked == [FIRST_PROPOSED, MOST_PROPOSED]


def test_rounding_never_moves_an_inner_product_further_than_the_slack() -> None:
    for dim in (8, 384, 4096):
        draw = np.random.default_rng(dim)
        for sign in (0, 1):  # of random sign, and all of one sign, where errors add up
            rows = draw.standard_normal((500, dim), np.float32)
            rows, other = (unit(np.abs(part) if sign else part) for part in (rows, rows[::-1]))
            half = [part.astype(np.float16).astype(np.float64) for part in (rows, other)]
            exact = (rows.astype(np.float64) * other).sum(axis=1)
            moved = np.abs((half[0] * half[1]).sum(axis=1) - exact).max()
            assert 0 < moved < rounding_slack(dim) < 2e-3


def test_rows_go_to_a_card_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_index, "PIECE_BYTES", 4 * DIM * 700)
    made = Made((0, 1))
    check_same(random_rows(3_001), random_rows(1, seed=1)[0], 10, None, made)
    held = sorted((card, piece.ntotal) for card, piece in made.pieces)
    assert held == [(0, 100), (0, 700), (0, 700), (1, 101), (1, 700), (1, 700)]


def test_each_card_is_touched_by_one_thread_only() -> None:
    made = Made((0, 1))
    index = filled(random_rows(3_000), made)
    queries = random_rows(16, seed=1)
    index.search(queries[0], 1)
    threads = [threading.Thread(target=index.search, args=(query, 5)) for query in queries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(card, name) for card, piece in made.pieces for name in piece.threads} == {
        (0, "faiss-gpu-0_0"),
        (1, "faiss-gpu-1_0"),
    }


def test_the_memory_of_a_card_is_freed_by_its_thread() -> None:
    freed: list[str] = []

    class Counted(HalfIndex):
        def __del__(self) -> None:
            freed.append(threading.current_thread().name)

    cards = FaissCards(filled(random_rows(100), no_card)._index, (3,), lambda _, dim: Counted(dim))
    del cards
    gc.collect()
    vector_index._worker(3).submit(int).result()
    assert freed == ["faiss-gpu-3_0"]


def test_what_does_not_fit_on_the_card_after_all_is_scanned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full(HalfIndex):
        def search(self, row: Vectors, k: int) -> Any:
            raise RuntimeError("Error in void search at Gpu.cu:1: Error: 'err == 0' failed: full\n")

    def opener(structure: Any) -> tuple[CardChoice, Card | None]:
        return CHOICE, FaissCards(structure, (0,), lambda _, dim: Full(dim))

    rows = random_rows(500)
    index = filled(rows, opener)
    assert index.search(rows[7], 1)[0].tolist() == [7]
    reason = "the processor scans the rows: the GPU failed ('err == 0' failed: full)"
    assert index.choice == CardChoice((), reason)
    assert caplog.messages == [reason]
    assert index.search(rows[8], 1)[0].tolist() == [8]
    assert caplog.messages == [reason]  # said once, and not tried again


def test_rows_added_later_reach_the_card() -> None:
    rows = random_rows(600)
    index = filled(rows[:300], Made())
    assert index.search(rows[500], 1)[0].tolist() != [500]
    index.add(rows[300:])
    assert index.search(rows[500], 1)[0].tolist() == [500]


@pytest.mark.skipif(hasattr(faiss, "StandardGpuResources"), reason="this FAISS has GPU code")
def test_faiss_for_processors_says_that_it_has_no_gpu_code() -> None:
    index = filled(random_rows(10), open_card)
    assert index.choice.reason == "the processor scans the rows: this FAISS has no GPU code"
