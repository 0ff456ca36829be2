"""One reading process, as its parent sees it."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from indexer.document import Document
from indexer.errors import ReaderNotStarted, UnreadableDocument
from indexer.isolation.limits import MEGABYTE, Limits
from indexer.isolation.wire import LENGTH_BYTES, Answer, WireError, unpack

# The import path is handed over: the parent may have dropped a folder of documents from it.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from indexer.isolation.worker import main; main()"
)
# It takes 0.2 s, and on a machine with ten times its load 20 s and more.
_START_S = 300.0
_READ_BYTES = MEGABYTE
# NumPy's OpenBLAS takes 40 MB of address space for each thread: on 50 cores, more than the limit.
_ALONE = {"OPENBLAS_NUM_THREADS": "1"}
# Libraries that leak a little are given a new process before it matters.
FILES_PER_PROCESS = 500
_HOSTILE = "It may be damaged, or made to do harm; if its own program opens it, save it anew there."
_SMALLER = "Cut it into smaller files."


class _Ended(Exception):
    """The process has ended, or was ended, without an answer."""

    def __init__(self, reason: UnreadableDocument, *, own_fault: bool) -> None:
        super().__init__(reason.reason)
        self.reason = reason
        self.own_fault = own_fault


class ReaderProcess:
    """Reads files in another process, which is started when it is first needed.

    For one thread, which must live as long as the process is used: on Linux a child ends with the
    thread that started it.

    Attributes:
        files: How many files the present process was given.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.files = 0
        self._interrupted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id; 0 while there is no process."""
        return self._process.pid if self._process else 0

    def read(self, path: Path, source: str, limits: Limits) -> Document:
        """Return the document of one file; what `read_document` does, at arm's length.

        Raises:
            UnreadableDocument: With the reason; also where the file broke its reader or a limit.
            OSError: The file is missing or forbidden.
        """
        fresh = self._process is None
        try:
            return self._read(path, source, limits)
        except _Ended as ended:
            self.close()
            if ended.own_fault or fresh:
                raise ended.reason from ended
        # An earlier file may have done it: only what breaks a new process is to blame.
        try:
            return self._read(path, source, limits)
        except _Ended as ended:
            self.close()
            raise ended.reason from ended

    def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process, self.files = self._process, None, 0
        if process:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()

    def interrupt(self) -> None:
        """End the reading that another thread waits for, and allow no other."""
        self._interrupted = True
        process = self._process
        if process:
            process.kill()

    def _read(self, path: Path, source: str, limits: Limits) -> Document:
        if self.files >= FILES_PER_PROCESS:
            self.close()
        process = self._process or self._start()
        self.files += 1
        job = {
            "path": str(path),
            "source": source,
            "cpu_s": limits.cpu_s,
            "memory_bytes": limits.memory_bytes,
        }
        deadline = time.monotonic() + limits.wall_s
        try:
            os.write(_fd(process.stdin), json.dumps(job).encode() + b"\n")
            data = _receive(process, limits.answer_bytes, deadline)
            return _document(unpack(data, source), limits)
        except TimeoutError as error:
            raise _Ended(_too_slow(f"{limits.wall_s:,.0f} s"), own_fault=True) from error
        except (EOFError, BrokenPipeError) as error:
            raise _died(process.wait(), limits) from error
        except WireError as error:
            reason = UnreadableDocument(f"Its reader was led astray ({error}).", _HOSTILE)
            raise _Ended(reason, own_fault=False) from error

    def _start(self) -> subprocess.Popen[bytes]:
        if self._interrupted:
            raise _Ended(UnreadableDocument("The build was interrupted."), own_fault=True)
        home = str(Path(__file__).parent.parent.parent)
        paths = json.dumps([*sys.path, home])
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, paths, str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env={**os.environ, **_ALONE},
        )  # fmt: skip
        if self._interrupted:  # while it was being started
            process.kill()
        try:
            _receive(process, MEGABYTE, time.monotonic() + _START_S)
        except (EOFError, TimeoutError) as error:
            code = f"exit code {process.wait()}" if isinstance(error, EOFError) else ""
            self.close()
            if self._interrupted:
                raise _Ended(UnreadableDocument("Interrupted."), own_fault=True) from error
            is_late = isinstance(error, TimeoutError)
            late, ended = f"it was not ready after {_START_S:.0f} s", f"it ended at once ({code})"
            raise ReaderNotStarted(late if is_late else ended) from error
        return process


def _fd(pipe: object) -> int:
    fileno: int = pipe.fileno()  # type: ignore[attr-defined]
    return fileno


def _receive(process: subprocess.Popen[bytes], most: int, deadline: float) -> bytes:
    """Return the next answer of at most `most` bytes.

    Raises:
        EOFError: The process has closed the pipe.
        TimeoutError: The deadline has passed.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(_fd(process.stdout), selectors.EVENT_READ)
        size = int.from_bytes(_take(selector, process, LENGTH_BYTES, deadline), "little")
        if size > most:
            reason = f"It unfolds to more than {most // MEGABYTE:,} MB of text."
            raise _Ended(UnreadableDocument(reason, _SMALLER), own_fault=True)
        return _take(selector, process, size, deadline)


def _take(
    selector: selectors.BaseSelector,
    process: subprocess.Popen[bytes],
    size: int,
    deadline: float,
) -> bytes:
    parts, left = [], size
    while left:
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        part = os.read(_fd(process.stdout), min(left, _READ_BYTES))
        if not part:
            raise EOFError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _document(answer: Answer, limits: Limits) -> Document:
    if answer.document is not None:
        return answer.document
    if answer.unreadable is not None:
        raise UnreadableDocument(*answer.unreadable)
    if answer.forbidden is not None:
        raise OSError(*answer.forbidden)
    if answer.no_memory:
        # Python's memory may be in pieces by earlier files.
        raise _Ended(_too_large(limits), own_fault=False)
    raise RuntimeError(f"the reader has a mistake:\n{answer.fault}")


def _too_slow(time_taken: str) -> UnreadableDocument:
    return UnreadableDocument(f"Reading it took more than {time_taken}.", _HOSTILE)


def _too_large(limits: Limits) -> UnreadableDocument:
    return UnreadableDocument(
        f"Reading it takes more than {limits.memory_bytes / 2**30:.0f} GB of memory.", _SMALLER
    )


def _died(code: int, limits: Limits) -> _Ended:
    """Say what the end of the process means: a limit, a crash, or somebody's kill."""
    if code == -signal.SIGXCPU:
        return _Ended(_too_slow(f"{limits.cpu_s:,} s of processor time"), own_fault=True)
    if code == -signal.SIGKILL:
        reason = "Its reader was killed, perhaps because the machine ran out of memory."
        return _Ended(UnreadableDocument(reason, _SMALLER), own_fault=False)
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    # A C library that gets no more memory may abort: then both are true.
    memory = f"{limits.memory_bytes / 2**30:.0f} GB of memory"
    reason = f"It crashed its reader, or took more than {memory} ({name})."
    return _Ended(UnreadableDocument(reason, _HOSTILE), own_fault=False)
