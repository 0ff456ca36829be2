"""A process of its own for one more GPU: texts in, vectors out, over its standard streams.

    python -c "from encoder.worker import main; main()" '{"spec": {...}, "folder": "...", ...}'

A message is its length as 8 bytes and then its bytes: texts as JSON one way, float32 rows the
other way. It ends when its input does, so it never outlives the program that started it.
"""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Self

import numpy as np

from encoder.errors import EncoderNotAvailable, RagError
from encoder.hardware import DeviceChoice
from encoder.spec import EncoderSpec, Vectors

# The current folder is left out of the path: it may hold a numpy.py. What this process has is kept.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from encoder.worker import main; main()"
)
_FAILED = b"failed: "


class Worker:
    """The caller's side of a process; made by `start`."""

    def __init__(self, process: "subprocess.Popen[bytes]", device: str) -> None:
        self._process = process
        self._device = device

    @classmethod
    def start(cls, spec: EncoderSpec, folder: Path, choice: DeviceChoice) -> Self:
        """Start a process that loads the encoder; it does so while this one goes on."""
        task = {"spec": asdict(spec), "folder": str(folder), "choice": asdict(choice)}
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps(task), json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return cls(process, choice.device)

    def send(self, texts: Sequence[str]) -> None:
        """Hand over passages; `receive` gives their rows.

        Raises:
            EncoderNotAvailable: The process has ended.
        """
        try:
            _write(self._stdin, json.dumps(list(texts)).encode())
        except OSError as error:
            raise self._ended() from error

    def receive(self, dim: int) -> Vectors:
        """Wait for the rows of the texts sent last: shape (texts, dim).

        Raises:
            EncoderNotAvailable: It could not encode them, or has ended.
        """
        message = _read(self._stdout)
        if message is None:
            raise self._ended()
        if message.startswith(_FAILED):
            raise EncoderNotAvailable(
                f"{self._device} could not encode: {message.removeprefix(_FAILED).decode()}",
                "Leave that GPU out: CUDA_VISIBLE_DEVICES=0",
            )
        rows: Vectors = np.frombuffer(message, np.float32).reshape(-1, dim)
        return rows

    def close(self) -> None:
        """End the process once it has finished what it does, and wait for that."""
        for stream in (self._stdin, self._stdout):
            with suppress(OSError):  # it may have ended with something unread
                stream.close()
        self._process.wait()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self.close()

    @property
    def _stdin(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise ValueError("the process was started without a pipe")
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise ValueError("the process was started without a pipe")
        return self._process.stdout

    def _ended(self) -> EncoderNotAvailable:
        return EncoderNotAvailable(
            f"The process of {self._device} ended unexpectedly (code {self._process.poll()}).",
            "Its last lines above say why; to leave that GPU out: CUDA_VISIBLE_DEVICES=0",
        )


def main() -> None:
    """Encode what comes in until nothing more does."""
    # Whatever a library prints must not come between our messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    task = json.loads(sys.argv[1])
    from encoder.transformer import TransformerEncoder

    encoder: TransformerEncoder | None = None
    while (message := _read(sys.stdin.buffer)) is not None:
        try:
            if encoder is None:
                encoder = _open(task)
            _write(out, encoder.encode_passages(json.loads(message)).tobytes())
        except RagError as error:
            _write(out, _FAILED + str(error).encode())


def _open(task: dict[str, dict[str, object]]) -> "TransformerEncoder":
    from encoder.selftest import self_test
    from encoder.transformer import TransformerEncoder

    fields = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in task["spec"].items()
    }
    spec = EncoderSpec(**fields)  # type: ignore[arg-type]
    choice = DeviceChoice(**task["choice"])  # type: ignore[arg-type]
    encoder = TransformerEncoder.open(spec, Path(str(task["folder"])), choice)
    self_test(encoder)
    return encoder


def _write(stream: IO[bytes], message: bytes) -> None:
    stream.write(struct.pack("<q", len(message)) + message)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the stream ends, also within one."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    (length,) = struct.unpack("<q", head)
    message = stream.read(length)
    return message if len(message) == length else None


TYPE_CHECKING = False
if TYPE_CHECKING:
    from encoder.transformer import TransformerEncoder
