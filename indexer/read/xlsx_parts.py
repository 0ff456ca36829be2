"""What openpyxl's fast reader leaves out of a sheet: merged cells, comments, missing results."""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree
from openpyxl.utils.cell import range_boundaries

from indexer.read.archive import read_xml, targets

_REL_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_WORKBOOK = "xl/workbook.xml"
_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\s+ref=\"([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})\"")
# A formula at the end of its cell, or before an empty value: programs that write no results. Where
# the cell says that it is of text (t="str"), the result is there, and empty.
_NO_RESULT = re.compile(
    rb"<(?:\w+:)?c(?=[\s>])(?![^<>]*\st=[\"']str[\"'])[^<>]*>\s*"
    rb"<(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</)"
)
# A cell with its formula, of at most 8,192 characters, fits into the overlap.
_READ_BYTES, _OVERLAP_BYTES = 1 << 20, 1 << 16
_ROW = re.compile(r"[0-9]{1,7}")
# A sheet may name a merged cell for each of its cells.
_MOST_MERGED = 100_000


@dataclass(frozen=True, slots=True)
class SheetParts:
    """What stands beside the cells of a sheet.

    Attributes:
        merged: (first row, last row, column) of each merged cell of several rows, 1-based.
        comments: Row -> what was noted at its cells, in their order.
        lacks_results: Whether a formula has no stored result.
    """

    merged: tuple[tuple[int, int, int], ...] = ()
    comments: Mapping[int, Sequence[str]] = field(default_factory=dict)
    lacks_results: bool = False


def sheet_parts(archive: zipfile.ZipFile) -> dict[str, SheetParts]:
    """Return them by the title of the sheet."""
    book = read_xml(archive, _WORKBOOK)
    parts = targets(archive, _WORKBOOK)
    found = {}
    for sheet in () if book is None else book.iterfind("{*}sheets/{*}sheet"):
        _, name = parts.get(sheet.get(_REL_ID, ""), ("", ""))
        if name in archive.namelist():
            merged, lacks = _scan(archive, name)
            found[sheet.get("name", "")] = SheetParts(merged, _comments(archive, name), lacks)
    return found


def _scan(archive: zipfile.ZipFile, name: str) -> tuple[tuple[tuple[int, int, int], ...], bool]:
    """Look through a sheet's part as it is unpacked; it may be too large to be held."""
    ranges: dict[bytes, None] = {}
    lacks, tail = False, b""
    with archive.open(name) as file:
        while data := file.read(_READ_BYTES):
            data = tail + data
            lacks = lacks or bool(_NO_RESULT.search(data))
            ranges |= dict.fromkeys(_MERGE.findall(data))
            tail = data[-_OVERLAP_BYTES:]
            if len(ranges) > _MOST_MERGED:
                break
    merged = []
    for text in ranges:
        column, first, _, last = range_boundaries(text.decode("ascii"))
        if last > first:
            merged.append((first, last, column))
    return tuple(merged), lacks


def _comments(archive: zipfile.ZipFile, sheet: str) -> dict[int, list[str]]:
    """Return row -> comments; the newer kind, with its replies, where a cell has it.

    Beside it programs write the older kind, with a sentence about their version of Excel.
    """
    parts = sorted(targets(archive, sheet).values(), key=lambda part: part[0] != "threadedComment")
    newer: set[str] = set()
    found: dict[int, list[str]] = {}
    for kind, name in parts:
        root = read_xml(archive, name) if kind in ("threadedComment", "comments") else None
        for comment in () if root is None else root.iter("{*}threadedComment", "{*}comment"):
            place = comment.get("ref", "")
            if kind == "threadedComment":
                newer.add(place)
                text = comment.findtext("{*}text") or ""
            else:
                text = "" if place in newer else "".join(_texts(comment))
            row = _ROW.search(place)
            if text.strip():
                found.setdefault(int(row[0]) if row else 1, []).append(text.strip())
    return found


def _texts(comment: etree._Element) -> Iterator[str]:
    """Return its text without phonetic readings."""
    for part in comment.iterfind("{*}text"):
        for text in part.iter("{*}t"):
            if not text.getparent().tag.endswith("rPh"):
                yield text.text or ""
