"""Glyphs of a line in a right-to-left script, by where they stand -> its text in logical order.

PDFium turns a line's letters around run by run, and is wrong where a line holds several Latin words
or where a program wrote its glyphs in printed order (seen with PDFium 153 on PDFs of Chromium and
LibreOffice). So the line is sorted by place, and read from the right; what Unicode's bidirectional
algorithm (UAX #9) prints from the left, words and numbers of left-to-right scripts, is read so.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# As a share of the line's height: a wider gap is a blank, and so is one half as wide that a blank
# of unknown width stands in (some Urdu fonts have narrow ones); a lower letter is on another line.
_BLANK_GAP = 0.15
_NARROW_GAP = 0.05
_OTHER_LINE = 0.5
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_EITHER = {close: (opening, close) for opening, close in _PAIRS.items()}


@dataclass(slots=True)
class Glyph:
    """What is printed at one place: a letter, or the letters of a ligature.

    Attributes:
        text: In logical order, its marks included.
        left, right, base: Extent with its own white space, and base line, in points.
        run: The text object of the PDF that it belongs to; 0 for none.
    """

    text: str
    left: float
    right: float
    base: float
    run: int
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        self.kind = unicodedata.bidirectional(self.text[:1])

    @property
    def centre(self) -> float:
        return (self.left + self.right) / 2


def read_from_the_right(
    glyphs: Sequence[Glyph], height: float, bare: Sequence[float] = ()
) -> str | None:
    """Return the logical text of a right-to-left line.

    Args:
        glyphs: Of one line, in any order.
        height: Line height in points.
        bare: Where about blanks stand whose width is not known.

    Returns:
        None where the glyphs do not stand side by side on one line.
    """
    marks = [glyph for glyph in glyphs if glyph.kind == "NSM"]
    letters = [glyph for glyph in glyphs if glyph.kind != "NSM"]
    bases = [glyph.base for glyph in letters if not glyph.text.isspace()]
    if not bases or max(bases) - min(bases) > _OTHER_LINE * height:
        return None
    for mark in marks:
        nearest = min(
            (glyph for glyph in letters if not glyph.text.isspace()),
            key=lambda glyph: abs(glyph.centre - mark.centre),
        )
        nearest.text += mark.text
    printed = list(_with_blanks(sorted(letters, key=lambda glyph: glyph.left), height, bare))
    return "".join(_logical(printed))


def _with_blanks(printed: Sequence[Glyph], height: float, bare: Sequence[float]) -> Iterator[Glyph]:
    before: Glyph | None = None
    narrow = _NARROW_GAP * height
    for glyph in printed:
        if (
            before is not None
            and (
                glyph.left - before.right > _BLANK_GAP * height
                or (
                    glyph.left - before.right > narrow
                    and any(before.right - narrow < x < glyph.left + narrow for x in bare)
                )
            )
            and not before.text.isspace()
            and not glyph.text.isspace()
        ):
            yield Glyph(" ", before.right, glyph.left, glyph.base, 0)
        before = glyph
        yield glyph


def _logical(printed: Sequence[Glyph]) -> Iterator[str]:
    """The texts of glyphs that are given from left to right, in the order of reading."""
    end = len(printed)
    for start, stop in reversed(_left_to_right(printed)):
        yield from (glyph.text for glyph in reversed(printed[stop:end]))
        yield from (glyph.text for glyph in printed[start:stop])
        end = start
    yield from (glyph.text for glyph in reversed(printed[:end]))


def _left_to_right(printed: Sequence[Glyph]) -> list[tuple[int, int]]:
    """Half-open ranges of what was printed from the left: words with all between them, numbers."""
    arabic = not any(glyph.kind == "R" for glyph in printed)
    runs = [*_words(printed), *_numbers(printed, arabic=arabic)]
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(runs):
        if joined and _one_run(printed, joined[-1], (start, stop)):
            joined[-1] = (joined[-1][0], _closed(printed, joined[-1][0], stop))
        else:
            joined.append((start, _closed(printed, start, stop)))
    return [_with_brackets(printed, run) for run in joined]


def _words(printed: Sequence[Glyph]) -> Iterator[tuple[int, int]]:
    for at, glyph in enumerate(printed):
        if glyph.kind == "L":
            yield at, at + 1


def _numbers(printed: Sequence[Glyph], *, arabic: bool) -> Iterator[tuple[int, int]]:
    """Digits with what belongs to them: rules W4 and W5, which differ after Arabic letters."""
    inside, beside = ({"CS"}, set()) if arabic else ({"CS", "ES"}, {"ET"})
    at = 0
    while at < len(printed):
        if printed[at].kind not in ("EN", "AN"):
            at += 1
            continue
        start = at
        while at < len(printed) and (
            printed[at].kind in ("EN", "AN")
            or (
                printed[at].kind in inside
                and at + 1 < len(printed)
                and printed[at + 1].kind in ("EN", "AN")
            )
        ):
            at += 1
        while start > 0 and printed[start - 1].kind in beside:
            start -= 1
        while at < len(printed) and printed[at].kind in beside:
            at += 1
        yield start, at


def _one_run(printed: Sequence[Glyph], left: tuple[int, int], right: tuple[int, int]) -> bool:
    """Tell whether two runs were typed one after the other as they are printed.

    A number behind a word looks the same as one before it ("Linux 6", "4 GB"): the program that
    wrote the PDF knew, and wrote what was one run of text as one object.
    """
    between = printed[left[1] : right[0]]
    if right[0] <= left[1]:
        return True
    if any(glyph.kind in ("R", "AL") for glyph in between):
        return False
    word_left, word_right = (
        any(glyph.kind == "L" for glyph in printed[start:stop]) for start, stop in (left, right)
    )
    if word_left and word_right:
        return True
    beside = {printed[left[1] - 1].run, printed[right[0]].run}
    return word_left and all(glyph.run and glyph.run in beside for glyph in between)


def _closed(printed: Sequence[Glyph], start: int, stop: int) -> int:
    """Go on to the brackets that close those inside the run (rule N0), as they are printed."""
    missing: list[str] = []
    for glyph in printed[start:stop]:
        if glyph.text in _PAIRS:
            missing.append(_PAIRS[glyph.text])
        elif missing and glyph.text == missing[-1]:
            missing.pop()
    # PDFium mirrors some brackets, so either one of the pair closes.
    while missing and stop < len(printed) and printed[stop].text in _EITHER[missing[-1]]:
        printed[stop].text = missing.pop()
        stop += 1
    return stop


def _with_brackets(printed: Sequence[Glyph], run: tuple[int, int]) -> tuple[int, int]:
    """Take in the brackets around a run, which opens them whatever way they are printed."""
    start, stop = run
    if start == 0 or stop == len(printed):
        return run
    for opening, closing in _PAIRS.items():
        if {printed[start - 1].text, printed[stop].text} <= {opening, closing}:
            printed[start - 1].text, printed[stop].text = opening, closing
            return start - 1, stop + 1
    return run
