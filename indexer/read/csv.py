"""CSV and TSV: one line a row."""

import csv
import io
from pathlib import Path

from indexer.document import Document
from indexer.read.blocks import Block, Origin, assemble, row
from indexer.read.text import decode

_SNIFF_CHARS = 4096
_DELIMITERS = ",;\t|"


def read(path: Path, source: str) -> Document:
    """Return the document of a table in text form."""
    decoded = decode(path.read_bytes())
    text = decoded.text.replace("\0", " ").removeprefix("\ufeff")
    # A cell may hold a whole text; the file is in memory already.
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    rows = csv.reader(io.StringIO(text, newline=""), _dialect(text, path.suffix.lower()))
    blocks = [Block(row(cells), tight=at > 0) for at, cells in enumerate(rows)]
    return assemble(Origin(source, "csv"), blocks, decoded.notes)


def _dialect(text: str, suffix: str) -> type[csv.Dialect]:
    if suffix == ".tsv":
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(text[:_SNIFF_CHARS], _DELIMITERS)
    except csv.Error:  # one column, or too irregular to tell
        return csv.excel
