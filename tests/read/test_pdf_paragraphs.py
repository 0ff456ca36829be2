"""Lines of print -> paragraphs: a page that a stranger made as long as it goes costs no more."""

from collections.abc import Sequence

import pytest

from indexer.read import pdf_paragraphs
from indexer.read.pdf_lines import Line
from indexer.read.pdf_paragraphs import paragraphs


def _page(text: str, number: int, *, hyphenated: bool) -> list[Line]:
    return [
        Line(text, page=1, left=72.0, right=500.0 - at % 400, base=-12.0 * at, height=10.0,
             fixed_pitch=False, vertical=False, right_to_left=False, hyphenated=hyphenated)
        for at in range(number)
    ]  # fmt: skip


def test_words_torn_over_many_lines_are_whole() -> None:
    lines = _page("ab cd", 1000, hyphenated=True)
    assert [block.text for block in paragraphs([lines], {})] == ["ab " + "cdab " * 999 + "cd-"]


@pytest.mark.parametrize("text", ["abcd", "ab cd"])
def test_joining_a_line_looks_at_the_end_of_its_paragraph_alone(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at, join = [], pdf_paragraphs._join

    def counted(text: str, line: str, habits: pdf_paragraphs._Habits, *, hyphenated: bool) -> str:
        looked_at.append(len(text))
        return join(text, line, habits, hyphenated=hyphenated)

    monkeypatch.setattr(pdf_paragraphs, "_join", counted)
    paragraphs([_page(text, 2000, hyphenated=True)], {})
    assert len(looked_at) == 1999
    assert 390 <= max(looked_at) <= 410


def test_where_a_column_ends_is_told_by_the_lines_near(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at, edge = [], pdf_paragraphs._edge

    def counted(ends: Sequence[float]) -> float:
        looked_at.append(len(ends))
        return edge(ends)

    monkeypatch.setattr(pdf_paragraphs, "_edge", counted)
    paragraphs([_page("ab cd", 2000, hyphenated=False)], {})
    assert max(looked_at) == 400
