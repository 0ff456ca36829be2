"""hits -> hits that differ: near-duplicates and parallel translations become one, and are named.

Folding two passages that say different things hides one of them, so nothing is folded on a single
sign. Near-duplicates are in one language, hold nearly the same runs of characters (Broder 1997) and
exactly the same numbers: two price lists that differ in one price stay two hits. Translations are
paired passages of documents that are translations as a whole (retriever/parallel.py), or single
passages whose vectors are very near and whose numbers agree.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.store import StoredPassage

FoldKind = Literal["duplicate", "translation"]

# Runs of letters and digits that are compared: long enough to be rare in every script.
SHINGLE_CHARS = 8
# Share of runs that two texts have in common, of those of either.
LEAST_RESEMBLANCE = 0.8
# Of single passages, that no document's other passages speak for. Tuned on osguide.
LEAST_ALONE_COSINE = 0.75
# Translations of a text are seldom more than this much longer; Chinese has a third of the letters.
MOST_LENGTH_RATIO = 4.0

_DIGITS = re.compile(r"\d+")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
# Spaces and marks between words; vowel signs and accents stay.
_BETWEEN = re.compile(
    r"[\s!-/:-@\[-`{-~\u00a0-\u00a9\u00ab-\u00b1\u00b4-\u00b8\u00bb\u00bf\u060c\u061b\u061f\u06d4"
    r"\u0964\u0965\u2000-\u206f\u3000-\u3004\u3008-\u3020\u3030]+"
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a text is compared by.

    Attributes:
        shingles: Its runs of letters and digits, in one spelling.
        numbers: Its numbers with Western digits, sorted.
    """

    shingles: frozenset[str]
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Signature":
        """Read a text."""
        text = unicodedata.normalize("NFKC", text).casefold()
        text = _OTHER_DIGIT.sub(lambda match: str(unicodedata.decimal(match[0])), text)
        kept = _BETWEEN.sub("", text)
        runs = range(max(1, len(kept) - SHINGLE_CHARS + 1))
        return cls(
            frozenset(kept[i : i + SHINGLE_CHARS] for i in runs if kept),
            tuple(sorted(str(int(number)) for number in _DIGITS.findall(text))),
        )


def near_duplicates(one: Signature, other: Signature) -> bool:
    """Whether two texts of one language say the same: nearly all runs, and every number."""
    if not one.shingles or one.numbers != other.numbers:
        return False
    sizes = sorted((len(one.shingles), len(other.shingles)))
    if sizes[0] < LEAST_RESEMBLANCE * sizes[1]:
        return False
    shared = len(one.shingles & other.shingles)
    return shared >= LEAST_RESEMBLANCE * (sizes[0] + sizes[1] - shared)


def alone_translations(one: StoredPassage, other: StoredPassage, cosine: float) -> bool:
    """Whether two single passages are translations, by their own text and balanced cosine alone."""
    lengths = sorted((max(1, len(one.text)), max(1, len(other.text))))
    return (
        cosine >= LEAST_ALONE_COSINE
        and lengths[1] <= MOST_LENGTH_RATIO * lengths[0]
        and Signature.of(one.text).numbers == Signature.of(other.text).numbers
    )


def fold(count: int, same: Callable[[int, int], bool]) -> list[list[int]]:
    """Gather the places 0 to count - 1: each joins the first group whose head it is like.

    Only heads are compared, so that a chain of small differences folds nothing.

    Returns:
        Groups in the order of their heads; within each, in the order given.
    """
    groups: list[list[int]] = []
    for place in range(count):
        for group in groups:
            if same(group[0], place):
                group.append(place)
                break
        else:
            groups.append([place])
    return groups


def shown_first(group: Sequence[int], languages: Sequence[str], asked_in: str) -> list[int]:
    """Put the passage in the question's own language first, if there is one."""
    own = [place for place in group if languages[place].split("-")[0] == asked_in.split("-")[0]]
    return [*own[:1], *(place for place in group if place not in own[:1])]
