"""Rows on a real GPU: what tests/test_card.py shows with a stand-in, by FAISS itself."""

import threading

import numpy as np
import pytest
import torch

try:
    import faiss
except (ImportError, RuntimeError) as error:  # faiss-gpu without its CUDA libraries
    pytest.skip(f"FAISS cannot be loaded: {error}", allow_module_level=True)

from encoder.spec import Vectors
from indexer.card import LEAST_BYTES, MOST_PROPOSED
from indexer.vector_index import FaissCards, VectorIndex, open_card
from tests.test_card import no_card, random_rows, unit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here"),
    pytest.mark.skipif(
        not hasattr(faiss, "StandardGpuResources"), reason="the FAISS here has no GPU code"
    ),
]
DIM = 48
ROWS = LEAST_BYTES // (2 * DIM) + 1  # just enough to be worth a card


@pytest.fixture(scope="module")
def rows() -> Vectors:
    return random_rows(ROWS)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("share", [1.0, 0.9, 0.05, 0.00001])
def test_a_gpu_finds_what_a_scan_finds(rows: Vectors, dtype: str, share: float) -> None:
    on_card, scanned = VectorIndex(DIM, dtype, open_card), VectorIndex(DIM, dtype, no_card)
    for index in (on_card, scanned):
        index.add(rows)
    assert on_card.choice.cards
    allowed = np.random.default_rng(1).random(ROWS) < share
    for query in random_rows(20, seed=2):
        for k in (1, 10, 400):
            found, scores = on_card.search(query, k, allowed)
            _, expected = scanned.search(query, k, allowed)
            # Only rows that float32 cannot tell apart may change places.
            assert scores == pytest.approx(expected, abs=1e-6)
            assert rows[found] @ query == pytest.approx(expected, abs=2e-3)
            assert allowed[found].all()
            assert len(set(found.tolist())) == len(expected)


def test_near_ties_and_copies_cost_no_hit() -> None:
    query = unit(np.ones((1, DIM), np.float32))[0]
    index = VectorIndex(DIM, "float32", open_card)
    index.add(np.repeat(query[None], ROWS - 1, axis=0))
    better = unit(query[None] + 5e-3 * random_rows(1))
    index.add(better)
    assert index.choice.cards
    assert index.search(better[0], 1)[0].tolist() == [ROWS - 1]


def test_faiss_selects_no_more_than_we_ask_for(rows: Vectors) -> None:
    structure = faiss.IndexFlatIP(DIM)
    structure.add(rows)
    card = FaissCards(structure, (0,))
    found, scores = card.propose(rows[5], MOST_PROPOSED)
    assert len(set(found.tolist())) == MOST_PROPOSED
    assert found[0] == 5
    assert (np.diff(scores) <= 0).all()
    with pytest.raises(RuntimeError):
        card.propose(rows[5], MOST_PROPOSED + 1)


def test_many_threads_search_one_gpu(rows: Vectors) -> None:
    index = VectorIndex(DIM, "float32", open_card)
    index.add(rows)
    index.search(rows[0], 1)
    found: dict[int, list[int]] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: index.search(rows[i], 1)[0].tolist()}))
        for i in range(32)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: [i] for i in range(32)}


def test_the_memory_of_the_gpu_comes_back(rows: Vectors) -> None:
    def used() -> int:
        return int(torch.cuda.mem_get_info(0)[1] - torch.cuda.mem_get_info(0)[0])

    def search_once() -> None:
        index = VectorIndex(DIM, "float32", open_card)
        index.add(rows)
        assert index.search(rows[3], 1)[0].tolist() == [3]

    search_once()  # FAISS keeps its workspace from now on
    before = used()
    for _ in range(10):
        search_once()
    assert used() - before < 5 * LEAST_BYTES
