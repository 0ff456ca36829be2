"""Folders in which language balance has little to go by: it must not rank worse than the cosine.

    python -m benchmarks.balance_safe SET [--seeds 10]

From a parallel set (benchmarks/parallel_sets.py): one language only; many passages of one language
and five of another; three passages in all; passages and questions whose language cannot be told.
Questions are asked in all languages that the folder holds. Figures are recall@1 off and on, and the
95% interval of their difference by the bootstrap that `eval` uses.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.parallel_sets import ParallelSet, language_code, load_set
from encoder.load import load_encoder
from indexer.language import UNKNOWN
from retriever.balance import BalanceMode
from retriever.balanced_rows import BalancedRows, RowSource
from retriever.evaluation.bootstrap import difference_estimates
from retriever.evaluation.candidates import Candidates, Questions
from retriever.evaluation.select import Selection

Places = npt.NDArray[np.int64]
FEW, LEAST_PASSAGES = 5, 40


class Case:
    """One folder of a set and the questions that have their answer in it."""

    def __init__(self, whole: ParallelSet, documents: Places, *, detected: bool = True) -> None:
        encoded = whole.encoded
        self._place = {encoded.collection.documents[at].group: i for i, at in enumerate(documents)}
        spoken = {encoded.collection.documents[at].language for at in documents}
        self.asked = [
            at
            for at, text in enumerate(encoded.collection.questions)
            if text.group in self._place and text.language in spoken
        ]
        self.groups = [encoded.collection.questions[at].group for at in self.asked]
        names = np.array(encoded.languages)[documents] if detected else [UNKNOWN] * len(documents)
        languages, language_of = np.unique(names, return_inverse=True)
        rows = encoded.rows[documents]
        self._rows = BalancedRows(
            RowSource(
                encoded.encoder, tuple(languages.tolist()), language_of.astype(np.int32),
                np.ones(len(rows), np.bool_), lambda first, last: rows[first:last],
            )
        )  # fmt: skip
        asked_in = encoded.questions.languages
        self._questions = Questions(
            encoded.questions.vectors[self.asked],
            tuple(asked_in[at] if detected else UNKNOWN for at in self.asked),
        )
        self._size = len(documents)

    def right(self, mode: BalanceMode) -> npt.NDArray[np.float64]:
        """Whether the answer stands first, for each question."""
        candidates = Candidates(self._rows, np.arange(self._size), self._size)
        scores = np.concatenate([one for _, one in candidates.scores(self._questions, mode)])
        answers = np.array([self._place[group] for group in self.groups])
        found: npt.NDArray[np.float64] = (scores.argmax(axis=1) == answers).astype(np.float64)
        return found


def by_language(whole: ParallelSet) -> dict[str, Places]:
    documents = whole.encoded.collection.documents
    codes = np.array([language_code(text.language) for text in documents])
    return {code: np.flatnonzero(codes == code) for code in sorted(set(codes.tolist()))}


def one_per_group(whole: ParallelSet, places: Places) -> Places:
    seen: dict[str, int] = {}
    for at in places:
        seen.setdefault(whole.encoded.collection.documents[at].group, int(at))
    return np.array(sorted(seen.values()))


def cases(whole: ParallelSet, seeds: int) -> Iterator[tuple[str, Case]]:
    held = by_language(whole)
    large = [code for code, places in held.items() if len(places) >= LEAST_PASSAGES]
    everything = np.arange(len(whole.encoded.rows))
    for code in large:
        yield "one language", Case(whole, one_per_group(whole, held[code]))
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        one, other = rng.choice(large, 2, replace=False)
        few = rng.choice(held[other], FEW, replace=False)
        yield (
            f"many of one and {FEW} of another",
            Case(whole, one_per_group(whole, np.concatenate([few, held[one]]))),
        )
        mixed = one_per_group(whole, rng.permutation(everything))
        yield "mixed, no language can be told", Case(whole, mixed, detected=False)
        for _ in range(10):
            yield "three passages in all", Case(whole, rng.choice(mixed, 3, replace=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", type=int, default=0, help="Most groups of the set; 0: all.")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    whole = load_set(arguments.folder, load_encoder("e5-small"), Selection(groups=arguments.groups))
    found: dict[str, list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], list[str]]]] = {}
    for name, case in cases(whole, arguments.seeds):
        found.setdefault(name, []).append((case.right("off"), case.right("auto"), case.groups))
    for name, held in found.items():
        off, auto = (np.concatenate([one[i] for one in held]) for i in (0, 1))
        groups = np.unique([group for one in held for group in one[2]], return_inverse=True)[1]
        change = difference_estimates((auto - off)[:, None], groups)[0]
        print(
            f"{name}: {len(held)} folders, {len(off)} questions: recall@1 {off.mean():.3f} -> "
            f"{auto.mean():.3f}, change {change.low:+.3f} to {change.high:+.3f}"
        )


if __name__ == "__main__":
    main()
