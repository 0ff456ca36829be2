"""ODT: merged cells, titles, comments, notes, lists, and what is no text."""

import io
import zipfile

import pytest

from indexer.document import Heading
from tests.read.conftest import ReadBytes

_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in (
        ("office", "office"), ("style", "style"), ("text", "text"), ("table", "table"),
        ("draw", "drawing"),
    )
)  # fmt: skip


def _odt(text: str, styles: str = "") -> bytes:
    """Return a file with these elements in its body."""
    content = (
        f'<office:document-content {_NAMES} xmlns:dc="http://purl.org/dc/elements/1.1/">{styles}'
        f"<office:body><office:text>{text}</office:text></office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    return data.getvalue()


def test_a_cell_over_rows_of_an_odt_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    cell = '<table:table-cell table:number-rows-spanned="{}"><text:p>{}</text:p></table:table-cell>'
    covered = "<table:covered-table-cell/>"
    rows = (cell.format(2, "Cats") + cell.format(1, "Mia"), covered + cell.format(1, "Leo"))
    lines = "</table:table-row><table:table-row>".join(rows)
    data = _odt(f"<table:table><table:table-row>{lines}</table:table-row></table:table>")
    assert read_bytes("a.odt", data).text == "Cats | Mia\nCats | Leo"


def test_a_cell_over_columns_of_an_odt_takes_all_of_them(read_bytes: ReadBytes) -> None:
    cell = "<table:table-cell {}><text:p>{}</text:p></table:table-cell>"
    lines = (
        cell.format('table:number-columns-spanned="2"', "Cats")
        + "<table:covered-table-cell/>"
        + cell.format('table:number-rows-spanned="2"', "Mia"),
        cell.format("", "grey") + cell.format("", "old") + "<table:covered-table-cell/>",
    )
    rows = "".join(f"<table:table-row>{line}</table:table-row>" for line in lines)
    data = _odt(f"<table:table>{rows}</table:table>")
    assert read_bytes("a.odt", data).text == "Cats | Mia\ngrey | old | Mia"


def test_a_paragraph_in_the_style_of_a_title_is_a_heading_of_an_odt(read_bytes: ReadBytes) -> None:
    data = _odt(
        '<text:p text:style-name="P1">Pets</text:p>'
        '<text:p text:style-name="Subtitle">Cats</text:p><text:p>purr</text:p>',
        '<office:automatic-styles><style:style style:name="P1" style:parent-style-name="Title"/>'
        "</office:automatic-styles>",
    )
    document = read_bytes("a.odt", data)
    assert (document.title, document.text) == ("Pets", "Pets\n\nCats\n\npurr")
    assert document.headings == (Heading(1, 0, 4), Heading(2, 6, 10))


def test_a_comment_in_an_odt_follows_its_paragraph(read_bytes: ReadBytes) -> None:
    data = _odt(
        "<text:p>Cats <office:annotation><dc:creator>vet</dc:creator><dc:date>2024-05-01</dc:date>"
        "<text:p>Do they?</text:p></office:annotation>purr.<office:annotation-end/></text:p>"
    )
    assert read_bytes("a.odt", data).text == "Cats purr.\n[Do they?]"


@pytest.mark.parametrize(
    "element",
    [
        # What was deleted is kept, to be taken back.
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>Dogs bark.</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>",
        "<!-- Dogs bark. -->",
        "<?editor Dogs bark. ?>",
    ],
)
@pytest.mark.parametrize(
    "place", ["{}<text:p>Cats purr.</text:p>", "<text:p>Cats {}purr.</text:p>"]
)
def test_what_is_no_text_of_an_odt_is_not_read(
    place: str, element: str, read_bytes: ReadBytes
) -> None:
    assert read_bytes("a.odt", _odt(place.format(element))).text == "Cats purr."


def test_readings_over_ideographs_of_an_odt_are_left_out(read_bytes: ReadBytes) -> None:
    data = _odt(
        "<text:p><text:ruby><text:ruby-base>猫</text:ruby-base><text:ruby-text>ねこ<text:note>"
        "<text:note-body><text:p>a reading</text:p></text:note-body></text:note></text:ruby-text>"
        "</text:ruby>が眠る。</text:p>"
    )
    assert read_bytes("a.odt", data).text == "猫が眠る。"


def test_a_box_of_an_odt_follows_the_paragraph_it_is_anchored_in(read_bytes: ReadBytes) -> None:
    data = _odt(
        "<text:p>Cats <draw:frame><draw:text-box><text:p>A box</text:p>"
        "<text:p>of two lines</text:p></draw:text-box></draw:frame>purr.</text:p>"
    )
    assert read_bytes("a.odt", data).text == "Cats purr.\n\nA box\n\nof two lines"


def test_an_item_of_an_odt_has_one_mark_and_a_heading_of_a_list_none(
    read_bytes: ReadBytes,
) -> None:
    item = "<text:list-item>{}</text:list-item>"
    inner = item.format("<text:p>kitten</text:p>") + item.format("<text:p>cat</text:p>")
    data = _odt(
        "<text:p>Pets</text:p><text:list><text:list-header><text:p>of ours</text:p>"
        "</text:list-header>"
        + item.format("<text:p>Mia</text:p><text:p>grey, and old</text:p>")
        + item.format(f"<text:list>{inner}</text:list>")
        + item.format('<text:h text:outline-level="2">Dogs</text:h><text:p>bark</text:p>')
        + "</text:list>"
    )
    document = read_bytes("a.odt", data)
    assert document.text == ("Pets\n\nof ours\n- Mia\ngrey, and old\n- kitten\n- cat\n\nDogs\nbark")
    assert [document.text[h.start : h.end] for h in document.headings] == ["Dogs"]


def test_white_space_of_an_odt_is_what_its_elements_say(read_bytes: ReadBytes) -> None:
    data = _odt(
        "<text:p>\n  <text:span>Cats</text:span>\n   purr<text:tab/>softly<text:line-break/>"
        'all<text:s/><text:s text:c="2"/>day<text:s text:c="999999999"/>.</text:p>'
    )
    assert read_bytes("a.odt", data).text == f"Cats purr\tsoftly\nall   day{' ' * 100}."
