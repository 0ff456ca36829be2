"""vectors.bin: rows of fixed size, raw and little-endian, only ever appended to."""

import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors
from indexer.errors import IndexDamaged
from indexer.manifest import Manifest

VECTORS = "vectors.bin"


def row_type(manifest: Manifest) -> np.dtype[Any]:
    """How a number is stored."""
    return np.dtype("<f2" if manifest.encoder.row_dtype == "float16" else "<f4")


def row_crc32(row: npt.NDArray[Any], manifest: Manifest) -> int:
    """Checksum of a row as it is stored; ties a passage to its row."""
    return zlib.crc32(row.astype(row_type(manifest)).tobytes())


def text_key(text: str) -> bytes:
    """Name an encoded text: equal texts of one index have equal vectors."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def row_bytes(manifest: Manifest) -> int:
    """Bytes of one row."""
    return manifest.encoder.dim * row_type(manifest).itemsize


class RowFile:
    """The file as its one writer sees it."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path = path
        self._manifest = manifest
        self._file = os.fdopen(
            os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b", buffering=0
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def truncate(self, rows: int) -> None:
        """Cut off what was never committed.

        Raises:
            IndexDamaged: Committed rows are missing.
        """
        _check_length(self._path, self._manifest, rows)
        self._file.truncate(rows * row_bytes(self._manifest))

    def append(self, at_row: int, blocks: Sequence[Vectors]) -> tuple[int, int, str] | None:
        """Write blocks of rows behind row `at_row` and force them to the disk.

        Returns:
            First row, number of rows and sha256 of what was written; None if there was nothing.
        """
        kind = row_type(self._manifest)
        data = b"".join(block.astype(kind).tobytes() for block in blocks)
        if not data:
            return None
        self._file.seek(at_row * row_bytes(self._manifest))
        written = 0
        while written < len(data):
            written += self._file.write(data[written:])
        os.fsync(self._file.fileno())
        rows = len(data) // row_bytes(self._manifest)
        return at_row, rows, hashlib.sha256(data).hexdigest()

    def read(self, row: int) -> npt.NDArray[np.float32]:
        """One row, shape (dim,)."""
        size = row_bytes(self._manifest)
        data = os.pread(self._file.fileno(), size, row * size)
        return np.frombuffer(data, row_type(self._manifest)).astype(np.float32)

    @staticmethod
    def read_range(path: Path, manifest: Manifest, first: int, last: int) -> npt.NDArray[Any]:
        """Rows first (included) to last (excluded), shape (rows, dim), as they are stored."""
        _check_length(path, manifest, last)
        numbers = np.fromfile(
            path,
            row_type(manifest),
            (last - first) * manifest.encoder.dim,
            offset=first * row_bytes(manifest),
        )
        return numbers.reshape(last - first, manifest.encoder.dim)


def _check_length(path: Path, manifest: Manifest, rows: int) -> None:
    size = path.stat().st_size if path.exists() else 0
    if size < rows * row_bytes(manifest):
        raise IndexDamaged(
            path.parent.parent,
            f"{path.name} has {size} bytes; {rows} rows need {rows * row_bytes(manifest)}",
        )
