"""One function finds the words of passages and of questions, in every script."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.lexical_index import LexicalIndex
from indexer.lexical_terms import LexicalText, Wanted
from indexer.words import MOST_CHARS, find_words
from retriever.question_words import question_terms, quoted_phrases

PASSAGES = (
    "Press E-21 to descale the EM-40; run it with --no-pager and v2.3.1 of name.py, in C++.",
    "我們在圖書館學習機器學習。",
    "สวัสดีครับ น้ำร้อนและข้าวผัด",
    "والبيتُ للكتاب في المدرسة",
    "וכשהבית נסגר, הספר נשאר",
    "हिन्दी में किताबें १२३",
    "ខ្ញុំស្រឡាញ់ភាសាខ្មែរ",
    "학교에서 공부합니다",
    "A café in ΑΘΉΝΑ sells Straße maps for 1,000.50 on the red train.",
    "ຂ້ອຍມັກກິນເຂົ້າ",
    "ကျွန်တော်မြန်မာစာကိုဖတ်သည်",
    "The train is red. İstanbul’a hoş geldiniz!",
)


@pytest.fixture(scope="module")
def index() -> LexicalIndex:
    return LexicalIndex.in_memory(
        LexicalText(i, text, "", "und") for i, text in enumerate(PASSAGES)
    )


def found(index: LexicalIndex, question: str) -> list[int]:
    terms = [(term, 1.0) for term in question_terms(question)]
    return sorted(index.search(Wanted(terms), len(PASSAGES)).rows.tolist()) if terms else []


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("e-21", [0]),
        ("EM-40", [0]),
        ("--no-pager", [0]),
        ("V2.3.1", [0]),
        ("name.py", [0]),
        ("c++", [0]),
        ("图书馆", [1]),
        ("圖書", [1]),
        ("書館", [1]),
        ("机器学习", [1]),
        ("馆", [1]),
        ("น้ำ", [2]),
        ("ข้าวผัด", [2]),
        ("น้ําร้อน", [2]),
        ("بيت", [3]),
        ("المدرسه", [3]),
        ("كتاب", [3]),
        ("البيت", [3]),
        ("בית", [4]),
        ("ספר", [4]),
        ("सेब", []),
        ("किताबें", [5]),
        ("कताब", []),
        ("123", [5]),
        ("१२३", [5]),
        ("ភាសា", [6]),
        ("학교", [7]),
        ("cafe", [8]),
        ("CAFÉ", [8]),
        ("Αθήνα", [8]),
        ("αθηνα", [8]),
        ("strasse", [8]),
        ("1000.50", [8]),
        ("py", [0]),
        ("py.name", []),
        ("100050", [8]),
        ("ເຂົ້າ", [9]),
        ("မြန်မာ", [10]),
        ("istanbul’a", [11]),
        ('"red train"', [8]),
        ("“train is red”", [11]),
        ("red train", [8, 11]),
        ("«机器学习»", [1]),
        ("「學習機器」", [1]),
        ("「机学」", []),
    ],
)
def test_a_word_is_found_however_it_is_spelt(
    question: str, rows: list[int], index: LexicalIndex
) -> None:
    assert found(index, question) == rows


def test_marks_that_make_a_word_stay() -> None:
    assert find_words("हिन्दी").words == ("हिन्दी",)
    assert find_words("café").words == ("café",)
    assert find_words("café").forms == ("cafe",)


def test_a_word_of_any_length_is_a_term_that_can_be_stored() -> None:
    assert max(map(len, find_words("a" * 5000 + " " + "漢" * 5000).words)) <= MOST_CHARS
    index = LexicalIndex.in_memory([LexicalText(0, "x" * 200_000 + " cat", "", "en")])
    assert found(index, "cat") == [0]


@given(st.text())
def test_every_text_has_words_without_spaces_in_them(text: str) -> None:
    words = find_words(text)
    everything = (*words.words, *words.forms, *words.grams)
    assert [token for token in everything if token.split() != [token]] == []
    assert find_words(unicodedata.normalize("NFD", text)).words == words.words


@given(st.text(min_size=1))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    terms = question_terms(text)
    index = LexicalIndex.in_memory([LexicalText(0, text, "", "und")])
    assert [term.text for term in terms if index.frequency(term) == 0] == []


def test_a_page_of_quotes_is_asked_for_its_first_phrases_only() -> None:
    asked = " ".join(f'"red train {number}" "blue bus"' for number in range(100))
    found = [written for written, _ in quoted_phrases(asked)]
    assert found == ["red train 0", "blue bus", *(f"red train {n}" for n in range(1, 15))]
