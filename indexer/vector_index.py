"""The FAISS inner-product structure over the rows of an index. The only module that knows faiss."""

from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.errors import EncoderNotAvailable
from encoder.spec import Vectors

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise EncoderNotAvailable(
            "FAISS is not installed.",
            "Install exactly one of: pip install -c constraints.txt -e '.[cpu]' (any machine) or "
            "-e '.[gpu]' (CUDA).",
        ) from error
    return faiss


def faiss_version() -> str:
    """Return the version of the FAISS that is installed."""
    return str(_faiss().__version__)


class VectorIndex:
    """Exact inner-product search over unit rows; row i of the index is row i of vectors.bin."""

    def __init__(self, dim: int, row_dtype: str) -> None:
        faiss = _faiss()
        # Half-precision rows are searched as they are: converting them would double the memory.
        if row_dtype == "float16":
            self._index = faiss.IndexScalarQuantizer(
                dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            )
        else:
            self._index = faiss.IndexFlatIP(dim)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: npt.NDArray[np.floating[Any]]) -> None:
        """Append rows, shape (rows, dim)."""
        self._index.add(np.ascontiguousarray(vectors, np.float32))

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
        faiss = _faiss()
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
            parameters = faiss.SearchParameters(sel=selector)
        k = min(k, len(self))
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        scores, rows = self._index.search(query[None].astype(np.float32), k, params=parameters)
        found = rows[0] >= 0  # FAISS fills up with -1
        rows, scores = rows[0][found], scores[0][found]
        order = np.lexsort((rows, -scores))
        return rows[order].astype(np.int64), scores[order].astype(np.float32)
