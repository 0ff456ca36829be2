"""The smallest PDFs that show what a test is about, written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Print:
    """A line of print in Helvetica: where it begins, in points from the lower left corner."""

    text: str
    y: int
    x: int = 72
    size: int = 10


@dataclass(frozen=True, slots=True)
class Picture:
    """A grey picture that fills the page, as a scanner makes one."""


def column(*lines: str, top: int = 700, leading: int = 12) -> list[Print]:
    """Return lines one below the other."""
    return [Print(line, top - at * leading) for at, line in enumerate(lines)]


def pdf_bytes(
    pages: Sequence[Sequence[Print | Picture]],
    title: str = "",
    outline: Sequence[tuple[int, str]] = (),
) -> bytes:
    """Return a PDF with the given lines; the outline's entries are (0-based page, title)."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>"
        % (b" ".join(b"%d 0 R" % _page_id(at) for at in range(len(pages))), len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        _outline_root(len(pages), len(outline)),
        b"<< /Title %s >>" % _string(title),
    ]
    for at, page in enumerate(pages):
        objects += _page(at, page)
    first = len(objects) + 1
    for at, (page_at, entry) in enumerate(outline):
        following = b" /Next %d 0 R" % (first + at + 1) if at + 1 < len(outline) else b""
        objects.append(
            b"<< /Title %s /Parent 4 0 R /Dest [%d 0 R /Fit]%s >>"
            % (_string(entry), _page_id(page_at), following)
        )
    return _file(objects)


def _page_id(at: int) -> int:
    return 6 + 2 * at


def _outline_root(pages: int, entries: int) -> bytes:
    if not entries:
        return b"<< /Type /Outlines /Count 0 >>"
    first = _page_id(pages)
    return b"<< /Type /Outlines /First %d 0 R /Last %d 0 R >>" % (first, first + entries - 1)


def _page(at: int, page: Sequence[Print | Picture]) -> list[bytes]:
    content = b"\n".join(map(_drawn, page))
    return [
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>" % (_page_id(at) + 1),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]


def _drawn(item: Print | Picture) -> bytes:
    if isinstance(item, Picture):
        return b"q 595 0 0 842 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x80 EI Q"
    return b"BT /F1 %d Tf %d %d Td %s Tj ET" % (item.size, item.x, item.y, _string(item.text))


def _string(text: str) -> bytes:
    raw = text.encode("cp1252")
    for char in (b"\\", b"(", b")"):
        raw = raw.replace(char, b"\\" + char)
    return b"(" + raw + b")"


def _file(objects: Sequence[bytes]) -> bytes:
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"<< /Size %d /Root 1 0 R /Info 5 0 R >>" % (len(objects) + 1)
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
        trailer,
        len(data),
    )
