"""Candidates and questions -> the figures of one balance mode, question by passage language."""

from dataclasses import dataclass

from retriever.balance import BalanceMode
from retriever.evaluation.candidates import Candidates, Questions
from retriever.evaluation.collection import Collection, primary
from retriever.evaluation.judging import Asked, Board, Results, Tally, folder_cases, pair_cases
from retriever.evaluation.metrics import CUTOFF
from retriever.evaluation.options import Pool
from retriever.evaluation.parallel import Shares, measure_parallel
from retriever.evaluation.report import Cell, Ranking, figures
from retriever.evaluation.runs import SaveRanking


@dataclass(frozen=True, slots=True)
class Task:
    """One collection, encoded."""

    collection: Collection
    candidates: Candidates
    questions: Questions
    seed: int = 0

    def groups(self) -> list[int]:
        """A number for each question's group; a question without one is a group of its own."""
        number: dict[str, int] = {}
        return [
            number.setdefault(text.group or f"\n{place}", len(number))
            for place, text in enumerate(self.collection.questions)
        ]


def measure(task: Task, mode: BalanceMode, pool: Pool, save: SaveRanking) -> Ranking:
    """Rank and judge every question; hand each one's ranking of the whole folder to `save`."""
    board = Board(task.collection)
    tally, seen, shares = Tally(), [], []
    for block, scores in task.candidates.scores(task.questions, mode):
        for place, row in enumerate(board.in_order(scores), block.start):
            asked = Asked(board, place, row)
            tally.add(place, folder_cases(asked, ("all", "cross", "same")))
            tally.add(place, pair_cases(asked, in_folder=pool == "folder"))
            seen.append(asked.first(CUTOFF))
            shares.append(Shares.of(asked, seen[-1]))
            save(asked)
    tally.flush()
    groups, seed = task.groups(), task.seed
    cells = {key: found for key, found in tally.results.items() if key[0] != "folder"}
    parallel = None
    if task.collection.is_parallel:
        parallel = measure_parallel(task.collection, seen, shares, groups)
    return Ranking(
        mode,
        same=figures(_cells(cells, same=True), groups, seed),
        cross=figures(_cells(cells, same=False), groups, seed),
        cells=_all_cells(task.collection, cells, groups, seed),
        folder={
            name: figures([tally.results.get(("folder", name), Results())], groups, seed)
            for name in ("all", "cross", "same")
        },
        parallel=parallel,
    )


def _cells(cells: dict[tuple[str, str], Results], *, same: bool) -> list[Results]:
    return [found for (a, b), found in cells.items() if (primary(a) == primary(b)) == same]


def _all_cells(
    collection: Collection, cells: dict[tuple[str, str], Results], groups: list[int], seed: int
) -> tuple[Cell, ...]:
    """Every pair of a language with questions and one with documents, also the empty ones."""
    asked = sorted({text.language for text in collection.questions})
    held = sorted({text.language for text in collection.documents})
    return tuple(
        Cell(a, b, figures([cells.get((a, b), Results())], groups, seed))
        for a in asked
        for b in held
    )
