"""Processes that can be killed, forked from one that has imported what they need.

Each is a process of its own like any other. But Python and its libraries take more than a second of
the processor to start, and tests of kills and full disks start some hundred.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

TIMEOUT_S = 300
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


@dataclass(frozen=True, slots=True)
class Forked:
    """A process that calls a function and ends; what it prints goes into files."""

    process: Any
    printed: Path

    def kill(self) -> None:
        """Send SIGKILL, whatever it is at."""
        self.process.kill()

    def wait(self) -> CompletedProcess[str]:
        """Wait for the end: exit code, negative where a signal killed it, stdout and stderr."""
        self.process.join(TIMEOUT_S)
        code = self.process.exitcode
        assert code is not None, f"still at work after {TIMEOUT_S} s"
        self.process.close()
        said = [self.printed.with_suffix(end).read_text("utf-8") for end in (".out", ".err")]
        return CompletedProcess((), code, *said)


def fork(folder: Path, function: Callable[..., None], *arguments: str) -> Forked:
    """Begin to call a function of a module; `folder` takes what it prints."""
    printed = folder / "printed"
    for end in (".out", ".err"):
        printed.with_suffix(end).write_bytes(b"")
    process = _context.Process(target=_call, args=(printed, function, arguments))
    process.start()
    return Forked(process, printed)


def _call(printed: Path, function: Callable[..., None], arguments: tuple[str, ...]) -> None:
    for end, descriptor in ((".out", 1), (".err", 2)):
        file = os.open(printed.with_suffix(end), os.O_WRONLY | os.O_APPEND)
        os.dup2(file, descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    function(*arguments)
