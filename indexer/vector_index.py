"""The FAISS inner-product structure over the rows of an index. The only module that knows faiss."""

import logging
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.errors import EncoderNotAvailable
from encoder.gpu_memory import free_gpu_bytes
from encoder.spec import Vectors
from indexer.card import Card, CardChoice, Mask, Rows, choose_cards, search_on_card

log = logging.getLogger(__name__)

# Rows go to a card in pieces of so many float32 bytes: what FAISS reserves and converts at once.
PIECE_BYTES = 1_000_000_000
# What FAISS keeps on each card to work with; its own 1.5 GB are meant for batches of questions.
WORKSPACE_BYTES = 256_000_000


def _faiss() -> Any:
    """Import FAISS, which takes a while.

    Raises:
        EncoderNotAvailable: It is not installed, or its libraries cannot be loaded.
    """
    try:
        import faiss
    except ModuleNotFoundError as error:
        if error.name != "faiss":
            raise _not_loaded(error) from error
        raise EncoderNotAvailable(
            "FAISS is not installed.",
            "Install exactly one of: pip install -c constraints.txt -e '.[cpu]' (any machine) or "
            "-e '.[gpu]' (CUDA).",
        ) from error
    except (ImportError, OSError, RuntimeError) as error:  # faiss-gpu's own check is a RuntimeError
        raise _not_loaded(error) from error
    return faiss


def _not_loaded(error: Exception) -> EncoderNotAvailable:
    return EncoderNotAvailable(
        f"FAISS is installed, but cannot be loaded: {' '.join(str(error).split()).rstrip('.')}.",
        "Install it again with all that it needs: pip install -c constraints.txt -e '.[gpu]' "
        "(CUDA); or let the processor search: pip uninstall faiss-gpu, then pip install "
        "-c constraints.txt -e '.[cpu]'.",
    )


def open_card(structure: Any) -> tuple[CardChoice, Card | None]:
    """Bring the rows of a FAISS structure to the GPUs, where that is worth it and possible."""
    faiss = _faiss()
    gpu_code = hasattr(faiss, "StandardGpuResources")
    free = _free_bytes(faiss.get_num_gpus()) if gpu_code else ()
    choice = choose_cards(structure.ntotal, structure.d, gpu_code=gpu_code, free_bytes=free)
    if not choice.cards:
        return choice, None
    try:
        return choice, FaissCards(structure, choice.cards)
    except RuntimeError as error:
        return _given_up(error), None


class VectorIndex:
    """Exact inner-product search over unit rows; row i of the index is row i of vectors.bin."""

    def __init__(
        self,
        dim: int,
        row_dtype: str,
        open_card: Callable[[Any], tuple[CardChoice, Card | None]] = open_card,
    ) -> None:
        """Make an empty structure; `open_card` is called when it is first searched."""
        faiss = _faiss()
        # Half-precision rows are searched as they are: converting them would double the memory.
        if row_dtype == "float16":
            self._index = faiss.IndexScalarQuantizer(
                dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            )
        else:
            self._index = faiss.IndexFlatIP(dim)
        self._open_card = open_card
        self._opened: tuple[CardChoice, Card | None] | None = None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: npt.NDArray[np.floating[Any]]) -> None:
        """Append rows, shape (rows, dim)."""
        self._opened = None
        self._index.add(np.ascontiguousarray(vectors, np.float32))

    @property
    def choice(self) -> CardChoice:
        """Where the rows are searched, and why."""
        return self._placed()[0]

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        """Find the rows of highest inner product.

        Args:
            query: Shape (dim,), unit length, finite.
            k: Most rows wanted.
            allowed: Shape (rows,); False keeps a row out. The k best of the others are found,
                however few they are.

        Returns:
            Rows and their inner products, best first, equal ones by row; fewer than k where there
            are fewer.

        Raises:
            ValueError: The query is not finite (FAISS would silently find nothing).
        """
        if not np.isfinite(query).all():
            raise ValueError("the query vector is not finite")
        k = min(k, len(self))
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found = self._search_card(query, k, allowed)
        return self._scan(query, k, allowed) if found is None else found

    def _search_card(
        self, query: Vectors, k: int, allowed: Mask | None
    ) -> tuple[Rows, Vectors] | None:
        """What a card finds; None where there is none, or where it cannot be certain."""
        card = self._placed()[1]
        if card is None:
            return None
        everything = np.ones(len(self), np.bool_) if allowed is None else allowed
        try:
            return search_on_card(card, lambda rows: self._score(rows, query), query, k, everything)
        except RuntimeError as error:  # what FAISS raises for every failure of a GPU
            self._opened = _given_up(error), None
            return None

    def _scan(self, query: Vectors, k: int, allowed: Mask | None) -> tuple[Rows, Vectors]:
        faiss = _faiss()
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
            parameters = faiss.SearchParameters(sel=selector)
        scores, rows = self._index.search(query[None].astype(np.float32), k, params=parameters)
        found = rows[0] >= 0  # FAISS fills up with -1
        rows, scores = rows[0][found], scores[0][found]
        order = np.lexsort((rows, -scores))
        return rows[order].astype(np.int64), scores[order].astype(np.float32)

    def _score(self, rows: Rows, query: Vectors) -> Vectors:
        """The inner products of some rows with the query; equal rows have equal ones."""
        if not len(rows):
            return np.empty(0, np.float32)
        # A matrix product would sum a row in an order that depends on where it stands.
        scores: Vectors = np.einsum("ij,j->i", self._index.reconstruct_batch(rows), query)
        return scores

    def _placed(self) -> tuple[CardChoice, Card | None]:
        if self._opened is None:
            self._opened = self._open_card(self._index)
        return self._opened


