"""cards -> HTML in which every text from outside is a text node.

Why HTML at all: `st.text` is literal, but it can neither mark a sentence inside a paragraph nor say
`lang` and `dir`; everything else in Streamlit reads Markdown, :emoji:, $LaTeX$ and colours. So the
page builds a tree of its own elements and lets the standard library write it down. No HTML is ever
pasted together from strings: a text becomes `element.text`, and cannot be anything else.
"""

import re
from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from app.examples import Example
from app.view_model import Card, IndexFacts, LanguageCount
from encoder.errors import RagError
from retriever.snippet import clean_line

# Longer lists of unread files stay in `python -m indexer ls`.
MOST_UNREAD = 100

WHY_TOKENS = (
    "The first sentences by how near the question's words come to theirs (1 is nearest); marked "
    "are the words in which the question found most of what it asks for."
)
WHY_SENTENCES = (
    "The first sentences by their own nearness to the question (1 is nearest). This encoder does "
    "not show which words carried it."
)

_LANGUAGE_TAG = re.compile("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def card_html(card: Card) -> str:
    """One hit: where it stands, how near it is, the snippet, and the whole passage to unfold."""
    article = Element("article", {"class": "ct-card"})
    head = _add(article, "header", "ct-head")
    _add(head, "span", "ct-rank", str(card.rank))
    where = _add(head, "div", "ct-where")
    _add(where, "bdi", "ct-source", card.source)
    if card.page is not None:
        _add(where, "span", "ct-page", f"page {card.page}")
    meta = _add(head, "div", "ct-meta")
    _language_badge(meta, card.language, card.language_name)
    if card.confidence in ("strong", "possible"):  # "weak" says nothing, and would seem to warn
        _add(meta, "span", f"ct-sure ct-{card.confidence}", card.confidence)
    score = _add(meta, "span", "ct-score", f"{card.score_kind} ")
    _add(score, "b", "", card.score)
    if card.heading:
        _passage_text(_add(article, "p", "ct-heading", card.heading), card)
    _snippet(article, card)
    if card.also_in:
        also = _add(article, "details", "ct-more ct-also")
        _add(also, "summary", "", f"Also in: {card.also_in}")
        places = _add(also, "ul", "ct-unread")
        for place in card.also_at:
            _add(_add(places, "li", ""), "bdi", "", place)
    if card.why:
        _why(article, card)
    details = _add(article, "details", "ct-whole")
    _add(details, "summary", "", "Whole passage")
    for paragraph in card.paragraphs:
        _passage_text(_add(details, "p", "", paragraph), card)
    return _written(article)


def header_html() -> str:
    """Name and purpose."""
    header = Element("header")
    _add(header, "h1", "ct-name", "Crosstongue")
    _add(header, "p", "ct-tagline", "Search a folder of documents across its languages.")
    return _written(header)


def facts_html(facts: IndexFacts) -> str:
    """The index in the side bar."""
    box = Element("div", {"class": "ct-facts"})
    names = _add(box, "dl", "ct-list")
    _add(names, "dt", "", "Folder")
    folder = _add(names, "dd", "")
    _add(folder, "bdi", "", PurePath(facts.folder).name or facts.folder)
    folder.set("title", facts.folder)  # the whole path would fill the side bar
    for name, value in (
        ("Documents", f"{facts.documents:,}"),
        ("Passages", f"{facts.passages:,}"),
        ("Encoder", f"{facts.encoder} ({facts.dim} dimensions)"),
        ("Licence", facts.licence + ("" if facts.commercial_use else " (no commercial use)")),
        ("Built", facts.built or "still being built"),
    ):
        _add(names, "dt", "", name)
        _add(_add(names, "dd", ""), "bdi", "", value)
    languages = _add(box, "details", "ct-more")
    _add(languages, "summary", "", counted(len(facts.languages), "language"))
    _language_list(languages, facts.languages)
    if facts.unread:
        _unread(box, facts)
    return _written(box)


def languages_html(languages: Iterable[LanguageCount]) -> str:
    """The languages of the index, with their numbers of passages."""
    box = Element("div", {"class": "ct-start"})
    _language_list(box, languages)
    return _written(box)


def error_html(error: RagError) -> str:
    """What happened, and the next step."""
    return notice_html("error", error.what, error.next_step)


def notice_html(kind: str, what: str, next_step: str = "") -> str:
    """A sentence and the next step; kind is "error", "warning" or "info"."""
    role = "alert" if kind == "error" else "status"
    box = Element("div", {"class": f"ct-notice ct-{kind}", "role": role})
    _add(box, "p", "ct-what", clean_line(what))
    if next_step:
        _add(box, "p", "ct-next", clean_line(next_step))
    return _written(box)


def group_html(name: str) -> str:
    """What stands above a group of controls."""
    heading = Element("p", {"class": "ct-group"})
    heading.text = name
    return _written(heading)


def examples_html(examples: Iterable[Example]) -> str:
    """Questions as links to their own results; a link's text is literal, a button's is Markdown."""
    box = Element("div", {"class": "ct-examples"})
    _add(box, "p", "ct-line", "For instance:")
    lines = _add(box, "ul", "")
    for example in examples:
        link = _add(_add(lines, "li", ""), "a", "", example.question)
        link.set("href", f"?q={quote(example.question, safe='', errors='replace')}")
        _in_language(link, example.language)
    return _written(box)


def line_html(text: str) -> str:
    """One dim line."""
    line = Element("p", {"class": "ct-line"})
    line.text = clean_line(text)
    return _written(line)


def counted(number: int, noun: str) -> str:
    """Number and noun: "1 passage", "2,000 passages"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _snippet(article: Element, card: Card) -> None:
    snippet = _add(article, "p", "ct-snippet", card.before)
    _passage_text(snippet, card)
    # Where everything would be marked, nothing is.
    best = _add(snippet, "mark" if card.before or card.after else "span", "", card.best)
    best.tail = card.after


def _why(article: Element, card: Card) -> None:
    details = _add(article, "details", "ct-more ct-why")
    _add(details, "summary", "", "Why this passage")
    lines = _add(details, "ol", "")
    for reason in card.why:
        line = _add(lines, "li", "")
        _add(line, "b", "ct-share", reason.score)
        sentence = _add(line, "p", "")
        _passage_text(sentence, card)
        for text, carried in reason.parts:
            _add(sentence, "mark" if carried else "span", "", text)
    _add(details, "p", "ct-how", WHY_TOKENS if card.words_known else WHY_SENTENCES)


def _passage_text(element: Element, card: Card) -> None:
    _in_language(element, card.language)


def _in_language(element: Element, language: str) -> None:
    """The browser finds the direction by the text; the language decides about glyphs and voice."""
    element.set("dir", "auto")
    if _LANGUAGE_TAG.fullmatch(language):
        element.set("lang", language)


def _language_badge(parent: Element, code: str, name: str) -> None:
    badge = _add(parent, "span", "ct-language", name)
    if name != code:
        _add(badge, "span", "ct-code", f" {code}")


def _language_list(parent: Element, languages: Iterable[LanguageCount]) -> None:
    chips = _add(parent, "ul", "ct-chips")
    for language in languages:
        chip = _add(chips, "li", "", f"{language.name} ")
        _add(chip, "b", "", f"{language.passages:,}")


def _unread(box: Element, facts: IndexFacts) -> None:
    details = _add(box, "details", "ct-more")
    number = len(facts.unread)
    _add(details, "summary", "", f"{counted(number, 'file')} not read")
    lines = _add(details, "ul", "ct-unread")
    for item in facts.unread[:MOST_UNREAD]:
        line = _add(lines, "li", "")
        _add(line, "bdi", "ct-source", item.source)
        _add(line, "p", "", item.reason)
    if number > MOST_UNREAD:
        _add(lines, "li", "", f"and {number - MOST_UNREAD:,} more: python -m indexer ls")


def _add(parent: Element, tag: str, style: str, text: str = "") -> Element:
    element = SubElement(parent, tag, {"class": style} if style else {})
    element.text = text
    return element


def _written(element: Element) -> str:
    return tostring(element, encoding="unicode", method="html")
