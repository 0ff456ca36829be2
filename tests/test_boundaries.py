import pytest

from indexer.boundaries import last_grapheme_end, last_word_end, paragraph_ends, sentence_ends


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two!", ["One. ", "Two!"]),
        ("猫がいる。犬もいる。", ["猫がいる。", "犬もいる。"]),
        ("هل نامت؟ نعم.", ["هل نامت؟ ", "نعم."]),
        ("वह सोई। वह उठी।", ["वह सोई। ", "वह उठी।"]),
        ("😀 A cat. 𝒳 is.", ["😀 A cat. ", "𝒳 is."]),
    ],
)
def test_sentences_end_where_each_script_ends_them(text: str, sentences: list[str]) -> None:
    ends = sentence_ends(text).tolist()
    assert [text[a:b] for a, b in zip([0, *ends], ends, strict=False)] == sentences


def test_an_empty_text_has_no_sentences() -> None:
    assert sentence_ends("").tolist() == []


def test_a_paragraph_ends_after_the_blank_line() -> None:
    assert paragraph_ends("One\n\nTwo\n \nThree\nFour").tolist() == [5, 11]


def test_thai_is_cut_between_words_found_by_the_dictionary() -> None:
    text = "ภาษาไทยเป็นภาษา"
    assert text[: last_word_end(text, 0, 9) or 0] == "ภาษาไทย"


def test_a_space_in_reach_wins_over_a_word_end_in_an_unspaced_script() -> None:
    text = "ภาษาไทย เป็นภาษาราชการ"
    assert text[: last_word_end(text, 0, 14) or 0] == "ภาษาไทย "


def test_a_word_without_a_break_is_cut_between_graphemes() -> None:
    text = "e\u0301" * 10
    assert last_word_end(text, 0, 7) is None
    assert last_grapheme_end(text, 0, 7) == 6


def test_offsets_count_code_points_and_not_utf_16_units() -> None:
    family = "👩‍👩‍👧" * 3
    assert last_grapheme_end(family, 0, 9) == 5
