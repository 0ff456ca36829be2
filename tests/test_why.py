"""Why a hit was found: sentences and words, in every script."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder.spec import TextStates
from indexer.store import StoredPassage
from retriever.hit import Hit
from retriever.snippet import (
    Snippet,
    Snippets,
    clean_line,
    clean_spans,
    show,
    without_rules,
)
from retriever.why import UNREAD, Leans, Part, Why, explain_by_tokens, explain_hits
from tests.concept_encoder import SPEC, ConceptEncoder
from tests.word_states import WordEncoder


def hit(text: str, language: str = "en") -> Hit:
    return Hit(1, 1.0, "cosine", 1.0, StoredPassage(0, "a.txt", "", None, 0, 9, text, language, ""))


def near(score: float) -> Any:
    return pytest.approx(score, abs=1e-4)


def texts_of(text: str, parts: tuple[Part, ...]) -> list[str]:
    return [text[part.start : part.end] for part in parts]


@pytest.mark.parametrize(
    ("text", "sentence", "words"),
    [
        ("Das Brot ist frisch. Die Katze schläft.", "Die Katze schläft.", ["Katze"]),
        ("パンは高い。猫は寝ています。", "猫は寝ています。", ["猫"]),
        ("חתול שותה מים. קטר נוסע. לחם טרי.", "קטר נוסע. ", ["קטר"]),
        ("ขนมปังหอม\nแมวนอนหลับ", "แมวนอนหลับ", ["แมว"]),
    ],
)
def test_the_sentence_and_the_word_that_answer_are_found_without_spaces_and_across_languages(
    text: str, sentence: str, words: list[str]
) -> None:
    why = explain_hits("cat", [hit(text)], WordEncoder())[0]
    assert why.by == "tokens"
    assert text[why.best.start : why.best.end] == sentence
    assert texts_of(text, why.words) == words
    assert [word.score for word in why.words] == pytest.approx([1.0])


def test_an_encoder_without_token_states_explains_by_sentences_encoded_alone() -> None:
    text = "Der Zug fährt. Die Katze mag Wasser."
    why = explain_hits("Where is the cat?", [hit(text)], ConceptEncoder())[0]
    assert why == Why("sentences", (Part(0, 15, 0.0), Part(15, 36, near(0.7071))), ())


def test_states_that_are_not_pooled_by_their_mean_explain_nothing() -> None:
    encoder = WordEncoder(replace(SPEC, pooling="last_token"))
    assert explain_hits("cat", [hit("Die Katze.")], encoder)[0].by == "sentences"


def test_a_question_or_a_passage_without_tokens_is_explained_by_sentences() -> None:
    encoder = WordEncoder()
    assert explain_hits(" ", [hit("Die Katze.")], encoder)[0].by == "sentences"
    assert explain_hits("cat", [hit("")], encoder)[0] == Why("sentences", (Part(0, 0, 0.0),), ())
    assert explain_hits("cat", [], encoder) == ()


def test_what_the_encoder_did_not_read_carried_nothing() -> None:
    encoder = WordEncoder()
    encoder.room = 3
    why = explain_hits("cat", [hit("Das Brot. Die Katze.")], encoder)[0]
    assert [sentence.score == UNREAD for sentence in why.sentences] == [False, True]
    assert all(word.end <= why.sentences[0].end for word in why.words)


def test_a_sentence_scores_the_mean_of_its_nearest_tokens_and_a_word_what_it_won() -> None:
    # Question tokens on x and y; the passage "ab c. D": tokens a (x), b (y), c (y), d (between).
    question = TextStates(np.eye(2, dtype=np.float32), np.array([[0, 1], [1, 2]]))
    states = np.array([[3, 0], [0, 2], [0, 1], [0.6, 0.8]], np.float32)
    passage = TextStates(states, np.array([[0, 1], [1, 2], [2, 4], [5, 7]]))
    none = Leans(np.zeros(2, np.float32), np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    assert explain_by_tokens("ab c. D", question, passage, none) == Why(
        "tokens",
        (Part(0, 6, near(1.0)), Part(6, 7, near(0.7))),
        (Part(0, 2, near(1.0)),),
    )


def test_what_a_language_shares_is_taken_away_before_tokens_are_compared() -> None:
    asked, held = np.array([[1, 1]], np.float32), np.array([[0, 1], [1, 0]], np.float32)
    lean = Leans(
        np.array([1, 0], np.float32), np.array([0, 0.5], np.float32), np.eye(2, dtype=np.float32)
    )
    # (0, 1) with (0, 0.5) and (1, -0.5), whose length is the root of 1.25.
    assert lean.cosines(asked, held) == pytest.approx(np.array([[1, -0.5 / 1.25**0.5]]), abs=1e-6)
    # With the texts' own means: (1, 1) - ((1, 1) + (0.5, 0.5)) / 2, and (-0.5, 0.5), (0.5, -0.5).
    assert Leans().cosines(asked, held) == pytest.approx(np.zeros((1, 2)), abs=1e-6)
    assert Leans.of("concepts", "en", "de") == Leans()


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="a猫แมว. \n\u0301\u202e\x1b😀クم。", max_size=60), st.integers(0, 6))
def test_parts_lie_in_order_inside_the_passage_and_snippets_show_its_words(
    text: str, room: int
) -> None:
    encoder = WordEncoder()
    encoder.room = room
    why = explain_hits("cat water", [hit(text)], encoder)[0]
    for parts in (why.sentences, why.words):
        ends = [at for part in parts for at in (part.start, part.end)]
        assert ends == sorted(ends)
        assert not ends or (ends[0] >= 0 and ends[-1] <= len(text))
    snippet = show(text, why.best, why.words)
    assert clean_line(snippet.text) == snippet.text
    shown = [snippet.text[start:end] for start, end in snippet.words]
    cleaned = [clean_line(word) for word in texts_of(text, why.words)]
    assert [word for word in cleaned if word in shown] == shown


def test_a_snippet_marks_words_where_they_stand_after_cleaning() -> None:
    text = "Brot.\x1b  \nDie\u202e Katze   ist\x00 da."
    why = Why("tokens", (Part(0, 9, 0.1), Part(9, 30, 0.9)), (Part(14, 19, 0.6), Part(22, 26, 0.4)))
    assert show(text, why.best, why.words) == Snippet(
        "Brot. Die Katze ist da.", 6, 23, ((10, 15), (16, 19))
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Title\n=====\nText.", "Title Text."),
        ("Title ===== Text.", "Title Text."),
        ("| a | b |\n|:---|----:|\n| c | d |", "| a | b | | c | d |"),
        ("a\n+----+----+\nb\n* * *\nc ┌────┬────┐ d", "a b c d"),
        ("Name: ________ Date", "Name: Date"),
        ("a --- b -- c, --no-pager, 1----2, d... e", "a --- b -- c, --no-pager, 1----2, d... e"),
        ("猫====猫", "猫====猫"),
        ("=====\n-----", "===== -----"),
    ],
)
def test_what_is_only_drawn_is_left_out_of_a_snippet(text: str, shown: str) -> None:
    assert show(text, Part(0, len(text), 1.0), ()).text == shown


def test_a_long_rule_leaves_room_for_the_text_and_marks_stay_on_their_words() -> None:
    text = f"Title\n{'=' * 400}\nDie Katze schläft. Das Brot."
    start = text.index("Die")
    why = Why(
        "tokens",
        (Part(0, start, 0.1), Part(start, start + 19, 0.9)),
        (Part(start + 4, start + 9, 1.0),),
    )
    snippet = show(text, why.best, why.words)
    assert snippet.text == "Title Die Katze schläft. Das Brot."
    assert snippet.text[snippet.best_start : snippet.best_end] == "Die Katze schläft."
    assert [snippet.text[start:end] for start, end in snippet.words] == ["Katze"]


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="a= -|\n猫.", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_spans_hold_the_same_text_without_what_is_drawn(text: str, one: int, two: int) -> None:
    start, end = sorted((min(one, len(text)), min(two, len(text))))
    kept, ((first, last),) = without_rules(text, [(start, end)])
    left = [ch for ch in kept[first:last] if ch in "a猫."]
    assert left == [ch for ch in text[start:end] if ch in "a猫."]


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_a_text_is_cleaned_alike_with_and_without_spans(text: str) -> None:
    assert clean_spans(text, [])[0] == clean_line(text)


def shown_by(snippets: Snippets, text: str, scores: list[float], source: str = "a.txt") -> str:
    """The sentence by which a hit is shown; its sentences are the lines of the text."""
    ends = [match.end() for match in re.finditer(r".+\n?", text)]
    parts = [Part(a, b, score) for a, b, score in zip([0, *ends], ends, scores, strict=False)]
    found = hit(text)
    found = replace(found, passage=replace(found.passage, source=source))
    snippet = snippets.show(found, Why("tokens", tuple(parts), ()))
    return snippet.text[snippet.best_start : snippet.best_end]


def test_a_sentence_that_two_passages_of_a_file_share_is_shown_once() -> None:
    snippets = Snippets()
    assert shown_by(snippets, "One.\nTwo.\nThree.", [0.1, 0.2, 0.9]) == "Three."
    assert shown_by(snippets, "Three.\nFour.\nFive.", [0.9, 0.1, 0.2]) == "Five."
    assert shown_by(snippets, " Five. \nThree.\nSix.", [0.3, 0.9, 0.1]) == "Six."
    # Another file says it itself, and a passage of nothing else has nothing else to show.
    assert shown_by(snippets, "Three.\nFour.", [0.9, 0.1], "b.txt") == "Three."
    assert shown_by(snippets, "Three.", [0.9]) == "Three."
    assert shown_by(snippets, "Three.\nTen.", [0.9, UNREAD]) == "Three."
    assert shown_by(Snippets(), "Three.\nFour.", [0.9, 0.1]) == "Three."
