"""The command line where permissions bind, for root too, and one that is taken away half-way.

Run as a program: python -m tests.bound FOLDER PATH MODE AFTER COMMAND..., where PATH within FOLDER
gets the permissions MODE (octal) once more than AFTER passages were encoded, and a COMMAND is the
words of a command line, separated by "|". Each one's exit code goes to standard error. Documents
are read just ahead of the encoder and committed every few passages. The command "probe" exits with
1 where PATH cannot be read.

Root's rights to pass over permissions are laid down for good before anything else, so that what is
asked for is what any account meets that owns the files; elsewhere nothing needs to be laid down.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from encoder.spec import Encoder, Vectors
from tests.concept_encoder import ConceptEncoder

_PR_CAPBSET_DROP = 24  # sys/prctl.h
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2  # linux/capability.h
_LAID_DOWN = "--laid-down"


def lay_down() -> None:
    """Start this program anew without root's rights over other people's permissions."""
    libc = ctypes.CDLL(None, use_errno=True)
    for right in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        if libc.prctl(_PR_CAPBSET_DROP, right, 0, 0, 0):
            sys.exit("root's rights cannot be laid down here")
    os.execv(sys.executable, [sys.executable, "-m", "tests.bound", _LAID_DOWN, *sys.argv[1:]])


class Revoking(ConceptEncoder):
    """Takes a permission away when it has encoded enough."""

    def __init__(self, path: Path, mode: int, after: int) -> None:
        super().__init__()
        self.path = path
        self.mode = mode
        self.after = after

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        vectors = super().encode_passages(texts)
        if len(self.encoded) > self.after:
            self.path.chmod(self.mode)
        return vectors


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[0] == _LAID_DOWN:
        arguments = arguments[1:]
    elif sys.platform == "linux" and os.getuid() == 0:
        lay_down()

    from indexer import build
    from indexer.isolation import ahead

    build.FIRST_WINDOW_PASSAGES = build.MAX_WINDOW_PASSAGES = 8
    ahead.MAX_WAITING_CHARS = 1
    folder, path, mode, after, *commands = arguments
    os.chdir(folder)

    def load(name: str, **options: bool) -> Encoder:
        return Revoking(Path(path), int(mode, 8), int(after))

    for command in commands:
        program, *words = command.split("|")
        if program == "probe":
            code = int(not os.access(path, os.R_OK))
        else:
            code = import_module(f"{program}.cli").main(words, load)
        sys.stderr.write(f"exit {code}\n")


if __name__ == "__main__":
    main()
