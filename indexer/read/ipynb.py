"""Jupyter notebooks: the text and the code of the cells, and the text that the code printed."""

import json
from collections.abc import Iterator
from pathlib import Path

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.markdown import parse_markdown
from indexer.read.text import decode


def read(path: Path, source: str) -> Document:
    """Return the document of a notebook (nbformat 4, or 3 with its worksheets).

    Raises:
        UnreadableDocument: No JSON, no notebook, or no text.
    """
    decoded = decode(path.read_bytes())
    try:
        notebook = json.loads(decoded.text)
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(
            f"It is no valid JSON ({error}).", "Get a whole copy of it."
        ) from error
    if not isinstance(notebook, dict):
        raise UnreadableDocument("It is JSON, but no notebook.", "Name it .json.")
    sheets = [notebook, *_dicts(notebook.get("worksheets"))]
    cells = [cell for sheet in sheets for cell in _dicts(sheet.get("cells"))]
    return assemble(Origin(source, "ipynb"), _blocks(cells), decoded.notes)


def _blocks(cells: list[dict[str, object]]) -> Iterator[Block]:
    for cell in cells:
        text = _joined(cell.get("source", cell.get("input")))
        if cell.get("cell_type") == "markdown":
            yield from parse_markdown(text)
        else:
            yield Block(text)
        for output in _dicts(cell.get("outputs")):
            data = output.get("data")
            shown = data.get("text/plain") if isinstance(data, dict) else output.get("text")
            yield Block(_joined(shown), tight=True)


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _joined(value: object) -> str:
    """Return nbformat's multi-line text: a string or a list of strings."""
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""
