"""PDFs that Chromium made, in scripts and directions that no PDF written by hand shows."""

from pathlib import Path

import pytest

from indexer.read import read_document

SAMPLES = Path(__file__).parent / "samples"


def text_of(name: str) -> str:
    return read_document(SAMPLES / name, name).text


def test_vertical_japanese_is_read_column_by_column_from_the_right() -> None:
    text = text_of("chromium-vertical.ja.pdf").replace("\n", "")
    assert text == (
        "山路を登りながら、こう考えた。智に働けば角が立つ。情に棹させば流される。意地を通せば窮屈だ。"
        "とかくに人の世は住みにくい。住みにくさが高じると、安い所へ引き越したくなる。"
    )


def test_ligatures_are_spelt_out_and_soft_hyphens_leave_no_trace() -> None:
    text = text_of("chromium-mixed.pdf")
    assert "The office of the efficient offline workflow is cooperative." in text
    assert "Die Donaudampfschifffahrtsgesellschaft transportiert Warenlieferungen." in text


@pytest.mark.xfail(reason="PDFium 153 gives some runs of Chromium's right-to-left lines as printed")
@pytest.mark.parametrize(
    "line",
    [
        "يعمل الجهاز بنظام Linux 6.1 منذ عام 2023 (الإصدار الثاني).",
        "המכשיר פועל עם Linux 6.1 משנת 2023 (גרסה שנייה).",
    ],
)
def test_a_right_to_left_line_with_latin_words_is_in_logical_order(line: str) -> None:
    assert line in text_of("chromium-mixed.pdf")
