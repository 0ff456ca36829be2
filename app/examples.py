"""questions.jsonl -> a few questions to begin with, where the folder of documents brings some.

It is the file that `eval` judges an index by. The folder is known from the index, and both may come
from a stranger: only an ordinary file is read, only its beginning, and its texts stay texts.
"""

import json
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.language import detect_language
from retriever.snippet import clean_line

FILE_NAME = "questions.jsonl"
MOST_BYTES = 1_000_000
MOST_EXAMPLES = 6
# Longer ones would fill the page.
MOST_CHARS = 120
# Questions whose language is not given and has to be detected, at half a millisecond each.
MOST_DETECTED = 200


@dataclass(frozen=True, slots=True)
class Example:
    """A question, and the code of its language."""

    question: str
    language: str


def read_examples(folder: Path, sources: Collection[str]) -> tuple[Example, ...]:
    """Choose questions of a folder's own file, each in another language and about another source.

    Args:
        folder: That of the documents.
        sources: Those of the index; questions about others are not for it.
    """
    chosen: dict[str, Example] = {}
    detected = 0
    for question, language, source in _asked(folder / FILE_NAME):
        if len(chosen) == MOST_EXAMPLES:
            break
        if source in chosen or source not in sources:
            continue
        if not language:
            detected += 1
            if detected > MOST_DETECTED:
                continue
            language = detect_language(question)
        if language not in {example.language for example in chosen.values()}:
            chosen[source] = Example(question, language)
    return tuple(chosen.values())


def _asked(path: Path) -> Iterator[tuple[str, str, str]]:
    """Question, language and source of the lines that have a question of a fitting length."""
    for line in _beginning(path).decode("utf-8", "replace").split("\n"):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(fields, dict):
            continue
        question, language, source = (
            value if isinstance(value, str) else ""
            for value in (fields.get(name) for name in ("question", "language", "source"))
        )
        question = clean_line(question)
        if 0 < len(question) <= MOST_CHARS:
            yield question, clean_line(language), source


def _beginning(path: Path) -> bytes:
    """Nothing where there is no ordinary file; a pipe or a device is never waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):  # a folder's name with a zero in it, from a stranger
        return b""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return b""
    with os.fdopen(handle, "rb") as file:
        try:
            return file.read(MOST_BYTES)
        except OSError:
            return b""
