"""A reading process: reads the files that its parent names, one after another, and answers.

It is started by child.py and by nothing else. Jobs come as lines of JSON on standard input, answers
go out on standard output (wire.py); what parsers print goes nowhere.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

from indexer.errors import UnreadableDocument
from indexer.isolation.limits import die_with, limit_file, limit_process
from indexer.isolation.wire import Answer, pack
from indexer.read import read_document

# What no parser of documents needs; an attempt raises an error and costs that file. C libraries
# are not held by it: none of those in use opens a connection or starts a program.
_FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """Answer until the parent closes the pipe. argv: the parent's process id."""
    die_with(int(sys.argv[-1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this one
    jobs, answers = _pipes()
    limit_process()
    sys.dont_write_bytecode = True
    sys.addaudithook(_forbid)
    _send(answers, Answer())
    for line in jobs:
        _send(answers, _answer(json.loads(line)))


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the two pipes and leave nothing in their place that a parser could read or print to."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return jobs, answers


def _send(answers: BinaryIO, answer: Answer) -> None:
    try:
        data = pack(answer)
    except MemoryError:
        data = pack(Answer(no_memory=True))
    answers.write(data)
    answers.flush()


def _answer(job: dict[str, str | int]) -> Answer:
    limit_file(int(job["cpu_s"]), int(job["memory_bytes"]))
    try:
        return Answer(document=read_document(Path(str(job["path"])), str(job["source"])))
    except UnreadableDocument as error:
        return Answer(unreadable=(error.reason, error.next_step))
    except OSError as error:
        return Answer(forbidden=(error.errno or 0, error.strerror or str(error)))
    except MemoryError:
        return Answer(no_memory=True)
    except (ImportError, NameError):  # the two that read_document lets through as ours
        return Answer(fault=traceback.format_exc())


def _forbid(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"a reading process may not use {event}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("a reading process may not write files")
