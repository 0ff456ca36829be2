"""Markdown: text as a person reads it, without link targets, images and markup."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from indexer.document import Document
from indexer.read.blocks import Block, Origin, assemble, row
from indexer.read.html import parse_html
from indexer.read.text import decode

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)^\1[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE)
# Links inside raw HTML blocks, where many sites (Jekyll) go on reading Markdown.
_LINK = re.compile(r"\[([^\[\]\n]{1,1000})\]\([^()\s]{1,2000}\)")
_BREAK_TAG = re.compile(r"(?i)<br\s*/?>")
# Scripts written without blanks between words: a line break inside a paragraph is no blank there.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff\uf900-\uffef]")


def read(path: Path, source: str) -> Document:
    """Return the document of a Markdown file."""
    decoded = decode(path.read_bytes())
    text = decoded.text.replace("\r\n", "\n").removeprefix("\ufeff")
    title = ""
    if front := _FRONT_MATTER.match(text):
        if named := _TITLE.search(front[2]):
            title = named[1].strip().strip("\"'")
        text = text[front.end() :]
    return assemble(Origin(source, "md", title), parse_markdown(text), decoded.notes)


def parse_markdown(text: str) -> list[Block]:
    """Return the blocks of CommonMark with tables and strikethrough."""
    return _Walk().blocks_of(_parser().parse(text))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    # Nobody sees where links lead: they need not be spelt as addresses.
    parser.normalizeLink = str  # type: ignore[method-assign]
    return parser


class _Walk:
    """Goes through the tokens of one text, holding the open lists and the open row."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._lists: list[int | None] = []  # the number of the next item; None: a bullet list
        self._list_begins = False
        self._mark = ""
        self._tight = False
        self._cells: list[str] | None = None
        self._level = 0

    def blocks_of(self, tokens: Sequence[Token]) -> list[Block]:
        for token in tokens:
            if token.type == "inline":
                self._take(inline_text(token.children or []))
            elif token.type in ("fence", "code_block"):
                self._take(token.content)
            elif token.type == "html_block":
                self.blocks += parse_html(_LINK.sub(r"\1", token.content))[1]
            elif token.type == "tr_close":
                self.blocks.append(Block(row(self._cells or []), tight=self._tight))
                self._cells, self._tight = None, True
            else:
                self._structure(token)
        return self.blocks

    def _structure(self, token: Token) -> None:
        """Take the opening or closing of something that holds text."""
        if token.type in ("heading_open", "heading_close"):
            self._level = int(token.tag[1]) if token.nesting == 1 else 0
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            self._list_begins = not self._lists
            bullets = token.type == "bullet_list_open"
            self._lists.append(None if bullets else int(token.attrs.get("start", 1)))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
        elif token.type == "list_item_open":
            self._begin_item()
        elif token.type == "tr_open":
            self._cells = []
        elif token.type in ("table_open", "table_close", "list_item_close"):
            self._tight = False

    def _begin_item(self) -> None:
        number = self._lists[-1]
        self._mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._tight = not self._list_begins
        self._list_begins = False

    def _take(self, text: str) -> None:
        if self._cells is not None:
            self._cells.append(text)
            return
        self.blocks.append(Block(self._mark + text, level=self._level, tight=self._tight))
        self._mark, self._tight = "", False


def inline_text(tokens: Sequence[Token]) -> str:
    """Return what a reader sees of inline markup; images and raw tags are not seen."""
    parts: list[str] = []
    for at, token in enumerate(tokens):
        if token.type in ("text", "code_inline", "text_special"):
            parts.append(token.content)
        elif token.type == "hardbreak" or _BREAK_TAG.fullmatch(token.content):
            parts.append("\n")
        elif token.type == "softbreak":
            ahead = tokens[at + 1].content if at + 1 < len(tokens) else ""
            parts.append(_soft_break("".join(parts[-1:]), ahead))
    return "".join(parts)


def _soft_break(before: str, after: str) -> str:
    unspaced = _UNSPACED.match(before[-1:]) and _UNSPACED.match(after[:1])
    return "" if unspaced else " "
