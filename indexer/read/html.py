"""HTML: text as the browser lays it out, without what a page carries for navigation and scripts."""

import re
from pathlib import Path

from lxml import etree

from indexer.document import Document
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.html_text import VOID, TextBuilder
from indexer.read.text import Decoded, decode

_META_CHARSET = re.compile(
    rb"""(?i)<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)"""
)
_HEAD_BYTES = 4096
_XHTML = re.compile(r"<\?xml|http://www\.w3\.org/1999/xhtml")
_EMPTY_ELEMENT = re.compile(r"<([A-Za-z][\w:-]*)(\s[^<>]*)?/>")
_FEED_CHARS = 1 << 16


def read(path: Path, source: str) -> Document:
    """Return the document of an HTML file."""
    decoded = decode_html(path.read_bytes())
    title, blocks = parse_html(decoded.text)
    return assemble(Origin(source, "html", title), blocks, decoded.notes)


def decode_html(data: bytes) -> Decoded:
    """Decode by BOM, as UTF-8, as the page declares, or by looks, in this order.

    Bytes that are valid UTF-8 are UTF-8 even if the page says otherwise: the declaration is often a
    leftover, and text in another encoding is practically never valid UTF-8.
    """
    found = _META_CHARSET.search(data, 0, _HEAD_BYTES)
    return decode(data, declared=found[1].decode("ascii") if found else "")


def parse_html(text: str) -> tuple[str, list[Block]]:
    """Return title and blocks of a page; a page that is mostly navigation keeps it."""
    if _XHTML.search(text, 0, _HEAD_BYTES):
        text = _EMPTY_ELEMENT.sub(_as_pair, text)
    page = _walk(text, skip_navigation=True)
    if page.navigation_chars > sum(len(block.text) for block in page.blocks):
        page = _walk(text, skip_navigation=False)
    return page.title, page.blocks


def _walk(text: str, *, skip_navigation: bool) -> TextBuilder:
    """Feed lxml's parser into a target: no tree is built, so depth costs nothing.

    A tree stops at 256 levels and loses the rest of the page (lxml 6.1.3, libxml2 2.14.6).
    """
    target = TextBuilder(skip_navigation=skip_navigation)
    parser = etree.HTMLParser(target=target, encoding="utf-8", no_network=True, huge_tree=False)
    for start in range(0, len(text), _FEED_CHARS):
        piece = text[start : start + _FEED_CHARS]
        parser.feed(piece.encode("utf-8", errors="replace"))
    parser.close()
    return target


def _as_pair(empty: re.Match[str]) -> str:
    """Write <script/> as <script></script>: an HTML parser takes it for an opening tag."""
    name = empty[1]
    return empty[0] if name.lower() in VOID else f"<{name}{empty[2] or ''}></{name}>"
