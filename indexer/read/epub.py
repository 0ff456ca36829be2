"""EPUB: the chapters in reading order, each read as HTML."""

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.archive import open_archive, read_xml
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.html import decode_html, parse_html

# What LibreOffice writes where there is none.
_NO_TITLE = "Unknown Title"
_CONTAINER = "META-INF/container.xml"
_PAGE_TYPES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def read(path: Path, source: str) -> Document:
    """Return the document of an EPUB; its navigation page is no part of the text.

    Raises:
        UnreadableDocument: Damaged, encrypted (DRM), or without text.
    """
    with open_archive(path) as archive:
        package_name, package = _package(archive)
        blocks: list[Block] = []
        missing = 0
        for name in dict.fromkeys(_spine(package_name, package)):
            try:
                data = archive.read(name)
            except KeyError:
                missing += 1
                continue
            blocks += parse_html(decode_html(data).text)[1]
        notes = [f"{missing} chapters are missing in the file."] if missing else []
        if_empty = "Its text may be encrypted (DRM)." if _has_drm(archive) else ""
    title = package.findtext("{*}metadata/{*}title") or ""
    if title == _NO_TITLE:
        title = ""
    return assemble(Origin(source, "epub", title), blocks, notes, if_empty)


def _package(archive: zipfile.ZipFile) -> tuple[str, etree._Element]:
    """Return the package document (OPF) and its name."""
    container = read_xml(archive, _CONTAINER)
    root = None if container is None else container.find(".//{*}rootfile")
    name = "" if root is None else root.get("full-path", "")
    package = read_xml(archive, name)
    if package is None:
        raise UnreadableDocument("The EPUB has no package document.", "Get a whole copy of it.")
    return name, package


def _spine(package_name: str, package: etree._Element) -> Iterator[str]:
    """Return the archive names of the chapters in reading order."""
    folder = posixpath.dirname(package_name)
    items = {item.get("id"): item for item in package.iterfind("{*}manifest/{*}item")}
    for reference in package.iterfind("{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or "nav" in item.get("properties", "").split():
            continue
        if item.get("media-type") in _PAGE_TYPES:
            href = unquote(item.get("href", "").partition("#")[0])
            yield posixpath.normpath(posixpath.join(folder, href))


def _has_drm(archive: zipfile.ZipFile) -> bool:
    return "META-INF/encryption.xml" in archive.namelist()
