"""Cleaning: raw text -> text as a person would type it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.clean import clean, one_line, without_leaders


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("cafe\u0301", "café"),
        ("e\u200b\u0301", "é"),
        ("of\ufb01ce, \ufb02at, e\ufb03cient", "office, flat, efficient"),
        ("co\u00adoperate", "cooperate"),
        ("\uf0b7 One\n\uf0a7 Two", "• One\n▪ Two"),
        ("\ufeffstart", "start"),
        ("zero\u200bwidth\u2060", "zerowidth"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क\u094d\u200dष", "क\u094d\u200dष"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\u202eevil\u202c", "evil"),
        ("\ufef3\ufedb\ufe98\ufe90", "يكتب"),
        ("\ufefb", "لا"),
        ("\u2f00\u4eba", "一人"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("nul\0bell\x07", "nul bell"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a \t\n \nb", "a\n\nb"),
        ("ten\u00a0km", "ten km"),
        ("    indented(code)", "    indented(code)"),
        ("hidden\U000e0068\U000e0069", "hidden"),
    ],
)
def test_text_is_cleaned(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_a_line_of_its_own_has_single_blanks() -> None:
    assert one_line(" two\n lines \t here ") == "two lines here"


@pytest.mark.parametrize(
    ("line", "shortened"),
    [
        ("6.3.1 Partitions . . . . . . . . . 17", "6.3.1 Partitions 17"),
        ("Vorwort.....................iv", "Vorwort iv"),
        ("第一章 目录 ………… 3\n第二章·····12", "第一章 目录 3\n第二章 12"),
        ("الفصل الأول . . . . . ٥", "الفصل الأول ٥"),
        ("Wait.... 4", "Wait 4"),
        ("tests/test_a.py ........ [ 12%]", "tests/test_a.py ........ [ 12%]"),
        ("He said ... 17 words", "He said ... 17 words"),
        ("for x in range(3): ...", "for x in range(3): ..."),
        ("192.168.0.1", "192.168.0.1"),
    ],
)
def test_dots_that_lead_to_a_page_number_are_removed(line: str, shortened: str) -> None:
    assert without_leaders(line)[0] == shortened


def test_a_megabyte_of_dots_takes_no_time() -> None:
    text = ". " * 500_000 + "y"
    started = time.perf_counter()
    assert without_leaders(text) == (text, 0)
    assert time.perf_counter() - started < 5
