"""Rankings -> files that trec_eval reads, so that anyone can compute the figures again.

trec_eval -m recall.1,5,10 -m ndcg_cut.10 FOLDER/qrels.trec FOLDER/run-auto.trec
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retriever.evaluation.collection import Collection
from retriever.evaluation.judging import Asked

SaveRanking = Callable[[Asked], None]
DEPTH = 100


@contextmanager
def run_file(collection: Collection, mode: str, folder: Path | None) -> Iterator[SaveRanking]:
    """Write the judgements, and hand out what writes each question's ranking; no folder, no files.

    The figures of these files are those of `Ranking.folder["all"]`.
    """
    if folder is None:
        yield lambda asked: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "qrels.trec").open("w", encoding="utf-8") as qrels:
        for question in collection.questions:
            for document, grade in collection.qrels[question.id].items():
                qrels.write(f"{_word(question.id)} 0 {_word(document)} {grade}\n")
    with (folder / f"run-{mode}.trec").open("w", encoding="utf-8") as run:

        def save(asked: Asked) -> None:
            question = _word(asked.wanted.question.id)
            for rank, column in enumerate(asked.first(max(DEPTH, len(asked.wanted.grades))), 1):
                document, score = _word(asked.board.ids[column]), asked.score(column)
                run.write(f"{question} Q0 {document} {rank} {score!r} {mode}\n")

        yield save


def _word(name: str) -> str:
    """The format knows no spaces in ids."""
    return "%20".join(name.split())
