"""Language balance where every text is there in several languages, and where a filter leaves one.

    python -m benchmarks.balance_parallel SET... [--fit-on-others] [--groups 110]

All versions of a parallel set stand in one folder (benchmarks/parallel_sets.py). For each balance
mode the table of `eval`: pairs of languages, where the passages in one language alone compete, as
behind `--lang`, and the whole folder, with the own-language share of the first ten and of those of
them that do not answer. Then what a mode gains over the first one in the pairs, as recall@1, with
the 95% interval of the paired differences. With --fit-on-others each set is judged with statistics
fitted on the other ones instead of those that are shipped.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.fit_language_offsets import fit_sets
from benchmarks.parallel_sets import load_set
from encoder.language_offsets import language_offsets
from encoder.load import load_encoder
from retriever.balance import BalanceMode
from retriever.balanced_rows import BalancedRows
from retriever.evaluation.bootstrap import difference_estimates
from retriever.evaluation.candidates import Candidates
from retriever.evaluation.collection import primary
from retriever.evaluation.judging import Asked, Board, Keyed, Results, Tally, pair_cases
from retriever.evaluation.matrix import Task, measure
from retriever.evaluation.metrics import METRICS, Values
from retriever.evaluation.report import Facts, Report
from retriever.evaluation.select import Selection
from retriever.evaluation.table import print_report

MODES: tuple[BalanceMode, ...] = ("off", "auto", "full")


def pairs(task: Task, mode: BalanceMode) -> dict[Keyed, Results]:
    """Judge every question in every language alone."""
    board, tally = Board(task.collection), Tally()
    for block, scores in task.candidates.scores(task.questions, mode):
        for place, row in enumerate(board.in_order(scores), block.start):
            tally.add(place, pair_cases(Asked(board, place, row), in_folder=False))
    tally.flush()
    return tally.results


def print_gains(task: Task, groups: list[int]) -> None:
    column = METRICS.index("recall@1")
    before = pairs(task, MODES[0])
    for mode in MODES[1:2]:  # no pair has a first place to be lifted to: "full" is the same
        after = pairs(task, mode)
        for same in (True, False):
            keys = [key for key in before if (primary(key[0]) == primary(key[1])) == same]
            change: Values = np.concatenate(
                [after[key].stacked()[:, column] - before[key].stacked()[:, column] for key in keys]
            )
            asked = np.concatenate([before[key].questions for key in keys])
            found = difference_estimates(change[:, None], np.array(groups)[asked])[0]
            kind = "same language" if same else "other language"
            print(
                f"pairs, {kind}: {mode} over {MODES[0]} {found.mean:+.3f} "
                f"({found.low:+.3f} to {found.high:+.3f})"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--fit-on-others", action="store_true")
    parser.add_argument("--groups", type=int, default=0, help="Most groups of a set; 0: all.")
    arguments = parser.parse_args()
    encoder = load_encoder("e5-small")
    selection = Selection(groups=arguments.groups)
    sets = [load_set(path, encoder, selection) for path in arguments.sets]
    for whole in sets:
        offsets = language_offsets("e5-small")
        if arguments.fit_on_others:
            offsets = fit_sets([one for one in sets if one is not whole])
        encoded = whole.encoded
        collection = replace(encoded.collection, name=whole.name)
        rows = BalancedRows(encoded.source(slice(None)), lambda name, found=offsets: found)  # type: ignore[misc]
        candidates = Candidates(rows, encoded.document_of, len(collection.documents))
        task = Task(collection, candidates, encoded.questions)
        rankings = tuple(measure(task, mode, "language", lambda asked: None) for mode in MODES)
        facts = Facts(
            whole.name, encoder.spec.name, len(collection.documents), len(encoded.rows), 0,
            len(collection.questions), collection.languages,
            {"there in another language, too": f"{rows.translated:.0%}"}, (),
        )  # fmt: skip
        print_report(Report(facts, rankings), "recall@1")
        print_gains(task, task.groups())


if __name__ == "__main__":
    main()
