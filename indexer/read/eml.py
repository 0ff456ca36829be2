"""E-mail (EML): who, to whom, when, about what, and the text; attachments are named."""

import email
import email.policy
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.html import parse_html
from indexer.read.text import decode

_HEADERS = ("From", "To", "Cc", "Date")
# Mails forwarded inside mails nest; deeper than this only tests and attacks go.
_MAX_DEPTH = 10
_SHOWN = 10


def read(path: Path, source: str) -> Document:
    """Return the document of one message: subject as heading, main headers, then the text.

    Raises:
        UnreadableDocument: The file has no headers, or holds no text.
    """
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    if not message.keys():
        raise UnreadableDocument("It has no e-mail headers.", "Check where it comes from.")
    subject = _header(message, "Subject")
    attached = list(_attached(message))
    shown = ", ".join(attached[:_SHOWN]) + (" ..." if len(attached) > _SHOWN else "")
    notes = [f"{len(attached)} attachments were not read: {shown}."] if attached else []
    return assemble(Origin(source, "eml", subject), _blocks(message), notes)


def _blocks(message: Message, depth: int = 0) -> Iterator[Block]:
    yield Block(_header(message, "Subject"), level=min(6, depth + 1))
    lines = (f"{name}: {value}" for name in _HEADERS if (value := _header(message, name)))
    yield Block("\n".join(lines))
    yield from _body(message, depth)


def _body(part: Message, depth: int) -> Iterator[Block]:
    """Return the text of a part; of alternatives the plainest one that says anything."""
    if depth > _MAX_DEPTH:
        return
    kind = part.get_content_type()
    children = part.get_payload() if part.is_multipart() else []
    inner = [child for child in children if isinstance(child, Message)]
    if kind == "message/rfc822":
        for child in inner:
            yield from _blocks(child, depth + 1)
    elif kind == "multipart/alternative":
        options = (list(_body(child, depth + 1)) for child in inner)
        yield from next((blocks for blocks in options if any(b.text.strip() for b in blocks)), [])
    elif inner:
        for child in inner:
            yield from _body(child, depth + 1)
    elif kind in ("text/plain", "text/html") and not _is_attachment(part):
        text = _text(part)
        yield from parse_html(text)[1] if kind == "text/html" else [Block(text)]


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or not payload.strip():
        return ""
    return decode(payload, declared=part.get_content_charset() or "").text


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _attached(message: Message) -> Iterator[str]:
    for part in message.walk():
        if not part.is_multipart() and (
            _is_attachment(part) or part.get_content_maintype() != "text"
        ):
            yield part.get_filename() or part.get_content_type()


def _header(message: Message, name: str) -> str:
    try:
        value = message.get(name, "")
    # The parser of structured headers fails in many ways on malformed ones (seen with Python 3.11);
    # such a header is left out, the mail is still read.
    except (IndexError, AttributeError, ValueError, TypeError, LookupError):
        return ""
    return str(value)
