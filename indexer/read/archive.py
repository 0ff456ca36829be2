"""Zip archives and the XML inside them: DOCX, ODT, EPUB, PPTX and XLSX are such archives."""

import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lxml import etree

from indexer.errors import UnreadableDocument
from indexer.read.strict_ooxml import as_transitional, is_strict

# The largest honest part is a spreadsheet of a few hundred MB; zip bombs declare many GB.
MAX_UNPACKED_BYTES = 2**30
MAX_MEMBERS = 100_000


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive for reading, once it is known not to unpack to more than memory holds.

    zipfile never unpacks more of a member than the directory declares, so the sum can be trusted.

    Strict Open XML is given with the usual names.

    Raises:
        UnreadableDocument: Damaged, too large, or encrypted; also while members are read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_size(archive)
            if not is_strict(archive):
                yield archive
                return
            with zipfile.ZipFile(as_transitional(archive)) as rewritten:
                yield rewritten
    except RuntimeError as error:  # zipfile's word for a member with a password
        if "encrypted" not in str(error):
            raise
        raise UnreadableDocument(
            "It is encrypted with a password.", "Save a copy without the password."
        ) from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise UnreadableDocument(
            f"Its zip archive is damaged ({error}).", "Get a whole copy of it."
        ) from error


def file_of(archive: zipfile.ZipFile, path: Path) -> str | IO[bytes]:
    """What another library is to open for an open archive: its path, or what was made of it."""
    return str(path) if archive.filename or archive.fp is None else archive.fp


def check_size(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that declares to unpack to too much."""
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise UnreadableDocument(
            f"It unpacks to {size / 2**20:,.0f} MB in {len(members):,} parts; the limit is "
            f"{MAX_UNPACKED_BYTES // 2**20:,} MB in {MAX_MEMBERS:,}.",
            "If it is no zip bomb, cut it into smaller files.",
        )


def read_xml(archive: zipfile.ZipFile, name: str) -> etree._Element | None:
    """Return the root of a member, or None where there is no such member.

    Raises:
        UnreadableDocument: The member is no well-formed XML.
    """
    try:
        data = archive.read(name)
    except KeyError:
        return None
    return parse_xml(data, name)


def parse_xml(data: bytes, name: str) -> etree._Element:
    """Parse XML that a stranger wrote: no entities, no network, no unlimited depth, no comments."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableDocument(
            f"Its part {name} is damaged ({error}).", "Get a whole copy of it."
        ) from error


def targets(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Return relation id -> (kind, part name) of what a part of an OOXML file refers to."""
    folder, name = posixpath.split(part)
    relations = read_xml(archive, f"{folder}/_rels/{name}.rels")
    return {
        relation.get("Id", ""): (
            relation.get("Type", "").rpartition("/")[2],
            posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/"),
        )
        for relation in (() if relations is None else relations)
        if relation.get("TargetMode") != "External"
    }
