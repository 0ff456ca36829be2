"""Cards and facts are plain, cleaned values."""

from pathlib import Path

import pytest

from app.view_model import (
    Card,
    IndexFacts,
    LanguageCount,
    Reason,
    cards,
    index_facts,
    language_counts,
)
from indexer.build import build_index
from indexer.store import StoredPassage, Unread
from retriever.hit import Hit
from retriever.retriever import Retriever
from retriever.snippet import Snippets
from retriever.why import Part, Why
from tests.concept_encoder import ConceptEncoder


def hit(text: str, source: str = "manual.ja.pdf", heading: str = "", title: str = "") -> Hit:
    passage = StoredPassage(0, source, title, 3, 0, len(text), text, "ja", heading)
    return Hit(1, 0.70710678, "cosine", 0.70710678, passage)


def whole(text: str) -> Why:
    """The one sentence is the whole text."""
    return Why("sentences", (Part(0, len(text), 0.5),), ())


def test_a_hit_and_what_explains_it_become_a_card() -> None:
    text = "前。\n\n保証は二年です。\n後。"
    why = Why("tokens", (Part(0, 4, 0.1), Part(4, 13, 0.5), Part(13, 15, 0.2)), (Part(4, 6, 1.0),))
    assert cards([hit(text, heading="保証")], [why], Snippets()) == (
        Card(
            rank=1,
            score="0.707",
            score_kind="cosine",
            language="ja",
            language_name="Japanese",
            source="manual.ja.pdf",
            page=3,
            heading="保証",
            before="前。 ",
            best="保証は二年です。",
            after=" 後。",
            paragraphs=("前。", "保証は二年です。", "後。"),
            why=(
                Reason("0.50", (("保証", True), ("は二年です。", False))),
                Reason("0.20", (("後。", False),)),
                Reason("0.10", (("前。", False),)),
            ),
            words_known=True,
        ),
    )


def test_rules_are_in_the_whole_passage_only() -> None:
    text = "Titel\n=====\nDie Katze. Das Brot."
    why = Why("tokens", (Part(0, 22, 0.9), Part(22, 31, 0.1)), (Part(16, 21, 1.0),))
    card = cards([hit(text)], [why], Snippets())[0]
    assert (card.best, card.after) == ("Titel Die Katze.", " Das Brot.")
    assert card.why[0] == Reason("0.90", (("Titel Die ", False), ("Katze", True), (".", False)))
    assert card.paragraphs == ("Titel", "=====", "Die Katze. Das Brot.")


def test_a_card_without_a_heading_shows_the_title_of_its_document() -> None:
    card = cards([hit("text", title="Handbuch")], [whole("text")], Snippets())[0]
    assert card.heading == "Handbuch"


def test_control_and_bidi_characters_never_reach_a_card() -> None:
    bad = hit("a\x1b[31mb\u202ec\u2028d", source="in\u202evoice.\x07pdf", heading="h\u200b\x00")
    card = cards([bad], [whole("x")], Snippets())[0]
    assert (card.source, card.heading) == ("invoice.pdf", "h")
    assert card.paragraphs == ("a[31mbc d",)


def test_as_many_explanations_as_hits_are_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        cards([hit("text")], [], Snippets())


def test_languages_are_named_and_stay_in_order() -> None:
    assert language_counts({"ja": 3, "x-\x1bnew": 1}) == (
        LanguageCount("ja", "Japanese", 3),
        LanguageCount("x-new", "x-new", 1),
    )


def test_the_facts_of_an_index_are_read_from_it(corpus_dir: Path, tmp_path: Path) -> None:
    (corpus_dir / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    build_index(corpus_dir, tmp_path / "index", ConceptEncoder())
    retriever = Retriever.open(tmp_path / "index", ConceptEncoder())
    with retriever.index.reading() as database:
        finished = retriever.index.finished_at_utc(database)
        reason = retriever.index.unread(database)[0].reason
    assert index_facts(retriever) == IndexFacts(
        folder=str(corpus_dir.resolve()),
        documents=4,
        passages=4,
        languages=(
            LanguageCount("de", "German", 2),
            LanguageCount("es", "Spanish", 1),
            LanguageCount("ja", "Japanese", 1),
        ),
        encoder="concepts",
        licence="MIT",
        commercial_use=True,
        dim=6,
        built=f"{finished[:10]} {finished[11:16]} UTC",
        unread=(Unread("broken.pdf", reason),),
        unfinished=False,
    )
