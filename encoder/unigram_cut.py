"""words -> where their tokens end: the cut of a Unigram vocabulary, many words at once.

A Unigram tokeniser cuts a word into the pieces whose log probabilities have the highest sum. Here
all words take each step together, in numpy: from every place the pieces that begin there are
followed through a trie; places that no piece spans part the words into short segments; and the best
sums of all segments grow letter by letter. That is several times as fast as one word after another
in the tokenizers library.

An answer is only given where it must be the tokeniser's own: where no other cut comes near the
best one, so that neither rounding nor the rule for equals could decide otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from encoder.spec import TokenEnds
from encoder.unigram_trie import MOST_PIECES, PIECE_CHARS, WORD_START, Numbers, PieceTrie

# Words that are cut together: bounds the memory.
BATCH_CHARS = 65_536
_LINE_END = "\n"
# Stands between two words.
BREAK = f"{_LINE_END}{WORD_START}"
# What a score is without the column in its last bits.
_SUM = -PIECE_CHARS
_NOT_REACHED = -(2**30)

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CutWords:
    """What is known of some words.

    Attributes:
        known: Of each word, whether it could be cut here.
        counts: Tokens of each known word.
        ends: Their ends, one known word after another, in characters from its start. The mark of a
            word's start may be a token alone; the first one ends at 0 then.
    """

    known: Flags
    counts: TokenEnds
    ends: TokenEnds


def cut_words(trie: PieceTrie, words: Sequence[str], is_plain: Callable[[str], bool]) -> CutWords:
    """Cut words in the form that the tokeniser's normaliser gives them.

    Args:
        trie: The vocabulary.
        words: At least one, none of them empty. `BREAK` within a word parts it into words that
            count as one.
        is_plain: Whether the normaliser keeps a character that is no letter of the trie. Such
            characters side by side are one unknown token.
    """
    parts = [_cut(trie, part, is_plain) for part in _batches(words)]
    return CutWords(
        np.concatenate([part.known for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.ends for part in parts]),
    )


def _batches(words: Sequence[str]) -> Iterator[Sequence[str]]:
    ends = np.cumsum(np.fromiter(map(len, words), np.int64, len(words)))
    marks = np.arange(0, ends[-1], BATCH_CHARS)
    firsts = np.unique(np.searchsorted(ends, marks, side="right")).tolist()
    return (words[start:end] for start, end in pairwise([*firsts, len(words)]))


def _cut(trie: PieceTrie, words: Sequence[str], is_plain: Callable[[str], bool]) -> CutWords:
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    # Nothing that is looked up stands outside the line ends before and after the words.
    text = (
        f"{_LINE_END * PIECE_CHARS}{WORD_START}{BREAK.join(words)}{_LINE_END * (PIECE_CHARS + 1)}"
    )
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    letters = trie.letters.take(codes).astype(np.int32)
    letters[codes == ord(WORD_START)] = trie.word_start
    is_line_end = codes == ord(_LINE_END)
    starts = np.cumsum(lengths + len(BREAK)) - (lengths + len(BREAK)) + PIECE_CHARS
    word = np.zeros(len(letters), np.int64)
    word[PIECE_CHARS:-PIECE_CHARS] = np.repeat(np.arange(len(words)), lengths + len(BREAK))

    is_end, unsure = _Segments(trie, _rows(trie, letters)).cut()
    unknown = (letters == 0) & ~is_line_end
    is_end[1:][unknown[:-1] & unknown[1:]] = False
    foreign = [code for code in np.unique(codes[unknown]).tolist() if not is_plain(chr(code))]
    known = np.ones(len(words), bool)
    known[word[unsure]] = known[word[np.isin(codes, foreign)]] = False

    # Before a word's start nothing ends but a line end.
    is_end[0] = False
    is_end[1:][is_line_end[:-1]] = False
    places = np.flatnonzero(is_end)
    of_word = word[places - 1]
    places, of_word = places[known[of_word]], of_word[known[of_word]]
    counts = np.bincount(of_word, minlength=len(words))[known]
    return CutWords(known, counts, places - starts[of_word] - 1)


def _rows(trie: PieceTrie, letters: Numbers) -> Numbers:
    """Of each place the row of all pieces that begin there."""
    # A single letter is always a piece; children of the root stand in the order of letters.
    node = np.where(letters > 0, letters + trie.base[0], 0).astype(np.int32)
    last = node.copy()
    place = np.flatnonzero(node)
    node = node[place]
    for step in range(1, PIECE_CHARS):
        child = trie.base.take(node) + letters.take(place + step)
        exists = trie.check.take(child) == node
        place, node = place[exists], child[exists]
        last[place] = node
    return trie.row_of.take(last)


class _Segments:
    """The stretches between places that no piece spans, those of several letters, longest first."""

    def __init__(self, trie: PieceTrie, row: Numbers) -> None:
        self._trie, self._row = trie, row
        self._reach = trie.reach.take(row)
        furthest = np.maximum.accumulate(np.arange(len(row)) + np.maximum(self._reach, 1))
        self._parts = np.concatenate(([True], furthest[:-1] <= np.arange(1, len(row))))
        starts = np.flatnonzero(self._parts)
        lengths = np.diff(starts, append=len(row))
        several = np.flatnonzero(lengths > 1)
        order = several[np.argsort(-lengths[several], kind="stable")]
        self._starts, self._lengths = starts[order], lengths[order]

    def cut(self) -> tuple[Flags, Places]:
        """Return before which places a token ends, and places in segments that are not known."""
        is_end = self._parts.copy()
        too_long = int(np.searchsorted(-self._lengths, -MOST_PIECES))
        unknown = self._starts[:too_long]
        self._starts, self._lengths = self._starts[too_long:], self._lengths[too_long:]
        if not len(self._starts):
            return is_end, unknown
        best = self._sums()
        segment, at = self._way_back(best)
        is_end[self._starts[segment] + at] = True
        close = self._near_ties(best, segment, at)
        return is_end, np.concatenate((unknown, self._starts[close]))

    def _sums(self) -> Numbers:
        """The best sum at each place of each segment, with the column of its last piece.

        Shape (segments, letters of the longest + PIECE_CHARS).
        """
        longest = int(self._lengths[0])
        best = np.full((len(self._starts), longest + PIECE_CHARS), _NOT_REACHED, np.int32)
        best[:, 0] = 0
        active = np.searchsorted(-self._lengths, -np.arange(longest), side="left").tolist()
        for at, number in enumerate(active):
            sums = self._trie.rows.take(self._row.take(self._starts[:number] + at), axis=0)
            sums += (best[:number, at] & _SUM)[:, np.newaxis]
            ahead = best[:number, at + 1 : at + 1 + PIECE_CHARS]
            np.maximum(ahead, sums, out=ahead)
        return best

    def _way_back(self, best: Numbers) -> tuple[Places, Places]:
        """The ends of the tokens: segments, and letters from their starts."""
        segment, at = np.arange(len(self._starts)), self._lengths
        segments, ends = [], []
        while len(segment):
            segments.append(segment)
            ends.append(at)
            at = at - 1 - (best[segment, at] & ~_SUM)
            inside = at > 0
            segment, at = segment[inside], at[inside]
        return np.concatenate(segments), np.concatenate(ends)

    def _near_ties(self, best: Numbers, segment: Places, at: Places) -> Places:
        """Segments in which another piece could have led to one of these ends as well."""
        # Rounding moves a sum by half a unit a piece at most, so the difference of two by a unit.
        least = (best[segment, at] & _SUM) - self._lengths[segment] * PIECE_CHARS
        ways = np.zeros(len(segment), np.int64)
        end = self._starts[segment] + at
        for letters in range(1, PIECE_CHARS + 1):
            some = np.flatnonzero(self._reach.take(end - letters) >= letters)
            before = best[segment[some], at[some] - letters] & _SUM
            row = self._row.take(end[some] - letters)
            ways[some] += before + (self._trie.rows[row, letters - 1] & _SUM) >= least[some]
        return np.unique(segment[ways > 1])
