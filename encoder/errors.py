"""The errors a person can act on.

Every error that a user can cause or cure is a `RagError`: one sentence says what happened, with the
actual values, and one says the next step, as a command where there is one. The command line and the
page catch `RagError` and nothing else; each kind carries the exit code that the commands document.

    RagError
    ├── UsageError                   2  a value on the command line or in a call makes no sense
    ├── OutputNotWritten             1  what a command prints cannot be written: the disk is full
    ├── EncoderError
    │   ├── UnknownEncoder           2  no registry row, folder or model of that name
    │   ├── EncoderNotAvailable      8  known, but its weights or libraries are not here
    │   ├── EncoderRefused           8  loaded, but its vectors would be wrong
    │   └── ServerError              8  a server gave no vectors (encoder/server_errors.py)
    ├── IndexerError (indexer/errors.py)
    │   ├── CorpusError              2  the folder of documents is missing, empty or not a folder
    │   ├── IndexNotFound            4  no index in the folder
    │   ├── IndexMismatch            5  the index belongs to another encoder, root or version
    │   ├── IndexDamaged             6  the index contradicts itself
    │   │   └── WordsDamaged         6  only its words, which the next build makes anew
    │   ├── IndexLocked              9  another build is writing
    │   ├── RemovalGuard             2  an update would drop most of the documents
    │   ├── StorageError             1  the disk is full or the folder cannot be written
    │   ├── ReaderNotStarted         1  no process can be started to read documents
    │   └── UnreadableDocument       -  one file could not be read; a build lists it and goes on
    └── RetrieverError (retriever/errors.py)
        ├── BlankQuery               2  there is nothing to search for
        ├── EvaluationError          2  questions, documents or judgements make no sense
        └── LibraryMissing           8  a library that only some commands need is not installed
"""

from typing import ClassVar


class RagError(Exception):
    """Something a person can act on: what happened, and what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what} {next_step}".strip())
        self.what = what
        self.next_step = next_step


class UsageError(RagError):
    """A value given on the command line or in a call makes no sense."""

    exit_code = 2


class OutputNotWritten(RagError):
    """What a command prints cannot be written to where stdout leads."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The output cannot be written: {reason}.",
            "Free space there, or let it go to another file.",
        )


class EncoderError(RagError):
    """An encoder cannot be used."""


class UnknownEncoder(EncoderError):
    """No registry row and no folder has this name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No encoder is called {name!r}.",
            "Take auto, e5-small, nemotron-8b or another one of: python -m encoder list; or a "
            "folder of a model, or its id on the Hugging Face hub.",
        )


class EncoderNotAvailable(EncoderError):
    """The encoder is known, but cannot be loaded on this machine."""

    exit_code = 8


class EncoderRefused(EncoderError):
    """The encoder was loaded, but failed the self-test: its vectors would be wrong."""

    exit_code = 8
