"""Vectors that were computed before: measuring again, say another balance, encodes nothing.

    CACHE/eval/ENCODER/        one folder for each encoder, named by the hash of its description
        probes.npy             the vectors of two fixed texts: other weights empty the folder
        0123abcd.keys.npy      hashes of texts, shape (texts, 16) uint8
        0123abcd.rows.npy      their vectors, shape (texts, dim)

Files appear whole or not at all. Together they stay below `MAX_BYTES`: what was not used for the
longest time goes first. Everything in here can be made again, so anything odd is simply deleted.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from encoder.cache import cache_dir
from encoder.spec import Encoder, Vectors
from encoder.workplace import workplace
from indexer.manifest import SAME_ENCODER_COSINE, make_probes

Kind = Literal["passage", "query"]
MAX_BYTES = 2_000_000_000
KEYS, ROWS, PROBES = ".keys.npy", ".rows.npy", "probes.npy"


def cache_root() -> Path:
    """The folder of all encoders' vectors."""
    return cache_dir() / "eval"


def clear_cache() -> int:
    """Delete all cached vectors; returns the bytes that this has freed."""
    size = sum(path.stat().st_size for path in cache_root().rglob("*.npy"))
    shutil.rmtree(cache_root(), ignore_errors=True)
    return size


def text_key(kind: Kind, text: str) -> bytes:
    """What a vector is found by; a passage and a query of one text have two vectors."""
    data = f"{kind}\n{text}".encode("utf-8", "replace")
    return hashlib.blake2b(data, digest_size=16).digest()


class VectorCache:
    """The cached vectors of one encoder; made by `open`."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._place: dict[bytes, tuple[str, int]] = {}

    @classmethod
    def open(cls, encoder: Encoder, max_bytes: int = MAX_BYTES) -> Self:
        """Open the folder of an encoder; empty it if it was filled with other weights."""
        description = json.dumps(asdict(encoder.spec), sort_keys=True).encode()
        folder = cache_root() / hashlib.sha256(description).hexdigest()[:16]
        probes = np.array([probe.vector for probe in make_probes(encoder)], np.float32)
        stored = _load(folder / PROBES)
        if stored is None or not _same(stored, probes):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _save(folder / PROBES, probes)
        cache = cls(folder, max_bytes)
        for path in sorted(folder.glob(f"*{KEYS}")):
            cache._read_keys(path)
        return cache

    def get(self, keys: list[bytes]) -> dict[bytes, Vectors]:
        """The vectors that are there, by key."""
        wanted: dict[str, list[bytes]] = {}
        for key in dict.fromkeys(keys):
            if key in self._place:
                wanted.setdefault(self._place[key][0], []).append(key)
        found: dict[bytes, Vectors] = {}
        for shard, here in wanted.items():
            rows = _load(self._folder / f"{shard}{ROWS}")
            if rows is None:  # another process has made room
                continue
            os.utime(self._folder / f"{shard}{ROWS}")
            found.update((key, rows[self._place[key][1]]) for key in here)
        return found

    def add(self, keys: list[bytes], rows: Vectors) -> None:
        """Keep these vectors; the least used ones leave if there are too many."""
        shard = hashlib.blake2b(b"".join(keys), digest_size=8).hexdigest()
        _save(self._folder / f"{shard}{ROWS}", rows)
        _save(
            self._folder / f"{shard}{KEYS}",
            np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), 16),
        )
        self._place.update((key, (shard, place)) for place, key in enumerate(keys))
        self._make_room()

    def _read_keys(self, path: Path) -> None:
        keys = _load(path)
        rows = _load(path.with_name(path.name.removesuffix(KEYS) + ROWS))
        if keys is None or rows is None or keys.shape != (len(rows), 16):
            _delete_shard(path)
            return
        shard = path.name.removesuffix(KEYS)
        self._place.update((row.tobytes(), (shard, i)) for i, row in enumerate(keys))

    def _make_room(self) -> None:
        shards = sorted(cache_root().rglob(f"*{ROWS}"), key=lambda path: path.stat().st_mtime_ns)
        size = sum(path.stat().st_size for path in shards)
        while size > self._max_bytes and len(shards) > 1:
            oldest = shards.pop(0)
            size -= oldest.stat().st_size
            _delete_shard(oldest.with_name(oldest.name.removesuffix(ROWS) + KEYS))


def _same(stored: npt.NDArray[Any], probes: Vectors) -> bool:
    if stored.shape != probes.shape:
        return False
    return bool(((stored * probes).sum(axis=1) >= SAME_ENCODER_COSINE).all())


def _load(path: Path) -> npt.NDArray[Any] | None:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    with workplace(path.parent, "saving-") as made:
        with made.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        made.replace(path)


def _delete_shard(keys: Path) -> None:
    for path in (keys, keys.with_name(keys.name.removesuffix(KEYS) + ROWS)):
        path.unlink(missing_ok=True)
