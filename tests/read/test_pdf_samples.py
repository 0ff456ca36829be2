"""PDFs that Chromium made, in scripts and directions that no PDF written by hand shows."""

from pathlib import Path

import pytest

from indexer.read import read_document

SAMPLES = Path(__file__).parent / "samples"


def text_of(name: str) -> str:
    return read_document(SAMPLES / name, name).text


def test_vertical_japanese_is_read_column_by_column_from_the_right() -> None:
    assert text_of("chromium-vertical.ja.pdf") == (
        "山路を登りながら、こう考えた。智に働けば角が立つ。情に棹させば流される。意地を通せば窮屈だ。"
        "とかくに人の世は住みにくい。\n\n住みにくさが高じると、安い所へ引き越したくなる。"
    )


def test_ligatures_are_spelt_out_and_soft_hyphens_leave_no_trace() -> None:
    text = text_of("chromium-mixed.pdf")
    assert "The office of the efficient offline workflow is cooperative." in text
    assert "Die Donaudampfschifffahrtsgesellschaft transportiert Warenlieferungen." in text


RTL_LINES = {
    "chromium-mixed.pdf": (
        "يعمل الجهاز بنظام Linux 6.1 منذ عام 2023 (الإصدار الثاني).",
        "המכשיר פועל עם Linux 6.1 משנת 2023 (גרסה שנייה).",
    ),
    "chromium-rtl.he.pdf": (
        "השתמשו בפקודה apt install chromium ואז הפעילו מחדש.",
        'המחיר הוא 1,250.50 ש"ח [כולל מע"מ] עד 31/12/2024.',
        'המנהל אמר: "אנחנו עובדים עם Python ו-JavaScript (ES6) בפרויקט", ויצא.',
        "ראו https://example.org/docs?id=7 לפרטים נוספים.",
        "Windows 11 היא מערכת הפעלה של Microsoft Corporation משנת 2021.",
        "התוכנה זקוקה ל-4 GB זיכרון ול-20-30 GB דיסק.",
        "המזכירה את החברה Red Hat Inc. וגם את GNU/Linux ואז חוזרת",
    ),
    "chromium-rtl.ar.pdf": (
        "السعر 1,250.50 دولار [شامل الضريبة] حتى 31/12/2024.",
        'قال المدير: "نستخدم Python و JavaScript (ES6) في المشروع"، ثم انصرف.',
        "نسبة النجاح 95% من أصل 3,000 طالب.",
        "يحتاج البرنامج إلى 4 GB من الذاكرة و 20-30 GB من القرص.",
        "تذكر الشركة Red Hat Inc. وتذكر أيضا GNU/Linux ثم تعود",
    ),
    "chromium-rtl.fa.pdf": (
        "قیمت ۱٬۲۵۰ تومان [با مالیات] تا ۳۱/۱۲/۱۴۰۲ است.",
        "«ما با Python و JavaScript (ES6) کار میکنیم» و رفت.",
    ),
    "libreoffice-rtl.ar.pdf": (
        "استخدم الأمر apt install chromium ثم أعد تشغيل الحاسوب.",
        "Windows 11 نظام تشغيل من Microsoft Corporation صدر سنة 2021.",
    ),
}


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in RTL_LINES.items() for line in lines]
)
def test_a_right_to_left_line_with_latin_words_is_in_logical_order(name: str, line: str) -> None:
    assert line in text_of(name)


def test_a_letter_that_no_font_explains_leaves_a_mark() -> None:
    assert "قیمت 1,250.50 روپے [ٹیکس سمیت] ہے\N{REPLACEMENT CHARACTER}" in text_of(
        "chromium-rtl.ur.pdf"
    )


def test_bengali_syllables_are_not_torn_and_words_not_joined() -> None:
    text = text_of("chromium.bn.pdf")
    assert text.startswith("এই যন্ত্রের ওয়ারেন্টি কেনার দিন থেকে ")
    assert "তাদের মাঝে কেউ পরিবর্তন নিয়ে কাজ করে, কেউ করে না" in text
