"""RTF by striprtf: its text, without formatting."""

import re
from pathlib import Path

from striprtf.striprtf import rtf_to_text

from indexer.document import Document
from indexer.read.blocks import Block, Origin, assemble

# Titles outside ASCII come as question marks: the first heading is better than those.
_TITLE = re.compile(r"\{\\title ([^{}\\?]+)\}")


def read(path: Path, source: str) -> Document:
    """Return the document of an RTF file; its code pages are undone by striprtf."""
    rtf = path.read_bytes().decode("latin-1")
    text = rtf_to_text(rtf, errors="replace")  # type: ignore[no-untyped-call]
    title = _TITLE.search(rtf)
    return assemble(Origin(source, "rtf", title[1] if title else ""), [Block(text)])
