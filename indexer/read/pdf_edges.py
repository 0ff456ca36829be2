"""Running headers, footers and page numbers: found at the edges of PDF pages and taken out."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from indexer.read.pdf_lines import Line

# Fewer pages show no pattern to be sure of.
_MIN_PAGES = 4
_EDGE_LINES = 2
# A place is furniture if on most pages it holds text that comes again there on others.
_MIN_REPEATS = 3
_MIN_COVER = 0.6
# In a long document a quarter of the pages is enough, for headers alternate and change by chapter,
# and lines count that share only their first or last word ("CHAPTER 3. ...", "... 17").
_LONG = 10
_MIN_COVER_LONG = 0.25
_MIN_IN_ORDER = 0.8
_BUCKET_POINTS = 4
_SHOWN = 5
_LETTER = re.compile(r"[^\W\d_]")

_Place = tuple[str, int]


def without_edges(pages: Sequence[Sequence[Line]]) -> tuple[list[list[Line]], tuple[str, ...]]:
    """Return the pages without their furniture, and a note of what was removed."""
    furniture = _furniture(pages)
    kept = [[line for line in page if id(line) not in furniture] for page in pages]
    return kept, _note(furniture.values())


def _furniture(pages: Sequence[Sequence[Line]]) -> dict[int, Line]:
    """Return the lines to remove, by their id()."""
    if len(pages) < _MIN_PAGES:
        return {}
    places: dict[_Place, list[Line]] = defaultdict(list)
    for page in pages:
        for place, line in _edge_lines(page):
            places[place].append(line)
    long = len(pages) >= _LONG
    enough = max(_MIN_REPEATS, (_MIN_COVER_LONG if long else _MIN_COVER) * len(pages))
    found: dict[int, Line] = {}
    for lines in places.values():
        candidates = [_same_shape(lines)]
        if long:
            candidates += [_same_word(lines, 0), _same_word(lines, -1)]
        for repeated in candidates:
            if len({line.page for line in repeated}) >= enough:
                found |= {id(line): line for line in repeated}
    return found if long else _without_only_copies(pages, found)


def _without_only_copies(
    pages: Sequence[Sequence[Line]], found: Mapping[int, Line]
) -> dict[int, Line]:
    """Leave one copy of text that would be gone altogether: a short document may need it."""
    kept = "".join(_letters(line) for page in pages for line in page if id(line) not in found)
    copies: dict[str, int] = {}
    for key, line in found.items():
        if _letters(line) not in kept:
            copies.setdefault(_letters(line), key)
    return {key: line for key, line in found.items() if key not in copies.values()}


def _letters(line: Line) -> str:
    return "".join(filter(str.isalpha, line.text)).casefold()


def _edge_lines(page: Sequence[Line]) -> Iterable[tuple[_Place, Line]]:
    """Return the first and last lines with the place each stands at; never all lines of a page."""
    half = min(_EDGE_LINES, len(page) // 2)
    for edge, lines in (("top", page[:half]), ("bottom", page[len(page) - half :])):
        for line in lines:
            yield (edge, round(line.base / _BUCKET_POINTS)), line


def _same_shape(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that are often alike but for numbers, which must count the pages."""
    counts = Counter(map(_shape, lines))
    repeated = [line for line in lines if counts[_shape(line)] >= _MIN_REPEATS]
    numbered = [line for line in repeated if "#" in _shape(line)]
    if numbered and not (_count_pages(numbered, 0) or _count_pages(numbered, -1)):
        return [line for line in repeated if line not in numbered]
    return repeated


def _same_word(lines: Sequence[Line], at: int) -> list[Line]:
    """Return the lines that share their first (0) or last (-1) word: "Chapter 3. ...", "... 17"."""
    word = Counter(_word(line, at) for line in lines).most_common(1)[0][0]
    alike = [line for line in lines if _word(line, at) == word]
    if not _LETTER.search(word) and not ("#" in word and _count_pages(alike, at)):
        return []
    return alike


def _word(line: Line, at: int) -> str:
    return re.sub(r"\d+", "#", line.text.split()[at]).casefold()


def _shape(line: Line) -> str:
    return re.sub(r"\d+", "#", "".join(line.text.split()).casefold())


def _count_pages(lines: Sequence[Line], at: int) -> bool:
    """Tell whether the first or last numbers rise with the pages: no column of a table does."""
    offsets = Counter(
        int(numbers[at]) - line.page
        for line in lines
        if (numbers := re.findall(r"\d{1,9}", line.text))
    )
    return bool(offsets) and max(offsets.values()) >= _MIN_IN_ORDER * len(lines)


def _note(removed: Iterable[Line]) -> tuple[str, ...]:
    counts = Counter(re.sub(r"\d+", "#", " ".join(line.text.split())) for line in removed)
    if not counts:
        return ()
    shown = ", ".join(f"{text!r} x {count}" for text, count in counts.most_common(_SHOWN))
    more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
    return (f"Removed at the edges of pages: {shown}{more}.",)
