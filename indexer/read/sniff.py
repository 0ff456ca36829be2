"""What a file is, by its first bytes: suffixes lie."""

import re
import zipfile
from pathlib import Path

from indexer.errors import UnreadableDocument

_HEAD_BYTES = 4096
_HTML = re.compile(
    rb"(?i)\s*(<\?xml[^>]*>\s*)?(<!--(?:(?!-->).)*-->\s*)*+<(!doctype\s+html|html)[\s>]", re.DOTALL
)
_MIMETYPES = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
}
_OFFICE_PARTS = {
    "word/document.xml": "docx",
    "ppt/presentation.xml": "pptx",
    "xl/workbook.xml": "xlsx",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OOXML = "EncryptedPackage".encode("utf-16-le")
# What else a file can be that has no text for us: first bytes -> what it is.
_OTHERS = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"ID3", "an MP3 sound"),
    (b"OggS", "an Ogg sound"),
)


def format_by_content(path: Path) -> str:
    """Return the format that the first bytes show, or "" where they show none.

    Raises:
        UnreadableDocument: The bytes show something that holds no text for us.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if b"%PDF-" in head[:1024]:  # readers allow junk before it (ISO 32000-1, annex H.3.4.1)
        return "pdf"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(b"PK\x03\x04"):
        return _format_of_zip(path)
    if head.startswith(_OLE):
        raise _ole(path)
    for magic, name in _OTHERS:
        if head.startswith(magic):
            raise UnreadableDocument(f"It is {name}, whatever its name says.")
    return "html" if _HTML.match(head) else ""


def _format_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            mimetype = ""
            if "mimetype" in names and archive.getinfo("mimetype").file_size < _HEAD_BYTES:
                mimetype = archive.read("mimetype").decode("ascii", "replace").strip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise UnreadableDocument(
            f"Its zip archive is damaged ({error}).", "Get a whole copy of it."
        ) from error
    if mimetype in _MIMETYPES:
        return _MIMETYPES[mimetype]
    for part, name in _OFFICE_PARTS.items():
        if part in names:
            return name
    if "META-INF/container.xml" in names:
        return "epub"
    raise UnreadableDocument(
        "It is a zip archive of no format that is read.",
        "Unpack it if it holds documents; otherwise convert it to PDF or DOCX.",
    )


def _ole(path: Path) -> UnreadableDocument:
    """Old Office files, and new ones with a password, share one container."""
    with path.open("rb") as file:
        encrypted = _ENCRYPTED_OOXML in file.read(1 << 24)
    if encrypted:
        return UnreadableDocument(
            "It is encrypted with a password.", "Save a copy without the password."
        )
    return UnreadableDocument(
        "It is in the binary format of Office 97 to 2003.", "Save it as DOCX, XLSX, PPTX or PDF."
    )