class FaissCards:
    """Rows in flat half-precision indexes of FAISS, on one or more GPUs.

    FAISS may not be called by two threads at once for the same GPU, not even to search or to free
    memory: each GPU has one thread in this process, which does all of that.
    """

    def __init__(
        self,
        structure: Any,
        cards: tuple[int, ...],
        make_piece: Callable[[int, int], Any] | None = None,
    ) -> None:
        """Copy the rows, an equal share to each card.

        Args:
            structure: The FAISS structure that holds them.
            cards: The GPUs.
            make_piece: Makes an empty index, given the card and the length of a row.

        Raises:
            RuntimeError: A GPU failed, or its memory does not hold them.
        """
        self._pieces: dict[int, list[tuple[int, Any]]] = {card: [] for card in cards}
        # At the end of the program everything goes anyway, and its threads have gone.
        weakref.finalize(self, _release, self._pieces).atexit = False
        make = make_piece or _gpu_index
        ends = np.linspace(0, structure.ntotal, len(cards) + 1).astype(int).tolist()
        filling = [
            _worker(card).submit(
                _fill, self._pieces[card], structure, (first, last), partial(make, card)
            )
            for card, (first, last) in zip(cards, pairwise(ends), strict=True)
        ]
        for future in filling:
            future.result()

    def propose(self, query: Vectors, k: int, /) -> tuple[Rows, Vectors]:
        """The k rows of highest inner product in half precision, best first."""
        row = np.ascontiguousarray(query[None], np.float32)
        searches = [
            _worker(card).submit(_propose, pieces, row, k) for card, pieces in self._pieces.items()
        ]
        found = [part for search in searches for part in search.result()]
        rows = np.concatenate([part[0] for part in found])
        scores = np.concatenate([part[1] for part in found])
        best = np.argsort(-scores, kind="stable")[:k]
        return rows[best], scores[best]


def _worker(card: int) -> ThreadPoolExecutor:
    """The one thread of this process that calls FAISS for this card."""
    with _starting:
        return _started(card)


_starting = threading.Lock()


@cache
def _started(card: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=f"faiss-gpu-{card}")


@cache
def _resources(card: int) -> Any:
    """What FAISS works with on this card; called by its worker alone."""
    resources = _faiss().StandardGpuResources()
    resources.setTempMemory(WORKSPACE_BYTES)
    return resources


def _gpu_index(card: int, dim: int) -> Any:
    """An empty index on a card; called by its worker alone."""
    faiss = _faiss()
    config = faiss.GpuIndexFlatConfig()
    config.device, config.useFloat16, config.use_cuvs = card, True, False
    return faiss.GpuIndexFlatIP(_resources(card), dim, config)


def _fill(
    pieces: list[tuple[int, Any]],
    structure: Any,
    share: tuple[int, int],
    make_piece: Callable[[int], Any],
) -> None:
    """Copy a share of the rows; each piece in one call, so that FAISS reserves just enough."""
    first, last = share
    step = max(1, PIECE_BYTES // (4 * structure.d))
    for start in range(first, last, step):
        piece = make_piece(structure.d)
        piece.add(structure.reconstruct_n(start, min(step, last - start)))
        pieces.append((start, piece))


def _propose(pieces: list[tuple[int, Any]], row: Vectors, k: int) -> list[tuple[Rows, Vectors]]:
    found = []
    for start, piece in pieces:
        scores, rows = piece.search(row, min(k, piece.ntotal))
        found.append((rows[0] + start, scores[0]))
    return found


def _release(pieces: dict[int, list[tuple[int, Any]]]) -> None:
    """Free the memory of cards, each by its own thread."""
    for card, held in pieces.items():
        with suppress(RuntimeError):  # the program is ending
            _worker(card).submit(held.clear)


def _free_bytes(cards: int) -> tuple[int, ...]:
    """Free memory of each card, once what its thread still has to free is gone."""
    for card in range(cards):
        _worker(card).submit(int).result()
    return free_gpu_bytes()[:cards] if cards else ()


def _given_up(error: RuntimeError) -> CardChoice:
    said = " ".join(str(error).rpartition("Error: ")[2].split())
    reason = f"the processor scans the rows: the GPU failed ({said})"
    log.warning("%s", reason)
    return CardChoice((), reason)
