"""Strict Open XML, which Word, Excel and PowerPoint can save: told from the usual one by its names.

ISO/IEC 29500 has two classes of conformance, whose parts differ for a reader in the URIs of their
namespaces and relations alone. The libraries know those of the usual class ("transitional").
"""

import io
import re
import zipfile

_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/"
_RELATIONS = "_rels/.rels"


def is_strict(archive: zipfile.ZipFile) -> bool:
    """Tell whether an archive is a Strict Open XML file."""
    try:
        return bool(_STRICT.search(archive.read(_RELATIONS)))
    except KeyError:
        return False


def as_transitional(archive: zipfile.ZipFile) -> io.BytesIO:
    """Return the same file with the names that the libraries know."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for member in archive.infolist():
            data = archive.read(member)
            if member.filename.endswith((".xml", ".rels")):
                data = _STRICT.sub(_TRANSITIONAL, data)
            copy.writestr(member.filename, data)
    written.seek(0)
    return written
