"""What is marked in a hit: sentences, over the breaks of wrapped lines, and no bare headings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.sentences import sentence_spans

WRAPPED = (
    "The warranty of the kettle runs for two years from the day on which it\n"
    "was bought. Damage by limescale is not covered, and neither is any that\n"
    "comes of water. Kettles that were opened are not\n"
    "mended free of charge."
)


def sentences(text: str) -> list[str]:
    return [" ".join(text[start:end].split()) for start, end in sentence_spans(text)]


def test_a_sentence_of_a_wrapped_paragraph_is_whole() -> None:
    assert sentences(WRAPPED) == [
        "The warranty of the kettle runs for two years from the day on which it was bought.",
        "Damage by limescale is not covered, and neither is any that comes of water.",
        "Kettles that were opened are not mended free of charge.",
    ]


def test_a_script_without_capitals_is_wrapped_where_a_line_is_full() -> None:
    line = (
        "この電気ケトルの保証期間は購入日から二年間です。石灰による損傷は保証の対象に含まれません"
    )
    assert sentences(f"{line}\n{line}")[1] == f"{line.split('。')[1]} {line.split('。')[0]}。"


@pytest.mark.parametrize(
    "text",
    [
        "Monday 9 to 5\nTuesday 9 to 6\nSunday closed",  # short lines
        "- a kettle with a lid that can be taken off whole\n- a cable of two metres length",
        "Kettles are sold with a cable and a lid and a bag\n1) Cable\n2) Lid",
        "a line that is quite long and ends a paragraph here\n\nanother one begins, as long as it",
        "Kettles and lids and all that belongs to them, by name\nCables\nBags",
        "| kettle | which is sold with a cable and a lid | 30 |\n| cable | which is not | 4 |",
    ],
)
def test_a_line_that_is_no_wrapped_one_stands_alone(text: str) -> None:
    assert len(sentences(text)) == len([line for line in text.split("\n") if line])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Warranty\n\nIt runs for two years.", ["It runs for two years."]),
        ("# Kettle\n## Warranty\nIt runs for two years.", ["It runs for two years."]),
        ("Kettle\n\nWarranty\n\nIt runs for two years.", ["It runs for two years."]),
        ("3.2 Warranty\n\nIt runs for two years.", ["It runs for two years."]),
        ("保証\n\n二年間です。", ["二年間です。"]),
        # What may be an answer stays.
        ("Two years\n\nSigned", ["Two years", "Signed"]),
        ("Open 9 to 5\n\nWe are closed in May.", ["Open 9 to 5", "We are closed in May."]),
        ("Warranty\nTwo years", ["Warranty", "Two years"]),
        ("How long?\n\nTwo years.", ["How long?", "Two years."]),
        ("It ends soon. Warranty\n\nTwo years.", ["It ends soon.", "Warranty", "Two years."]),
        ("# Warranty", ["# Warranty"]),
        ("Warranty\n\n", ["Warranty"]),
    ],
)
def test_a_heading_is_no_answer(text: str, left: list[str]) -> None:
    assert sentences(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        # Directly above a list.
        ("Warranty\n- Pump: two years\n- Lid: none", ["- Pump: two years", "- Lid: none"]),
        (
            "3. Срок гарантии\n- Насос: два года\n- Крышка: нет",
            ["- Насос: два года", "- Крышка: нет"],
        ),
        ("３．保証期間\n・本体：二年間\n・蓋：なし", ["・本体：二年間", "・蓋：なし"]),
        ("一、保修期\n1. 水泵：两年\n2. 盖子：无", ["1. 水泵：两年", "2. 盖子：无"]),
        ("٣. مدة الضمان\n- المضخة: سنتان\n- الغطاء: لا", ["- المضخة: سنتان", "- الغطاء: لا"]),
        ("वारंटी\n• पंप: दो साल\n• ढक्कन: नहीं", ["• पंप: दो साल", "• ढक्कन: नहीं"]),
        (
            "3. Warranty\n3.1 Pump: two years\n3.2 Lid: none",
            ["3.1 Pump: two years", "3.2 Lid: none"],
        ),
        ("IV. Warranty\na) the pump\nb) the lid", ["a) the pump", "b) the lid"]),
        # Within a dense text.
        (
            "1. Warranty\n- two years\n2. Repair\n- free of charge\nby us",
            ["- two years", "- free of charge", "by us"],
        ),
        # Above a line of signs.
        ("Warranty\n--------\nTwo years.", ["Two years."]),
        ("1. Warranty of 2024\n=====\n\nTwo years.", ["Two years."]),
        # Items of one list stand, and what says something.
        ("1. Cable\n2. Lid\n3. Bag", ["1. Cable", "2. Lid", "3. Bag"]),
        ("1. Cable\n10. Lid", ["1. Cable", "10. Lid"]),
        ("- Cable\n* red\n* blue", ["- Cable", "* red", "* blue"]),
        ("Pumps\nTwo years\n- but no lids", ["Pumps", "Two years", "- but no lids"]),
        ("2 years\n- for pumps\n- for lids", ["2 years", "- for pumps", "- for lids"]),
        ("2. For 36 months\n- pumps", ["2. For 36 months", "- pumps"]),
        ("Pumps\n- Two years", ["- Two years"]),
        ("We mend:\n- pumps", ["We mend:", "- pumps"]),
        ("Two years\nJ. Smith, Friday", ["Two years", "J. Smith, Friday"]),
        (
            "ポンプと蓋とケーブルの保証期間は購入日から二年間\n・本体",
            ["ポンプと蓋とケーブルの保証期間は購入日から二年間", "・本体"],
        ),
        (
            "A pump with a lid, for two years from now\n- blue",
            ["A pump with a lid, for two years from now", "- blue"],
        ),
    ],
)
def test_a_heading_directly_above_its_list_is_no_answer(text: str, left: list[str]) -> None:
    assert sentences(text) == left


@pytest.mark.parametrize(
    "line",
    ["3. The pump is mended.", "(a) The pump is mended.", "٣. المضخة تعمل.", "J. Smith mended it."],
)
def test_a_number_is_no_sentence_of_its_own(line: str) -> None:
    assert sentences(f"{line}\n{line}") == [line, line]


@given(
    st.lists(
        st.sampled_from(
            ["\n", "\n\n", " ", "Ab c.", "ein Wort", "# ", "x" * 50, "😀", "7", "1. ", "- ", "=="]
        )
    )
)
def test_spans_are_in_order_and_within_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    places = [place for span in sentence_spans(text) for place in span]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= len(text)


def test_what_holds_no_letter_is_one_sentence() -> None:
    assert sentence_spans("---\n***") == [(0, 7)]
    assert sentence_spans("") == [(0, 0)]
