"""folder -> index: every step in order.

scan -> plan_changes -> read_ahead (read_document, chunk_document) -> encode_passages
-> IndexWriter.commit
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from encoder.spec import Encoder, Vectors
from indexer.chunk import Passage, chunk_document
from indexer.compact import compact_if_due
from indexer.document import Document
from indexer.generation import (
    check_index_folder,
    delete_generations_but,
    manifest_for,
    now_utc,
)
from indexer.health import Finding
from indexer.isolation.ahead import Prepared, choose_workers, read_ahead
from indexer.language import document_language
from indexer.manifest import FILE_NAME
from indexer.options import BuildOptions
from indexer.plan import Changes, check_something_to_read, guard_removals, plan_changes
from indexer.report import BuildReport, Progress, Watch, by_count, why_unread
from indexer.scan import Scan, SourceFile, scan
from indexer.store import IndexWriter, Part, Unread, lock_for_writing, storage_errors, text_key

log = logging.getLogger(__name__)

# A commit's window: an interruption loses at most this much work.
WINDOW_SECONDS = 20.0
FIRST_WINDOW_PASSAGES, MAX_WINDOW_PASSAGES = 64, 4096
# Passages between two reports of progress: at least so many, and this part of a window.
SLICE_PASSAGES = 64
SLICES_OF_A_WINDOW = 8


def build_index(
    corpus_dir: Path,
    index_dir: Path,
    encoder: Encoder,
    options: BuildOptions | None = None,
    watch: Watch | None = None,
) -> BuildReport:
    """Make an index of a folder, or bring an existing one up to date.

    An interrupted build is continued by calling this again.

    Args:
        corpus_dir: The folder of documents.
        index_dir: The folder of the index; made if it is not there.
        encoder: Must be the one the index was made with, if there is one.
        options: What the user may choose.
        watch: Called every few seconds with the progress.

    Raises:
        CorpusError: The folder is missing, unreadable or empty.
        IndexMismatch: The index belongs to another folder or encoder, or was cut otherwise.
        IndexLocked: Another build is running.
        RemovalGuard: More than half of the documents are gone.
        StorageError: The index cannot be written.
    """
    options = options or BuildOptions()
    build = _Build(encoder, watch or (lambda progress: None))
    with build.timed("scan"):
        found = scan(corpus_dir, index_dir, options.include, options.exclude)
    with storage_errors(index_dir):
        check_index_folder(index_dir)
        is_first = not (index_dir / FILE_NAME).exists()
    if options.fresh or is_first:
        check_something_to_read(found, corpus_dir)
    lock = lock_for_writing(index_dir)
    try:
        manifest = manifest_for(corpus_dir, index_dir, encoder, options)
        with IndexWriter.open(index_dir, manifest, lock) as writer:
            report = build.run(writer, found, corpus_dir, options)
            counts = writer.row_counts()
    finally:
        lock.release()
    compact_if_due(index_dir, *counts)
    return report


@dataclass(frozen=True, slots=True)
class _Draft:
    """A part of a document before its passages are encoded; share is its part of the whole."""

    document: Document
    sha256: str
    size_bytes: int
    modified_s: int
    language: str
    health: tuple[Finding, ...]
    passages: tuple[Passage, ...]
    share: float
    complete: bool


class _Build:
    """One run: its encoder, its clock and its counts."""

    def __init__(self, encoder: Encoder, watch: Watch) -> None:
        self.encoder = encoder
        self.watch = watch
        self.progress = Progress()
        self.encoded = 0
        self.formats: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.unread: list[Unread] = []
        self.notes: list[tuple[str, str]] = []
        self.health: list[tuple[str, Finding]] = []
        self.window_passages = FIRST_WINDOW_PASSAGES

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._add_seconds(stage, time.perf_counter() - started)

    def _add_seconds(self, stage: str, taken: float) -> None:
        seconds = self.progress.seconds
        seconds[stage] = seconds.get(stage, 0.0) + taken

    def run(
        self, writer: IndexWriter, found: Scan, corpus_dir: Path, options: BuildOptions
    ) -> BuildReport:
        known = writer.sources()
        with self.timed("scan"):
            changes = plan_changes(known, found)
        if not options.allow_removals:
            guard_removals(len(known), changes, corpus_dir)
        self.unread += [*found.unread, *changes.unread]
        if not options.fresh:
            writer.publish()
            # Readers of an older generation have had a whole build's time to finish.
            delete_generations_but(writer.index_dir, writer.manifest.generation)
        if not changes.nothing:
            self._apply(writer, changes, options.workers)
        with self.timed("store"):
            writer.note_times({file.source: file.modified_s for file in found.files})
        with self.timed("words"):
            writer.finish(sorted(self.unread, key=lambda item: item.source), now_utc())
            if options.fresh:
                writer.publish()
        return self._report(found, changes)

    def _apply(self, writer: IndexWriter, changes: Changes, workers: int | None) -> None:
        writer.mark_unfinished()
        for old, new in changes.renamed:
            writer.rename(old, new)
        files = [file for file, _ in changes.to_read]
        self.progress.documents_planned = len(files)
        self.progress.work_planned = sum(file.size_bytes for file in files)
        self.watch(self.progress)
        choice = choose_workers(workers, files)
        log.info("%d reading at a time: %s", choice.number, choice.reason)
        with read_ahead(files, partial(self._cut, writer), choice.number) as prepared:
            self._encode_and_commit(writer, changes, prepared)
        writer.remove(changes.removed)

    def _cut(self, writer: IndexWriter, document: Document) -> tuple[Passage, ...]:
        return chunk_document(document, self.encoder, writer.manifest.chunking)

    def _encode_and_commit(
        self, writer: IndexWriter, changes: Changes, prepared: Iterator[Prepared]
    ) -> None:
        window: list[_Draft] = []
        for draft in self._drafts(writer.sources(), changes, prepared):
            window.append(draft)
            if sum(len(part.passages) for part in window) >= self.window_passages:
                self._commit(writer, window)
                window = []
        self._commit(writer, window)

    def _drafts(
        self, known: Mapping[str, str], changes: Changes, prepared: Iterator[Prepared]
    ) -> Iterator[_Draft]:
        """Take the documents as they come, long ones in parts."""
        for file, sha256 in changes.to_read:
            with self.timed("wait"):
                done = next(prepared)
            self._add_seconds("read", done.read_s)
            self._add_seconds("chunk", done.chunk_s)
            if done.document is None:
                self._note_unread(file, why_unread(done.error, known=file.source in known))
                continue
            passages = done.passages
            language = document_language([(p.language, len(p.text)) for p in passages])
            self.formats[done.document.format] += 1
            self.languages[language] += 1
            self.notes += [(file.source, note) for note in done.document.notes]
            self.health += [(file.source, finding) for finding in done.health]
            start = 0
            while start < len(passages):
                part = passages[start : start + self.window_passages]
                start += len(part)
                share, complete = len(part) / len(passages), start == len(passages)
                yield _Draft(
                    done.document,
                    sha256,
                    file.size_bytes,
                    file.modified_s,
                    language,
                    done.health,
                    part,
                    share,
                    complete,
                )

    def _note_unread(self, file: SourceFile, reason: str) -> None:
        self.unread.append(Unread(file.source, reason))
        self._advance(1, file.size_bytes, 0)

    def _advance(self, documents: int, work: float, passages: int) -> None:
        self.progress.documents += documents
        self.progress.work_done += work
        self.progress.passages += passages
        self.watch(self.progress)

    def _commit(self, writer: IndexWriter, window: list[_Draft]) -> None:
        if not window:
            return
        started = time.perf_counter()
        work = sum(draft.size_bytes * draft.share for draft in window)
        vectors = self._vectors(writer, [p for draft in window for p in draft.passages], work)
        parts, start = [], 0
        for draft in window:
            rows = vectors[start : start + len(draft.passages)]
            start += len(rows)
            parts.append(
                Part(
                    draft.document, draft.sha256, draft.size_bytes, draft.modified_s,
                    draft.language, draft.passages, rows, draft.complete, draft.health,
                )
            )  # fmt: skip
        with self.timed("store"):
            writer.commit(parts)
        self._advance(sum(draft.complete for draft in window), 0, 0)
        rate = len(vectors) / max(1e-6, time.perf_counter() - started)
        self.window_passages = int(
            np.clip(rate * WINDOW_SECONDS, FIRST_WINDOW_PASSAGES, MAX_WINDOW_PASSAGES)
        )

    def _vectors(self, writer: IndexWriter, passages: list[Passage], work: float) -> Vectors:
        """Encode the passages whose text the index does not hold yet; copy the rest."""
        keys = [text_key(passage.text) for passage in passages]
        with self.timed("store"):
            vector_of = writer.known_vectors(keys)
        missing: dict[bytes, Passage] = {}
        for key, passage in zip(keys, passages, strict=True):
            if key not in vector_of:
                missing.setdefault(key, passage)
        # Slices of similar length waste no time on padding.
        by_length = sorted(missing.items(), key=lambda item: (item[1].tokens, item[0]))
        # A fast encoder gets more at once, so that its batches are full.
        size = max(SLICE_PASSAGES, self.window_passages // SLICES_OF_A_WINDOW)
        for start in range(0, len(by_length), size):
            batch = by_length[start : start + size]
            with self.timed("encode"):
                rows = self.encoder.encode_passages([passage.text for _, passage in batch])
            vector_of.update(zip((key for key, _ in batch), rows, strict=True))
            self.encoded += len(batch)
            self.progress.tokens += sum(passage.tokens for _, passage in batch)
            self._advance(0, work * len(batch) / max(1, len(missing)), len(batch))
        copied_work = 0.0 if missing else work
        self._advance(0, copied_work, len(passages) - len(missing))
        shape = (len(passages), self.encoder.spec.dim)
        return np.array([vector_of[key] for key in keys], np.float32).reshape(shape)

    def _report(self, found: Scan, changes: Changes) -> BuildReport:
        return BuildReport(
            read=sum(self.formats.values()),
            unchanged=changes.unchanged,
            renamed=len(changes.renamed),
            removed=len(changes.removed),
            ignored=found.ignored,
            passages=self.progress.passages,
            encoded=self.encoded,
            tokens=self.progress.tokens,
            formats=by_count(self.formats),
            languages=by_count(self.languages),
            seconds=dict(self.progress.seconds),
            unread=tuple(sorted(self.unread, key=lambda item: item.source)),
            notes=tuple(self.notes),
            health=tuple(self.health),
        )
