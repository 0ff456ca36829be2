"""Which generation of an index a build writes: the one that is there, or the next."""

import re
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from encoder.errors import UsageError
from encoder.spec import Encoder
from indexer.chunk import Chunking
from indexer.errors import IndexerError, IndexMismatch, IndexNotFound
from indexer.manifest import (
    Manifest,
    check_encoder,
    installed_libraries,
    is_manifest,
    make_probes,
    read_manifest,
)
from indexer.options import BuildOptions
from indexer.store import DATABASE


def check_index_folder(index_dir: Path) -> None:
    """Never write into a folder that holds something else."""
    if not index_dir.is_dir():
        if index_dir.exists():
            raise UsageError(
                f"{index_dir} is a file, not a folder.", "Name a folder: --index ./index"
            )
        return
    ours = re.compile(r"g\d{4}|write\.lock|manifest\.json|\.manifest-.*")
    strange = [path.name for path in index_dir.iterdir() if not ours.fullmatch(path.name)]
    if strange and not is_manifest(index_dir):
        raise UsageError(
            f"{index_dir} is not an index, and it is not empty ({strange[0]} is in it).",
            "Name another folder for the index: --index ./index",
        )


def manifest_for(
    corpus_dir: Path, index_dir: Path, encoder: Encoder, options: BuildOptions
) -> Manifest:
    """The manifest of the generation that this build writes."""
    if not options.fresh:
        with suppress(IndexNotFound):
            return _checked(read_manifest(index_dir), corpus_dir, index_dir, encoder, options)
    chunking = options.chunking or Chunking()
    chunking.check(encoder)
    with suppress(IndexerError):  # a damaged index has no generation to keep
        delete_generations_but(index_dir, read_manifest(index_dir).generation)
    return Manifest(
        encoder.spec,
        chunking,
        make_probes(encoder),
        str(corpus_dir.resolve()),
        next_generation(index_dir),
        now_utc(),
        installed_libraries(),
    )


def next_generation(index_dir: Path) -> str:
    """The name of the generation after all that are there."""
    generations = sorted(path.name for path in index_dir.glob("g[0-9][0-9][0-9][0-9]"))
    return f"g{int(generations[-1][1:]) + 1 if generations else 1:04d}"


def _checked(
    manifest: Manifest, corpus_dir: Path, index_dir: Path, encoder: Encoder, options: BuildOptions
) -> Manifest:
    check_encoder(manifest, encoder)
    if options.chunking not in (None, manifest.chunking):
        was = manifest.chunking
        raise IndexMismatch(
            f"The index at {index_dir} was cut with --max-tokens {was.max_tokens} --overlap "
            f"{was.overlap_tokens}.",
            "Leave these options out, or build anew with --fresh.",
        )
    root = str(corpus_dir.resolve())
    if root != manifest.corpus_root:
        if not options.root_moved:
            raise IndexMismatch(
                f"The index at {index_dir} belongs to {manifest.corpus_root}, not to {root}.",
                "Name another folder with --index; or build anew with --fresh; or, if the same "
                "folder has moved, add --root-moved.",
            )
        return replace(manifest, corpus_root=root)
    return manifest


def delete_generations_but(index_dir: Path, current: str) -> None:
    """Delete what was replaced, and what an interrupted --fresh has left behind."""
    for folder in index_dir.glob("g[0-9][0-9][0-9][0-9]"):
        if folder.name == current:
            continue
        if (folder / DATABASE).exists():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            with suppress(OSError):  # killed when it was just made; never one that holds anything
                folder.rmdir()


def now_utc() -> str:
    """The time to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
