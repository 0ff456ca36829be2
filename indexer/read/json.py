"""JSON and JSON Lines: every value on a line of its own, behind the keys that lead to it."""

import json
from collections.abc import Iterator
from pathlib import Path

from indexer.document import Document
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.text import decode


def read(path: Path, source: str) -> Document:
    """Return the document of a JSON or JSON Lines file; invalid JSON is read as plain text."""
    decoded = decode(path.read_bytes())
    text = decoded.text.removeprefix("\ufeff")
    notes = decoded.notes
    try:
        blocks = list(_records(text))
    except (ValueError, RecursionError) as error:
        blocks = [Block(text)]
        notes = (*notes, f"Not valid JSON ({str(error)[:100]}): read as plain text.")
    return assemble(Origin(source, "json"), blocks, notes)


def _records(text: str) -> Iterator[Block]:
    """Return a block for each item of a list, each line of JSON Lines, or the one value."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        # Only "\n" ends a record: U+2028 and U+0085 may stand inside a string.
        records: list[object] = [json.loads(line) for line in text.split("\n") if line.strip()]
    else:
        records = whole if isinstance(whole, list) else [whole]
    for record in records:
        yield Block("\n".join(_lines(record, "")))


def _lines(value: object, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, name)
    elif value is not None:
        yield f"{name}: {value}" if name else str(value)
