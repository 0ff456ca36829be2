"""Lines of print -> paragraphs and headings, with words whole again that a line end tore apart."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from indexer.read.blocks import Block
from indexer.read.pdf_lines import Line

# Scripts without blanks between words: a line end there is no word end.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\uffef]"
)
# Of these, the ones whose lines still end between words only.
_BROKEN_AT_WORDS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_THAI_WORD_CHARS = 9
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
# No blank stands behind a Hebrew or Arabic prefix before a foreign word or a number, nor behind the
# dot after a Tibetan syllable.
_GOES_ON = re.compile(r"([\u05d0-\u05ea\u0620-\u064a]-|\u0f0b)$")
_ITEM = re.compile(r"\s*([•‣▪●◦·∙■□○–—*-]\s|\(?(\d{1,3}|[A-Za-z])[.)]\s|[①-⑳])")
_SENTENCE_END = re.compile(r"[.!?:;。．！？：；…؟۔।॥)\]」』”\"]\s*$")
# A table of contents: dots that lead to a number, or a number at the end.
_LEADER = re.compile(r"(\.\s?){4,}")
_LEADS_TO_PAGE = re.compile(rf"{_LEADER.pattern}|\s\d{{1,4}}\s*$")
_WORD, _WORD_PART = re.compile(r"\w+(?:-\w+)*"), re.compile(r"[\w-]*")
# Leading between lines of one paragraph varies by rounding only; a paragraph's gap is half a line.
_GAP = 1.3
_OTHER_FONT = 0.12
_BUCKET_POINTS = 4
_SHARED = 0.25
_FEW_BLANKS = 0.1
_NUMBER_CHARS = 12
# What of a paragraph tells how its next line joins it, and the lines above and below that tell
# where those of a column end: all of them would be too much in a page of 100,000 lines.
_END_CHARS, _NEAR_LINES = 200, 200


@dataclass(frozen=True, slots=True)
class _Habits:
    """What a whole document shows about its line ends.

    Attributes:
        words: All its words, to tell torn words from compounds.
        blank_ends: Lines that end with a word end with a blank, so in Korean, where lines may break
            inside words, a line without one goes on in the next.
    """

    words: frozenset[str]
    blank_ends: bool


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a page shows as a whole, in points.

    Attributes:
        step: Its usual distance from line to line; 0 if it goes down nowhere.
        left, right: Extent of all its lines.
    """

    step: float
    left: float
    right: float


def paragraphs(
    pages: Sequence[Sequence[Line]], titles: Mapping[int, Sequence[tuple[int, str]]]
) -> list[Block]:
    """Return the blocks of all pages.

    Args:
        pages: The lines of each page.
        titles: 1-based page -> (level, title) of the outline's entries that point there.
    """
    habits = _habits([line for page in pages for line in page])
    blocks: list[Block] = []
    for page in pages:
        if not page:
            continue
        marks = _headings(page, titles.get(page[0].page, ()))
        for at, block in enumerate(_blocks(page, marks, habits)):
            goes_on = at == 0 and blocks and not block.level and _goes_on(blocks[-1])
            blocks.append(
                Block(block.text, block.level, block.page, tight=True) if goes_on else block
            )
    return blocks


def _habits(lines: Sequence[Line]) -> _Habits:
    words = frozenset(word for line in lines for word in _WORD.findall(line.text))
    hangul = [line.text for line in lines if _HANGUL.search(line.text[-2:])]
    blanks = sum(text.endswith(" ") for text in hangul)
    return _Habits(words, blank_ends=_FEW_BLANKS * len(hangul) < blanks)


def _goes_on(last: Block) -> bool:
    return not (last.level or _SENTENCE_END.search(last.text) or _LEADER.search(last.text))


def _blocks(page: Sequence[Line], marks: Mapping[int, int], habits: _Habits) -> Iterable[Block]:
    layout = _layout(page)
    text, level, tight = page[0].text, marks.get(0, 0), False
    done: list[str] = []  # of the paragraph, without its end
    for at in range(1, len(page)):
        above, line = page[at - 1], page[at]
        same_heading = level and marks.get(at) == -level
        if same_heading or (not level and at not in marks and _continues(page, at, layout)):
            if len(text) > 2 * _END_CHARS:
                done.append(text[:-_END_CHARS])
                text = text[-_END_CHARS:]
            text = _join(text, line.text, habits, hyphenated=above.hyphenated)
            continue
        yield Block("".join([*done, _with_hyphen(text, above)]), level, line.page, tight)
        text, level, done = line.text, abs(marks.get(at, 0)), []
        tight = not level and at - 1 not in marks and not _gap(above, line, layout.step)
    yield Block("".join([*done, _with_hyphen(text, page[-1])]), level, page[-1].page, tight)


def _with_hyphen(text: str, last: Line) -> str:
    return text + "-" if last.hyphenated else text


def _layout(page: Sequence[Line]) -> _Layout:
    steps = [above.base - line.base for above, line in pairwise(page)]
    down = [step for step in steps if step > 0]
    return _Layout(
        step=median(down) if down else 0.0,
        left=min(line.left for line in page),
        right=max(line.right for line in page),
    )


