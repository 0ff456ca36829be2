"""vocabulary -> a trie as arrays, in which all words can be looked up at once.

It is a double array: the child of node v by letter c is node base[v] + c if check of that node
is v. For each node stand also the scores of all pieces that end on the way to it: row r of `rows`
holds in column n - 1 what the piece of n letters costs.

Scores are whole numbers: round(score * UNIT) * PIECE_CHARS + the column, so that the larger of two
also tells which piece it was, and NONE where there is no piece.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]
Wide = npt.NDArray[np.int64]

# The longest piece of XLM-R's vocabulary has 16 characters, its word start included.
PIECE_CHARS = 16
UNIT = 2**14
# Sums of up to 64 scores stay above NONE, and no sum of two numbers leaves 32 bits.
MOST_PIECES = 64
LEAST_SCORE, NONE = -32.0, -(2**29)
WORD_START = "▁"

_CODE_POINTS = 0x110000
_SLOT_BITS = 20
# Families with more children are placed one by one.
_LARGE_FAMILY = 32
# Of a vocabulary that fits, none takes a tenth of it.
_MOST_TRIES = 1_000


class UnfitVocabularyError(ValueError):
    """A vocabulary that these arrays cannot hold."""


@dataclass(frozen=True, slots=True)
class PieceTrie:
    """The arrays.

    Attributes:
        letters: Of each code point its letter's number, 0 where no word with it can be cut here.
        word_start: The number of the letter that stands before each word.
        base, check: The double array, shape (nodes,); the root is node 0.
        row_of: Row of each node, shape (nodes,).
        rows: Scores of the pieces on the way to a node, shape (rows, PIECE_CHARS).
        reach: Letters of the longest piece of each row, shape (rows,).
    """

    letters: npt.NDArray[np.uint16]
    word_start: int
    base: Numbers
    check: Numbers
    row_of: Numbers
    rows: Numbers
    reach: npt.NDArray[np.uint8]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All of it by name, as `from_arrays` takes it."""
        arrays = {name: getattr(self, name) for name in self.__slots__}
        return arrays | {"word_start": np.array([self.word_start])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Make it of what `arrays` gave."""
        values: dict[str, Any] = {**arrays, "word_start": int(arrays["word_start"][0])}
        return cls(**values)


def build_trie(
    vocabulary: Sequence[tuple[str, float]], is_letter: Callable[[str], bool]
) -> PieceTrie:
    """Lay out a Unigram vocabulary.

    Args:
        vocabulary: Pieces with their log probabilities; one of them is `WORD_START` alone.
        is_letter: Whether words may hold this character; asked for pieces of one character. What
            is no piece by itself is no letter either, so that every word can be cut.

    Raises:
        UnfitVocabularyError: Its pieces are too long, or its scores out of range.
    """
    scores = dict(vocabulary)
    singles = sorted(p for p in scores if len(p) == 1 and (p == WORD_START or is_letter(p)))
    letters = np.zeros(_CODE_POINTS, np.uint16)
    letters[[ord(single) for single in singles]] = np.arange(1, len(singles) + 1)
    alphabet = frozenset(singles)
    pieces = [piece for piece in scores if piece and alphabet.issuperset(piece)]
    # What is less likely than its letters one by one is never chosen; special tokens are made so.
    pieces = [
        piece for piece in pieces
        if scores[piece] > LEAST_SCORE or scores[piece] >= sum(map(scores.__getitem__, piece))
    ]  # fmt: skip
    values = np.array([scores[piece] for piece in pieces])
    longest = max(map(len, pieces), default=0)
    if WORD_START not in scores or longest > PIECE_CHARS or len(singles) >= 2**16:
        raise UnfitVocabularyError(f"{len(singles)} letters, pieces of up to {longest}")
    if values.min() <= LEAST_SCORE or values.max() > 0:
        raise UnfitVocabularyError(f"scores from {values.min()} to {values.max()}")
    tree = _tree(pieces, letters)
    base, slot = _double_array(tree, len(singles))
    check = np.full(len(base), -1, np.int32)
    check[slot[1:]] = slot[tree.parent[1:]]
    rows, row_of_node = _rows(tree, values)
    row_of = np.zeros(len(base), np.int32)
    row_of[slot] = row_of_node
    columns = np.arange(1, PIECE_CHARS + 1, dtype=np.uint8)
    reach = np.where(rows > NONE, columns, np.uint8(0)).max(axis=1)
    word_start = int(letters[ord(WORD_START)])
    letters[ord(WORD_START)] = 0
    return PieceTrie(letters, word_start, base, check, row_of, rows, reach)


@dataclass(frozen=True, slots=True)
class _Tree:
    """Nodes level by level, children of one node side by side; node 0 is the root.

    Attributes:
        parent, letter: Of each node; the letter leads to it.
        piece: Number of the piece that ends there, or -1.
        levels: First node of each level, and the number of nodes.
    """

    parent: Wide
    letter: Wide
    piece: Wide
    levels: tuple[int, ...]


def _tree(pieces: Sequence[str], letters: npt.NDArray[np.uint16]) -> _Tree:
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    codes = np.frombuffer("".join(pieces).encode("utf-32-le", "surrogatepass"), np.uint32)
    given, first = letters[codes].astype(np.int64), np.cumsum(lengths) - lengths
    node = np.zeros(len(pieces), np.int64)
    parents, found, ends = [np.array([-1])], [np.array([0])], [np.array([-1])]
    levels = [0, 1]
    for depth in range(int(lengths.max())):
        longer = np.flatnonzero(lengths > depth)
        steps, which = np.unique(
            (node[longer] << 16) | given[first[longer] + depth], return_inverse=True
        )
        node[longer] = levels[-1] + which
        parents.append(steps >> 16)
        found.append(steps & 0xFFFF)
        end = np.full(len(steps), -1)
        here = longer[lengths[longer] == depth + 1]
        end[node[here] - levels[-1]] = here
        ends.append(end)
        levels.append(levels[-1] + len(steps))
    return _Tree(
        np.concatenate(parents), np.concatenate(found), np.concatenate(ends), tuple(levels)
    )


def _rows(tree: _Tree, values: npt.NDArray[np.float64]) -> tuple[Numbers, Wide]:
    """Return the rows, and of each node its row: the one of the last piece on the way to it."""
    whole = np.rint(values * UNIT).astype(np.int64) * PIECE_CHARS
    rows = np.full((1 + np.count_nonzero(tree.piece >= 0), PIECE_CHARS), NONE, np.int32)
    row_of, used = np.zeros(len(tree.parent), np.int64), 1
    for depth, start in enumerate(tree.levels[1:-1]):
        nodes = np.arange(start, tree.levels[depth + 2])
        row_of[nodes] = row_of[tree.parent[nodes]]
        ends = nodes[tree.piece[nodes] >= 0]
        new = np.arange(used, used + len(ends))
        rows[new] = rows[row_of[ends]]
        rows[new, depth] = whole[tree.piece[ends]] + depth
        row_of[ends] = new
        used += len(ends)
    return rows, row_of


def _double_array(tree: _Tree, letters: int) -> tuple[Numbers, Wide]:
    """Find a slot for each node: families in an empty table first, only children in what is left.

    Returns:
        Base by slot, and slot by node.
    """
    nodes = len(tree.parent)
    if nodes > 2**_SLOT_BITS * 3 // 4:
        raise UnfitVocabularyError(f"{nodes} beginnings of pieces")
    children = np.bincount(tree.parent[1:], minlength=nodes)
    first = np.cumsum(children) - children + 1
    slot, base = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    taken = np.zeros(2**_SLOT_BITS + letters + 1, bool)
    # No only child may need a base below 0.
    taken[: letters + 2] = True
    slot[first[0] : first[0] + children[0]] = 1 + tree.letter[first[0] : first[0] + children[0]]
    base[0] = 1
    rng = np.random.default_rng(0)
    for parents in _by_size(children):
        tries = 0
        while len(parents):
            tries += 1
            if tries > _MOST_TRIES:
                raise UnfitVocabularyError(f"no room for {len(parents)} beginnings of pieces")
            tried = rng.integers(letters + 2, 2**_SLOT_BITS, len(parents))
            sizes = children[parents]
            starts = np.cumsum(sizes) - sizes
            nodes_of = np.arange(sizes.sum()) + np.repeat(first[parents] - starts, sizes)
            slots = np.repeat(tried, sizes) + tree.letter[nodes_of]
            clash = taken[slots]
            clash[np.setdiff1d(np.arange(len(slots)), np.unique(slots, return_index=True)[1])] = (
                True
            )
            fits = ~np.logical_or.reduceat(clash, starts)
            placed = np.repeat(fits, sizes)
            slot[nodes_of[placed]] = slots[placed]
            taken[slots[placed]] = True
            base[parents[fits]] = tried[fits]
            parents = parents[~fits]
    alone = np.flatnonzero(children == 1)
    free = np.flatnonzero(~taken)[: len(alone)]
    slot[first[alone]] = free
    base[alone] = free - tree.letter[first[alone]]
    by_slot = np.zeros(len(taken), np.int32)
    by_slot[slot] = base
    return by_slot, slot


def _by_size(children: Wide) -> Iterator[Wide]:
    """Parents of several children but the root, large families first and alone."""
    parents = np.flatnonzero(children > 1)
    parents = parents[parents != 0]
    parents = parents[np.argsort(-children[parents], kind="stable")]
    sizes = children[parents]
    large = int(np.count_nonzero(sizes > _LARGE_FAMILY))
    yield from (parents[at : at + 1] for at in range(large))
    bound = _LARGE_FAMILY
    while bound > 1:
        yield parents[(sizes <= bound) & (sizes > bound // 2)]
        bound //= 2
