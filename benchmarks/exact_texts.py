"""The exact text of a file, by a route that shares little with the readers it is to judge."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from lxml import etree, html
from markdown_it import MarkdownIt

_INLINE = frozenset(
    """a abbr acronym b bdi bdo big cite code em font i kbd mark q rb ruby s samp small span strong
    sub sup tt u var""".split()  # noqa: SIM905
)
# Readings over ideographs would part words, and navigation is marked as not being the page's text.
_NOT_TEXT = "//script | //style | //rt | //rp | //nav | //*[@role='navigation']"
# In raw HTML many sites go on reading Markdown, which CommonMark does not.
_LINK_TARGET = re.compile(r"\]\([^()\s]+\)")
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?^\1$", re.DOTALL | re.MULTILINE)


def exact_texts(path: Path, page: Path) -> list[str]:
    """Return the exact text of a file, in all countings; none where it is not known.

    Args:
        path: The file.
        page: The HTML page of the same text, if it exists.
    """
    if path.suffix == ".txt":
        return [path.read_text("utf-8")]
    if path.suffix == ".epub":
        chapters = [_bodies(chapter) for chapter in _spine(path)]
        return [" ".join(parts) for parts in zip(*chapters, strict=True)]
    if path.suffix == ".md":
        text = _FRONT_MATTER.sub("", path.read_text("utf-8"))
        rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
        rendered = _LINK_TARGET.sub("]", rendered)
        return _bodies(f"<html><body>{rendered}</body></html>".encode())
    return _bodies(page.read_bytes()) if page.exists() else []


def _spine(path: Path) -> Iterator[bytes]:
    """The chapters of an EPUB in reading order, but for the navigation page."""
    with zipfile.ZipFile(path) as book:
        container = etree.fromstring(book.read("META-INF/container.xml"))
        package_path = container.xpath("string(//*[local-name()='rootfile']/@full-path)")
        package = etree.fromstring(book.read(package_path))
        names = dict.fromkeys(
            unquote(entry.get("href").partition("#")[0])
            for item in package.xpath("//*[local-name()='itemref']/@idref")
            for entry in package.xpath("//*[local-name()='item'][@id=$id]", id=item)
            if "nav" not in entry.get("properties", "").split()
        )
        for name in names:
            yield book.read((PurePosixPath(package_path).parent / name).as_posix())


def _bodies(page: bytes) -> list[str]:
    """The text of a page by a route that shares nothing with our reader but lxml.

    Once with every tag between two words, once with block elements alone.
    """
    body = html.fromstring(page, parser=html.HTMLParser(encoding="utf-8")).find("body")
    if body is None:
        return ["", ""]
    for hidden in body.xpath(_NOT_TEXT):
        hidden.drop_tree()
    return [" ".join(body.itertext()), "".join(_shown(body))]


def _shown(element: html.HtmlElement) -> Iterator[str]:
    edge = "" if element.tag in _INLINE else " "
    yield edge + (element.text or "")
    for child in element:
        if isinstance(child.tag, str):
            yield from _shown(child)
        yield child.tail or ""
    yield edge
