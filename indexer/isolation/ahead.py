"""Documents read and cut ahead of the encoder, by several reading processes, in order."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from indexer.chunk import Passage
from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.health import Finding, examine
from indexer.isolation.child import ReaderProcess
from indexer.isolation.limits import limits_for
from indexer.scan import SourceFile

# Text that may wait for the encoder: several windows of it, and little beside a model.
MAX_WAITING_CHARS = 8_000_000
FILES_PER_WORKER, BYTES_PER_WORKER = 16, 2**20
MAX_WORKERS = 8
# After an interruption a thread may still be cutting a long document; nobody need wait for that.
PATIENCE_S = 2.0

Cut = Callable[[Document], tuple[Passage, ...]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One file, read and cut; or why that was not possible. Times are in seconds."""

    document: Document | None
    passages: tuple[Passage, ...]
    health: tuple[Finding, ...]
    error: UnreadableDocument | OSError | MemoryError | None
    read_s: float
    chunk_s: float


@dataclass(frozen=True, slots=True)
class WorkerChoice:
    """How many reading processes a build uses, and why."""

    number: int
    reason: str


def choose_workers(asked: int | None, files: Sequence[SourceFile]) -> WorkerChoice:
    """Choose the number of reading processes: as many as there is work and room for."""
    if asked is not None:
        return WorkerChoice(asked, "as asked")
    cpus = os.cpu_count() or 1
    room = min(MAX_WORKERS, max(2, cpus // 2))
    size = sum(file.size_bytes for file in files)
    work = max(1, len(files) // FILES_PER_WORKER, size // BYTES_PER_WORKER)
    if work < room:
        return WorkerChoice(work, f"{len(files)} files of {size / 2**20:,.1f} MB need no more")
    return WorkerChoice(room, f"half of {cpus} processors, at least 2, at most {MAX_WORKERS}")


@contextmanager
def read_ahead(files: Sequence[SourceFile], cut: Cut, workers: int) -> Iterator[Iterator[Prepared]]:
    """Read and cut files in the background; the results come in the order of the files.

    Each worker is a thread with a reading process of its own; the threads cut in turn, since a
    tokeniser may remember words. Processes and threads end with the context.

    Args:
        files: What to read.
        cut: Makes passages of a document.
        workers: How many files are read at a time.
    """
    ahead = _Ahead(files, cut)
    threads = [
        threading.Thread(target=ahead.work, args=(reader,), name="reader", daemon=True)
        for reader in ahead.readers(workers)
    ]
    try:
        for thread in threads:
            thread.start()
        yield ahead.results()
    finally:
        ahead.stop()
        deadline = time.monotonic() + PATIENCE_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class _Ahead:
    """What the threads share, guarded by one condition."""

    def __init__(self, files: Sequence[SourceFile], cut: Cut) -> None:
        self._files = files
        self._cut = cut
        self._changed = threading.Condition()
        self._cutting = threading.Lock()
        self._taken = 0
        self._done: dict[int, Prepared | BaseException] = {}
        self._waiting_chars = 0
        self._stopped = False
        self._readers: list[ReaderProcess] = []

    def readers(self, number: int) -> list[ReaderProcess]:
        self._readers = [ReaderProcess() for _ in range(number)]
        return self._readers

    def stop(self) -> None:
        """Let no file be begun any more, and end the reading of those that were."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for reader in self._readers:
            reader.interrupt()

    def results(self) -> Iterator[Prepared]:
        """What has become of each file, in order; waits where it must.

        Raises:
            BaseException: A worker met a mistake of this program.
        """
        for number in range(len(self._files)):
            with self._changed:
                while number not in self._done:
                    self._changed.wait()
                done = self._done.pop(number)
                if isinstance(done, BaseException):
                    raise done
                self._waiting_chars -= _size(done)
                self._changed.notify_all()
            yield done

    def work(self, reader: ReaderProcess) -> None:
        """Read and cut one file after another until none is left."""
        with reader:
            while (number := self._next()) is not None:
                done: Prepared | BaseException
                try:
                    done = self._prepare(reader, self._files[number])
                # Whatever it is, the thread that waits for this file must hear of it.
                except BaseException as error:
                    done = error
                with self._changed:
                    self._done[number] = done
                    self._waiting_chars += _size(done)
                    self._changed.notify_all()

    def _next(self) -> int | None:
        """Take the next file, once there is room for what it gives."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting_chars < MAX_WAITING_CHARS)
            if self._stopped or self._taken == len(self._files):
                return None
            self._taken += 1
            return self._taken - 1

    def _prepare(self, reader: ReaderProcess, file: SourceFile) -> Prepared:
        started = time.perf_counter()
        try:
            document = reader.read(file.path, file.source, limits_for(file.size_bytes))
            read_s = time.perf_counter() - started
            with self._cutting:
                started = time.perf_counter()
                passages = self._cut(document)
            health = examine(document, passages)
            chunk_s = time.perf_counter() - started
        except (UnreadableDocument, OSError, MemoryError) as error:
            return Prepared(None, (), (), error, time.perf_counter() - started, 0.0)
        return Prepared(document, passages, health, None, read_s, chunk_s)


def _size(done: Prepared | BaseException) -> int:
    """Characters that wait."""
    if isinstance(done, BaseException) or done.document is None:
        return 0
    return len(done.document.text)
