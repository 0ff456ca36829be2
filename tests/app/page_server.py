"""A page that really runs: started for a test, stopped after it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A page that answers on this port."""

    port: int
    process: subprocess.Popen[str]

    def interrupt(self) -> tuple[int, str, str]:
        """Press Ctrl-C: exit code, stdout and stderr."""
        self.process.send_signal(signal.SIGINT)
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    arguments: Sequence[str], port: int, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run Python with these arguments until the test ends; what it printed is shown if it dies."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not healthy(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"the page did not start: {process.communicate()}")
            time.sleep(0.1)
        yield Running(port, process)
    finally:
        process.kill()
        process.communicate()


def healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
