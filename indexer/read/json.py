"""JSON and JSON Lines: every value on a line of its own, behind the keys that lead to it."""

import json
from collections.abc import Iterator
from pathlib import Path

from indexer.document import Document
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.text import decode

_MOST_NAMED = 10


def read(path: Path, source: str) -> Document:
    """Return the document of a JSON or JSON Lines file; what is no JSON stays plain text."""
    decoded = decode(path.read_bytes())
    text = decoded.text.removeprefix("\ufeff")
    notes = decoded.notes
    try:
        whole = json.loads(text)
        blocks = _blocks(whole if isinstance(whole, list) else [whole])
    except (ValueError, RecursionError) as error:
        blocks, broken = _by_lines(text)
        if not blocks:
            blocks = [Block(text)]
            notes = (*notes, f"Not valid JSON ({str(error)[:100]}): read as plain text.")
        elif broken:
            named = ", ".join(map(str, broken[:_MOST_NAMED])) + ", ..." * (
                len(broken) > _MOST_NAMED
            )
            notes = (*notes, f"Not valid JSON, read as plain text: line {named}.")
    return assemble(Origin(source, "json"), blocks, notes)


def _by_lines(text: str) -> tuple[list[Block], list[int]]:
    """Read JSON Lines: blocks, and the numbers of the lines that are no JSON and stay as they are.

    No blocks where some are no JSON and fewer than half an object or a list: it is no such file.
    """
    blocks: list[Block] = []
    broken: list[int] = []
    records = 0
    # Only "\n" ends a record: U+2028 and U+0085 may stand inside a string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            blocks += _blocks([record])
            records += isinstance(record, dict | list)
        except (ValueError, RecursionError):
            blocks.append(Block(line))
            broken.append(number)
    is_lines = not broken or 2 * records >= len(blocks)
    return (blocks, broken) if is_lines else ([], [])


def _blocks(records: list[object]) -> list[Block]:
    return [Block("\n".join(_lines(record, ""))) for record in records]


def _lines(value: object, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, name)
    elif value is not None:
        yield f"{name}: {value}" if name else str(value)
