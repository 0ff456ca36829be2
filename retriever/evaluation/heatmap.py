"""Report -> heat map of the matrix: a page of HTML without scripts, or a PNG."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retriever.errors import EvaluationError, LibraryMissing
from retriever.evaluation.report import Cell, Ranking, Report
from retriever.evaluation.table import cell_text

# Pale yellow, green, dark blue: reads in print, and for people who cannot tell red from green.
SCALE = ((255, 255, 217), (65, 182, 196), (8, 29, 88))
EMPTY = (230, 230, 230)
# Pixels of a cell that holds a number, and of one that does not.
WIDE, NARROW = 40, 10
MOST_WITH_NUMBERS = 40

Colour = tuple[int, int, int]

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 14px sans-serif; margin: 2em }} table {{ border-collapse: collapse; margin: 1em 0 }}
td, th {{ padding: .3em .4em; text-align: center; font-weight: normal; font-size: 12px }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def check_endings(paths: Sequence[Path]) -> None:
    """Refuse a file that would be neither.

    Raises:
        EvaluationError: Its name ends otherwise.
    """
    for path in paths:
        if path.suffix.lower() not in (".png", ".html"):
            raise EvaluationError(
                f"{path} would be no heat map.", "Its name should end in .png or .html."
            )


def draw_heatmap(report: Report, metric: str, path: Path) -> None:
    """Write one matrix for each balance mode.

    Raises:
        EvaluationError: The file cannot be written.
        LibraryMissing: Pillow is not installed, and a PNG is wanted.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".html":
            path.write_text(as_html(report, metric), encoding="utf-8")
        else:
            _as_image(report, metric).save(path, format="PNG")
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be written: {error.strerror or error}.", "Name another file."
        ) from error


def as_html(report: Report, metric: str) -> str:
    """The page; a cell's interval and number of questions show when the pointer rests on it."""
    title = html.escape(f"{metric}: {report.facts.collection}, {report.facts.encoder}")
    body = "\n".join(_html_matrix(ranking, metric) for ranking in report.rankings)
    return PAGE.format(title=title, body=body)


def _html_matrix(ranking: Ranking, metric: str) -> str:
    asked, held = _languages(ranking.cells)
    cells = {(cell.question_language, cell.passage_language): cell for cell in ranking.cells}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in held)
    rows = [f"<tr><th></th>{head}</tr>"]
    for language in asked:
        row = "".join(_html_cell(cells[language, other], metric) for other in held)
        rows.append(f"<tr><th>{html.escape(language)}</th>{row}</tr>")
    caption = f"<h2>Balance {ranking.balance}</h2><p>Down: questions; across: passages.</p>"
    return f"{caption}<table>{''.join(rows)}</table>"


def _html_cell(cell: Cell, metric: str) -> str:
    back, text = colours(cell, metric)
    style = f"background:rgb{back};color:rgb{text}".replace(" ", "")
    title = f"n={cell.figures.n}"
    if cell.figures.n:
        found = cell.figures.metrics[metric]
        title += f", {found.low:.3f} to {found.high:.3f}"
    return f'<td style="{style}" title="{title}">{cell_text(cell, metric)}</td>'


def colours(cell: Cell, metric: str) -> tuple[Colour, Colour]:
    """Of the cell and of the text in it."""
    if not cell.figures.n:
        return EMPTY, (0, 0, 0)
    value = cell.figures.metrics[metric].mean
    low, high = SCALE[:2] if value < 0.5 else SCALE[1:]
    part = 2 * value - (value >= 0.5)
    back = tuple(round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return (back[0], back[1], back[2]), (0, 0, 0) if value < 0.6 else (255, 255, 255)


def _languages(cells: Sequence[Cell]) -> tuple[list[str], list[str]]:
    asked = sorted({cell.question_language for cell in cells})
    return asked, sorted({cell.passage_language for cell in cells})


def _as_image(report: Report, metric: str) -> Any:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise LibraryMissing("Pillow", "eval") from error
    asked, held = _languages(report.rankings[0].cells)
    side = WIDE if len(held) <= MOST_WITH_NUMBERS else NARROW
    font = ImageFont.load_default(12 if side == WIDE else 8)
    left = 10 + max(int(font.getlength(name)) for name in asked)
    top = 40 + max(int(font.getlength(name)) for name in held)
    height = top + side * len(asked) + 10
    width = max(left + side * len(held) + 10, 420)
    image = Image.new("RGB", (width, height * len(report.rankings)), "white")
    draw = ImageDraw.Draw(image)
    for at, ranking in enumerate(report.rankings):
        y = at * height
        title = f"{metric}, balance {ranking.balance}; down: questions, across: passages"
        draw.text((10, y + 8), title, "black", ImageFont.load_default(12))
        for column, name in enumerate(held):
            _upright(image, name, font, (left + column * side + side // 2, y + top - 4))
        cells = {(cell.question_language, cell.passage_language): cell for cell in ranking.cells}
        for row, language in enumerate(asked):
            middle = y + top + row * side + side // 2
            draw.text((left - 4, middle), language, "black", font, anchor="rm")
            for column, other in enumerate(held):
                place = (left + column * side, y + top + row * side)
                back, text = colours(cells[language, other], metric)
                draw.rectangle((*place, place[0] + side - 1, place[1] + side - 1), back)
                if side == WIDE:
                    number = cell_text(cells[language, other], metric)
                    draw.text((place[0] + side // 2, middle), number, text, font, anchor="mm")
    return image


def _upright(image: Any, text: str, font: Any, bottom: tuple[int, int]) -> None:
    """Write a text upward from a point."""
    from PIL import Image, ImageDraw

    label = Image.new("RGB", (max(1, int(font.getlength(text)) + 2), 16), "white")
    ImageDraw.Draw(label).text((1, 1), text, "black", font)
    turned = label.rotate(90, expand=True)
    image.paste(turned, (bottom[0] - 8, bottom[1] - turned.height))
