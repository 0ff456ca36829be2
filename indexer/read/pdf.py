"""PDF by PDFium: the one free library that gives right-to-left and Indic text in logical order.

PDFium is not thread-safe: read PDFs in processes, not in threads.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.blocks import Origin, assemble
from indexer.read.pdf_edges import without_edges
from indexer.read.pdf_lines import Line, page_lines
from indexer.read.pdf_marks import mend_rtl, mirrored
from indexer.read.pdf_paragraphs import paragraphs

# The largest books have some 5,000 pages; a damaged page tree can claim millions.
_MAX_PAGES = 20_000
_MAX_OUTLINE_DEPTH = 15
_NO_TITLE = re.compile(
    r"(?i)^(untitled|unknown|slide 1|layout 1|title|document\d*|microsoft word)?$"
)
_FILE_NAME = re.compile(r"(?i)^\S+\.(docx?|pdf|tex|dvi|indd|pptx?|xlsx?|odt|rtf|qxd|html?)$")
_MADE_BY = re.compile(r"(?i)^microsoft (word|powerpoint|excel) - ")
_PICTURES = (
    pdfium_c.FPDF_PAGEOBJ_IMAGE, pdfium_c.FPDF_PAGEOBJ_SHADING, pdfium_c.FPDF_PAGEOBJ_PATH
)  # fmt: skip
# Fewer lines are the frame of a page that is blank on purpose.
_DRAWN = 20
_DAMAGED = "Pages of it are damaged: repair it (qpdf IN.pdf OUT.pdf), or get a whole copy."
_OCR = "If it is scanned, run OCR on it first: ocrmypdf IN.pdf OUT.pdf"


def read(path: Path, source: str) -> Document:
    """Return the document of a PDF, page by page.

    Raises:
        UnreadableDocument: Encrypted, damaged, or without text.
    """
    pdf = _open(path)
    try:
        pages, notes, failed = _pages(pdf)
        scanned = tuple(at + 1 for at, page in enumerate(pages) if not page and _pictured(pdf, at))
        origin = Origin(source, "pdf", _title(pdf))
        titles = _outline(pdf)
    finally:
        pdf.close()
    kept, removed = without_edges(_mended(pages))
    if_empty = _DAMAGED if failed else _OCR
    document = assemble(origin, paragraphs(kept, titles), (*notes, *removed), if_empty)
    return replace(document, scanned_pages=scanned)


def _open(path: Path) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
            raise UnreadableDocument(
                "It is encrypted with a password.",
                "Save a copy without the password: qpdf --decrypt --password=... IN.pdf OUT.pdf",
            ) from error
        finding = str(error).rpartition("PDFium: ")[2].rstrip(").").replace("Success", "no pages")
        raise UnreadableDocument(
            f"The PDF is damaged (PDFium: {finding}).",
            "Repair it: qpdf IN.pdf OUT.pdf, or get a whole copy.",
        ) from error


def _pages(pdf: pdfium.PdfDocument) -> tuple[list[list[Line]], list[str], bool]:
    """Return the lines of all pages, notes about pages that gave none, and whether any failed."""
    total = min(len(pdf), _MAX_PAGES)
    pages: list[list[Line]] = []
    failed: list[int] = []
    for index in range(total):
        try:
            pages.append(_lines(pdf, index))
        except pdfium.PdfiumError:
            failed.append(index + 1)
            pages.append([])
    notes = []
    if len(pdf) > total:
        notes.append(f"Only the first {total} of {len(pdf)} pages were read.")
    if failed:
        notes.append(f"{len(failed)} of {total} pages are damaged: {_listed(failed)}.")
    return pages, notes, bool(failed)


def _lines(pdf: pdfium.PdfDocument, index: int) -> list[Line]:
    page = pdf[index]
    try:
        text_page = page.get_textpage()
        try:
            return page_lines(text_page, index + 1)
        finally:
            text_page.close()
    finally:
        page.close()


def _pictured(pdf: pdfium.PdfDocument, index: int) -> bool:
    """Tell whether a page shows pictures, or drawings as of text that was turned into outlines."""
    try:
        page = pdf[index]
    except pdfium.PdfiumError:
        return False  # noted as damaged
    try:
        kinds = [found.type for found in page.get_objects(filter=_PICTURES, max_depth=2)]
    finally:
        page.close()
    return any(kind != pdfium_c.FPDF_PAGEOBJ_PATH for kind in kinds) or len(kinds) >= _DRAWN


def _mended(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Return the pages with their right-to-left lines put right."""
    turn = mirrored(line.text for page in pages for line in page if line.right_to_left)
    return [
        [
            replace(line, text=mend_rtl(line.text, turn_brackets=turn))
            if line.right_to_left
            else line
            for line in page
        ]
        for page in pages
    ]


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"{shown} ..." if len(numbers) > 10 else shown


def _title(pdf: pdfium.PdfDocument) -> str:
    """Return the title that a person gave, not the one that a program left."""
    title = _MADE_BY.sub("", pdf.get_metadata_value("Title").strip())
    return "" if _NO_TITLE.match(title) or _FILE_NAME.match(title) else title


def _outline(pdf: pdfium.PdfDocument) -> Mapping[int, list[tuple[int, str]]]:
    """Return 1-based page -> (level, title) of the bookmarks that point to it."""
    titles: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for mark in pdf.get_toc(max_depth=_MAX_OUTLINE_DEPTH):
        target = mark.get_dest()
        index = target.get_index() if target else None
        if index is not None:
            titles[index + 1].append((min(6, mark.level + 1), mark.get_title()))
    return titles
