"""PDF: pages, paragraphs, headings, and what is removed at the edges."""

import io

import pypdf
import pytest

from indexer.document import Document, Heading, Page
from indexer.errors import UnreadableDocument
from indexer.read.pdf_marks import mend_rtl, mirrored
from tests.read.conftest import ReadBytes
from tests.read.pdf_maker import Picture, Print, column, pdf_bytes

_FULL = "This line of print is as wide as the column of the page it stands on,"


def test_pages_and_headings_have_spans(read_bytes: ReadBytes) -> None:
    pages = [[Print("1 Cats", 700, size=16), Print("Cats purr.", 650)], [Print("Dogs bark.", 700)]]
    data = pdf_bytes(pages, title="Pets", outline=[(0, "Cats")])
    assert read_bytes("a.pdf", data) == Document(
        source="a.pdf",
        format="pdf",
        title="Pets",
        text="1 Cats\n\nCats purr.\n\nDogs bark.",
        pages=(Page(1, 0, 20), Page(2, 20, 30)),
        headings=(Heading(1, 0, 6),),
    )


def test_lines_of_a_paragraph_are_joined(read_bytes: ReadBytes) -> None:
    data = pdf_bytes([column(_FULL, "and this is its end.", "", "", "A new paragraph.")])
    assert read_bytes("a.pdf", data).text == f"{_FULL} and this is its end.\n\nA new paragraph."


def test_a_line_that_ends_early_ends_there(read_bytes: ReadBytes) -> None:
    data = pdf_bytes([column(_FULL, "short", "next", _FULL)])
    assert read_bytes("a.pdf", data).text == f"{_FULL} short\nnext\n{_FULL}"


def test_a_word_torn_at_the_line_end_is_whole_again(read_bytes: ReadBytes) -> None:
    data = pdf_bytes([column("The document holds much infor-", "mation about long-", "Term plans")])
    assert read_bytes("a.pdf", data).text == (
        "The document holds much information about long-Term plans"
    )


def test_running_headers_and_page_numbers_are_removed_and_noted(read_bytes: ReadBytes) -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    pages = [
        [Print("The Handbook", 800), Print(f"{word} ends.", 700), Print(str(at), 40, x=300)]
        for at, word in enumerate(words, 1)
    ]
    pages[0].insert(1, Print("The Handbook", 760, size=20))
    document = read_bytes("a.pdf", pdf_bytes(pages))
    assert document.text == "The Handbook\n\n" + "\n\n".join(f"{word} ends." for word in words)
    assert document.notes == ("Removed at the edges of pages: 'The Handbook' x 5, '#' x 5.",)


def test_text_that_stands_nowhere_else_is_left_once(read_bytes: ReadBytes) -> None:
    pages = [[Print("Only here", 800), *column("one", "two")] for _ in range(5)]
    assert read_bytes("a.pdf", pdf_bytes(pages)).text.count("Only here") == 1


def test_numbers_that_do_not_count_pages_stay(read_bytes: ReadBytes) -> None:
    pages = [
        [*column(f"{n} one", f"{n} two", f"{n} three"), Print(n, 40)]
        for n in ("7", "3", "99", "12", "5")
    ]
    assert read_bytes("a.pdf", pdf_bytes(pages)).notes == ()


def test_a_table_of_contents_loses_its_dots_and_keeps_its_pages(read_bytes: ReadBytes) -> None:
    contents = column("1 Cats . . . . . . . . . . . . . 2", "2 Dogs . . . . . . . . . . . . . 3")
    pages = [contents, [Print("Cats purr.", 700)], [Print("Dogs bark.", 700)]]
    document = read_bytes("a.pdf", pdf_bytes(pages))
    assert document.text == "1 Cats 2\n2 Dogs 3\n\nCats purr.\n\nDogs bark."
    assert document.pages == (Page(1, 0, 19), Page(2, 19, 31), Page(3, 31, 41))
    assert document.notes == ("Dots that lead to page numbers were removed from 2 lines.",)


def test_a_page_with_a_picture_and_no_text_is_scanned_and_an_empty_one_is_blank(
    read_bytes: ReadBytes,
) -> None:
    document = read_bytes("a.pdf", pdf_bytes([[], [Print("Text", 700)], [Picture()]]))
    assert document.pages == (Page(2, 0, 4),)
    assert document.scanned_pages == (3,)
    assert document.notes == ()


def test_a_pdf_of_scans_says_that_it_needs_ocr(read_bytes: ReadBytes) -> None:
    with pytest.raises(UnreadableDocument, match=r"It holds no text\..*ocrmypdf"):
        read_bytes("a.pdf", pdf_bytes([[], []]))


@pytest.mark.parametrize(("password", "readable"), [("secret", False), ("", True)])
def test_only_a_pdf_that_needs_a_password_is_refused(
    password: str, readable: bool, read_bytes: ReadBytes
) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_bytes([[Print("Text", 700)]])))
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    data = io.BytesIO()
    writer.write(data)
    if readable:
        assert read_bytes("a.pdf", data.getvalue()).text == "Text"
    else:
        with pytest.raises(UnreadableDocument, match="encrypted with a password"):
            read_bytes("a.pdf", data.getvalue())


def test_a_file_name_is_no_title(read_bytes: ReadBytes) -> None:
    assert read_bytes("a.pdf", pdf_bytes([[Print("x", 700)]], title="report.docx")).title == ""


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("أي ًضا", "أيضًا"),
        ("ّ لما كان", "لما كان"),
        ("ה ִאם זה", "האִם זה"),
        ("לשים לב) ללחוץ(.", "לשים לב (ללחוץ)."),
        ("تعتبر Pythonمن لغات البرمجة", "تعتبر Python من لغات البرمجة"),
        ("في العالم .", "في العالم."),
    ],
)
def test_a_right_to_left_line_is_put_right(line: str, mended: str) -> None:
    assert mend_rtl(line, turn_brackets=mirrored([line])) == mended
