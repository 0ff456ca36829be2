"""Whatever a text from outside holds, it is a text node."""

from dataclasses import replace

import pytest
from lxml import html

from app.markup import MOST_UNREAD, card_html, facts_html, languages_html, notice_html
from app.view_model import Card, IndexFacts, LanguageCount
from indexer.store import Unread

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</p></article></div><iframe src='http://example.invalid'>",
    '" onmouseover="alert(1)" x="',
    "**x** [a](http://b) :smile: :red[no] $x^2$ `code` &amp; &#60;b&#62;",
    "<!-- comment --> <![CDATA[ x ]]> <?php ?>",
    "{javascript:alert(1)}",
)
CARD = Card(
    rank=1,
    score="0.707",
    score_kind="cosine",
    language="ja",
    language_name="Japanese",
    source="manual.pdf",
    page=3,
    heading="保証",
    before="前。",
    best="保証は二年です。",
    after="後。",
    paragraphs=("前。", "保証は二年です。後。"),
)
FACTS = IndexFacts(
    folder="/home/me/docs",
    documents=2,
    passages=1200,
    languages=(LanguageCount("ja", "Japanese", 1200),),
    encoder="nemotron-8b",
    licence="NVIDIA",
    commercial_use=False,
    dim=4096,
    built="2026-11-23 15:23 UTC",
    unread=(Unread("a.pdf", "It is empty."),),
    unfinished=False,
)
OWN_TAGS = {
    "article", "b", "bdi", "dd", "details", "div", "dl", "dt", "header", "li", "mark", "p", "span",
    "summary", "ul",
}  # fmt: skip
OWN_ATTRIBUTES = {"class", "dir", "lang", "role", "title"}


def tags_and_attributes(markup: str) -> tuple[set[str], set[str]]:
    elements = list(html.fragment_fromstring(markup).iter())
    names = {str(element.tag) for element in elements}
    return names, {name for element in elements for name in element.attrib}


def texts(markup: str, style: str) -> list[str]:
    found = html.fragment_fromstring(markup).xpath(f"//*[@class='{style}']")
    return [element.text_content() for element in found]


def test_a_card_is_written_as_it_is_read() -> None:
    assert card_html(CARD) == (
        '<article class="ct-card"><header class="ct-head"><span class="ct-rank">1</span>'
        '<div class="ct-where"><bdi class="ct-source">manual.pdf</bdi>'
        '<span class="ct-page">page 3</span></div><div class="ct-meta">'
        '<span class="ct-language">Japanese<span class="ct-code"> ja</span></span>'
        '<span class="ct-score">cosine <b>0.707</b></span></div></header>'
        '<p class="ct-heading" dir="auto" lang="ja">保証</p>'
        '<p class="ct-snippet" dir="auto" lang="ja">前。<mark>保証は二年です。</mark>後。</p>'
        '<details class="ct-whole"><summary>Whole passage</summary>'
        '<p dir="auto" lang="ja">前。</p><p dir="auto" lang="ja">保証は二年です。後。</p>'
        "</details></article>"
    )


def test_a_passage_of_one_sentence_is_not_marked() -> None:
    assert "<mark>" not in card_html(replace(CARD, before="", after=""))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_in_a_card_is_literal(text: str) -> None:
    markup = card_html(
        replace(
            CARD, source=text, heading=text, before=text, best=text, after=text, language=text,
            language_name=text, paragraphs=(text,),
        )
    )  # fmt: skip
    names, attributes = tags_and_attributes(markup)
    assert names <= OWN_TAGS
    assert attributes <= {"class", "dir"}
    assert texts(markup, "ct-source") == [text]
    assert texts(markup, "ct-heading") == [text]
    assert texts(markup, "ct-snippet") == [text * 3]
    assert texts(markup, "ct-whole") == [f"Whole passage{text}"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_in_the_facts_is_literal(text: str) -> None:
    markup = facts_html(
        replace(
            FACTS, folder=text, encoder=text, licence=text, built=text,
            languages=(LanguageCount(text, text, 1),), unread=(Unread(text, text),),
        )
    )  # fmt: skip
    names, attributes = tags_and_attributes(markup)
    assert names <= OWN_TAGS
    assert attributes <= OWN_ATTRIBUTES
    assert texts(markup, "ct-source") == [text]
    assert texts(markup, "ct-chips") == [f"{text} 1"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_in_an_error_is_literal(text: str) -> None:
    markup = notice_html("error", text, text)
    names, attributes = tags_and_attributes(markup)
    assert names == {"div", "p"}
    assert attributes == {"class", "role"}
    assert texts(markup, "ct-what") == [text]
    assert texts(markup, "ct-next") == [text]


def test_a_licence_without_commercial_use_says_so() -> None:
    facts = facts_html(FACTS)
    assert "<bdi>NVIDIA (no commercial use)</bdi>" in facts
    assert "<bdi>MIT</bdi>" in facts_html(replace(FACTS, licence="MIT", commercial_use=True))


def test_an_unfinished_index_has_no_date() -> None:
    assert "<bdi>still being built</bdi>" in facts_html(replace(FACTS, built="", unfinished=True))


def test_files_that_were_not_read_are_listed_with_their_reasons() -> None:
    assert texts(facts_html(FACTS), "ct-unread") == ["a.pdfIt is empty."]
    many = replace(FACTS, unread=FACTS.unread * (MOST_UNREAD + 2))
    assert facts_html(many).endswith(
        "<li>and 2 more: python -m indexer ls</li></ul></details></div>"
    )


def test_the_languages_are_shown_with_their_numbers() -> None:
    assert languages_html(FACTS.languages) == (
        '<div class="ct-start"><ul class="ct-chips"><li>Japanese <b>1,200</b></li></ul></div>'
    )
