"""What a reading process answers, as bytes: a length, then JSON. Never pickle.

The process has parsed a stranger's file, so its answer is a stranger's too: types, spans and sizes
are checked before any of it is believed.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from indexer.document import Document

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one file; exactly one field is set.

    Attributes:
        document: It was read.
        unreadable: It cannot be read: the reason, and what helps or "".
        forbidden: The operating system refused it: errno and its words.
        no_memory: It needs more memory than it may have.
        fault: A mistake of this program, as a traceback.
    """

    document: Document | None = None
    unreadable: tuple[str, str] | None = None
    forbidden: tuple[int, str] | None = None
    no_memory: bool = False
    fault: str = ""


class WireError(ValueError):
    """An answer is not what a sound reading process sends."""


def pack(answer: Answer) -> bytes:
    """Return the answer as bytes, its length first."""
    data = json.dumps(asdict(answer), ensure_ascii=False).encode("utf-8", "replace")
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


def unpack(data: bytes, source: str) -> Answer:
    """Return the answer for the file `source`; `data` is without its length.

    Raises:
        WireError: It makes no sense.
    """
    from pydantic import ValidationError

    try:
        answer = _answers().validate_json(data, strict=True)
    except ValidationError as error:
        raise WireError(str(error.errors()[0]["msg"])) from error
    if answer.document is not None:
        _check(answer.document, source)
    return answer


def _check(document: Document, source: str) -> None:
    size, at = len(document.text), 0
    if document.source != source or not size:
        raise WireError("it is not the document that was asked for")
    for page in document.pages:
        if not (page.number > 0 and at == page.start <= page.end <= size):
            raise WireError("its pages do not cover its text")
        at = page.end
    if document.pages and at != size:
        raise WireError("its pages do not cover its text")
    at = 0
    for heading in document.headings:
        if not (heading.level > 0 and at <= heading.start <= heading.end <= size):
            raise WireError("its headings lie outside its text")
        at = heading.start


@cache
def _answers() -> "TypeAdapter[Answer]":
    """Only the parent checks answers: a child starts a third faster without pydantic."""
    from pydantic import TypeAdapter

    return TypeAdapter(Answer)