def _gap(above: Line, line: Line, step: float) -> bool:
    """Tell whether more than a line's distance lies between two lines, or a column ends."""
    down = above.base - line.base
    return not -0.2 * line.height <= down <= _GAP * min(step, 2 * line.height)


def _continues(page: Sequence[Line], at: int, layout: _Layout) -> bool:
    """Tell whether a line belongs to the same paragraph as the line above it."""
    above, line = page[at - 1], page[at]
    if above.hyphenated:
        return True
    if above.vertical != line.vertical or (above.fixed_pitch and line.fixed_pitch):
        return False
    if not line.height or _ITEM.match(line.text) or _gap(above, line, layout.step):
        return False
    if abs(above.height - line.height) > _OTHER_FONT * max(above.height, line.height):
        return False
    if _LEADS_TO_PAGE.search(above.text) and _LEADS_TO_PAGE.search(line.text):
        return False
    return not _ends_early(page, at, layout)


def _ends_early(page: Sequence[Line], at: int, layout: _Layout) -> bool:
    """Tell whether the first word of a line would have fitted onto the line above it."""
    above, line = page[at - 1], page[at]
    room = _room_for_first_word(line)
    farthest = above.left - layout.left if above.right_to_left else layout.right - above.right
    # Most lines reach the end of the page's widest one, and need no look at their column.
    if farthest + _BUCKET_POINTS / 2 <= room:
        return False
    column = [
        other
        for other in page[max(0, at - _NEAR_LINES) : at + _NEAR_LINES]
        if other.left < above.right
        and other.right > above.left
        and other.vertical == above.vertical
    ]
    if above.right_to_left:
        slack = above.left + _edge([-other.left for other in column])
    else:
        slack = _edge([other.right for other in column]) - above.right
    return slack > room


def _room_for_first_word(line: Line) -> float:
    first_word = line.text.split()[0]
    first = len(first_word) + 1
    if _UNSPACED.match(first_word):
        first = _THAI_WORD_CHARS if _BROKEN_AT_WORDS.match(first_word) else 2
    char = (line.right - line.left) / max(1, len(line.text.strip()))
    return 1.3 * first * char + char


def _edge(ends: Sequence[float]) -> float:
    """Return where the lines of a column end: the end many share, else nearly the farthest."""
    bucket, count = Counter(round(end / _BUCKET_POINTS) for end in ends).most_common(1)[0]
    if count >= max(3, _SHARED * len(ends)):
        return bucket * _BUCKET_POINTS
    return sorted(ends)[int(0.9 * (len(ends) - 1))]


def _join(text: str, line: str, habits: _Habits, *, hyphenated: bool) -> str:
    line = line.lstrip()
    if hyphenated:
        return text + _hyphen(text, line, habits.words) + line
    tail = text.rstrip()
    if _UNSPACED.match(tail[-1:]) and _UNSPACED.match(line[:1]):
        return text + line
    if _GOES_ON.search(tail):
        return tail + line
    if _HANGUL.match(text[-1:]) and _HANGUL.match(line[:1]) and habits.blank_ends:
        return text + line
    return f"{tail} {line}"


def _hyphen(text: str, line: str, words: frozenset[str]) -> str:
    """Return "" for a word torn by its line end, "-" for a compound that keeps its hyphen."""
    backwards = _WORD_PART.match(text[::-1])  # a search for the end of a text tries each beginning
    before = backwards[0][::-1] if backwards else ""
    after = _WORD.match(line)
    if not after:
        return "-"
    if before + "-" + after[0] in words:
        return "" if before + after[0] in words else "-"
    return "" if before[-1:].isalpha() and line[:1].islower() else "-"


def _headings(page: Sequence[Line], titles: Sequence[tuple[int, str]]) -> dict[int, int]:
    """Return line -> heading level, for outline entries found on the page in print.

    A negative level marks a line that goes on with the heading of the line above it.
    """
    marks: dict[int, int] = {}
    plain = [_letters(line.text) for line in page] if titles else []
    for level, title in titles:
        wanted = _letters(title)
        lines = _find(plain, wanted, marks) if wanted else ()
        marks |= {at: level if at == lines[0] else -level for at in lines}
    return marks


def _find(plain: Sequence[str], wanted: str, taken: Mapping[int, int]) -> Sequence[int]:
    """Return the line that prints a title, or the two lines that do together."""
    free = dict.fromkeys(at for at in range(len(plain)) if at not in taken and plain[at])
    for at in free:
        if _is_title(plain[at], wanted):
            return (at,)
    for at in free:
        if (
            at + 1 in free
            and not plain[at].isdecimal()
            and _is_title(plain[at] + plain[at + 1], wanted)
        ):
            return (at, at + 1)
    return ()


def _is_title(printed: str, wanted: str) -> bool:
    """Tell whether a line is an outline's title, perhaps after its number ("Chapter 3")."""
    if not printed.endswith(wanted):
        return False
    before = printed.removesuffix(wanted)
    return not before or (len(before) <= _NUMBER_CHARS and any(map(str.isnumeric, before)))


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()
