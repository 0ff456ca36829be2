"""PPTX: merged cells and comments."""

import io
import zipfile

import pytest

from tests.read.conftest import ReadBytes

_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def _slide(shape: str, comments: str) -> bytes:
    """Return a show of one slide."""
    rels = "<Relationships {}><Relationship Id='r1' Type='{}/{}' Target='{}'/></Relationships>"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, part in {
            "ppt/presentation.xml": f'<p:presentation {_P} xmlns:r="{_R}"><p:sldIdLst>'
            '<p:sldId r:id="r1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": rels.format(_RELS, _R, "slide", "slides/s.xml"),
            "ppt/slides/s.xml": f"<p:sld {_A} {_P}><p:sp>{shape}</p:sp></p:sld>",
            "ppt/slides/_rels/s.xml.rels": rels.format(_RELS, _R, "comments", "../c.xml"),
            "ppt/c.xml": comments,
        }.items():
            archive.writestr(name, part)
    return data.getvalue()


def test_a_cell_over_rows_of_a_slide_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    cell = "<a:tc {}><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"
    rows = (
        cell.format("rowSpan='2' gridSpan='2'", "Cats") + cell.format("hMerge='1'", "")
        + cell.format("", "Mia"),
        cell.format("vMerge='1'", "") + cell.format("vMerge='1' hMerge='true'", "")
        + cell.format("", "Leo"),
        cell.format("", "Dogs") + cell.format("hMerge='1'", "kept") + cell.format("", "Rex"),
    )  # fmt: skip
    shape = f"<a:tbl><a:tr>{'</a:tr><a:tr>'.join(rows)}</a:tr></a:tbl>"
    assert read_bytes("a.pptx", _slide(shape, "")).text == (
        "Cats | Mia\nCats | Leo\nDogs | kept | Rex"
    )


@pytest.mark.parametrize(
    "comments",
    [
        f"<p:cmLst {_P}><p:cm><p:pos/><p:text>Do they?</p:text></p:cm></p:cmLst>",
        f'<c:cmLst xmlns:c="http://schemas.microsoft.com/office/powerpoint/2018/8/main" {_A}>'
        "<c:cm><c:txBody><a:p><a:r><a:t>Do they?</a:t></a:r></a:p></c:txBody></c:cm></c:cmLst>",
    ],
)
def test_a_comment_on_a_slide_stands_on_its_page(comments: str, read_bytes: ReadBytes) -> None:
    shape = "<p:txBody><a:p><a:r><a:t>Cats purr.</a:t></a:r></a:p></p:txBody>"
    document = read_bytes("a.pptx", _slide(shape, comments))
    assert document.text == "Cats purr.\n[Do they?]"
    assert [(page.number, page.end) for page in document.pages] == [(1, 21)]
