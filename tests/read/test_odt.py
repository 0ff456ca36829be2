"""ODT: merged cells, titles and comments."""

import io
import zipfile

from indexer.document import Heading
from tests.read.conftest import ReadBytes


def test_a_cell_over_rows_of_an_odt_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    cell = '<table:table-cell table:number-rows-spanned="{}"><text:p>{}</text:p></table:table-cell>'
    covered = "<table:covered-table-cell/>"
    rows = (cell.format(2, "Cats") + cell.format(1, "Mia"), covered + cell.format(1, "Leo"))
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:text>'
        f"<table:table><table:table-row>{'</table:table-row><table:table-row>'.join(rows)}"
        "</table:table-row></table:table></office:text></office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    assert read_bytes("a.odt", data.getvalue()).text == "Cats | Mia\nCats | Leo"


def test_a_paragraph_in_the_style_of_a_title_is_a_heading_of_an_odt(read_bytes: ReadBytes) -> None:
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:automatic-styles>'
        '<style:style style:name="P1" style:parent-style-name="Title"/></office:automatic-styles>'
        '<office:body><office:text><text:p text:style-name="P1">Pets</text:p>'
        '<text:p text:style-name="Subtitle">Cats</text:p><text:p>purr</text:p>'
        "</office:text></office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    document = read_bytes("a.odt", data.getvalue())
    assert (document.title, document.text) == ("Pets", "Pets\n\nCats\n\npurr")
    assert document.headings == (Heading(1, 0, 4), Heading(2, 6, 10))


def test_a_comment_in_an_odt_follows_its_paragraph(read_bytes: ReadBytes) -> None:
    names = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    content = (
        f"<office:document-content {names}><office:body><office:text><text:p>Cats "
        "<office:annotation><dc:creator>vet</dc:creator><dc:date>2024-05-01</dc:date>"
        "<text:p>Do they?</text:p></office:annotation>purr.<office:annotation-end/></text:p>"
        "</office:text></office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    assert read_bytes("a.odt", data.getvalue()).text == "Cats purr.\n[Do they?]"
