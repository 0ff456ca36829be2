"""The figures of `eval` beside those of the program trec_eval, question by question.

    python -m benchmarks.trec_eval_parity OSGUIDE --trec-eval ./trec_eval --sample 1000

trec_eval is NIST's program (`make` in its sources; it is no part of this project). `eval` ranks and
judges the collection as it always does. Beside it the same scores are written out with plain
loops: a run of the 1,000 best documents of the whole folder for each question, one of all documents
in one language for each question and language, and the judgements. trec_eval computes its
figures from these files. A second time scores are rounded to two digits, so that most
documents tie with others. What differs most is printed; trec_eval prints four digits, so 0.00005
is none.
"""

import argparse
import os
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import numpy as np

from encoder.load import load_encoder
from retriever.balanced_rows import BalancedRows
from retriever.evaluation.beir import read_collection
from retriever.evaluation.candidates import Candidates, Questions, Scores
from retriever.evaluation.collection import Collection
from retriever.evaluation.encoding import Cutting, encode_texts, make_passages, question_languages
from retriever.evaluation.judging import Asked, Board, Tally, folder_cases, pair_cases
from retriever.evaluation.metrics import METRICS
from retriever.evaluation.mixed import Encoded
from retriever.evaluation.options import Relevance
from retriever.evaluation.select import Selection, select
from retriever.evaluation.vector_cache import VectorCache

DEPTH = 1000
PLACES = 4
THEIRS = ("recall_1", "recall_5", "recall_10", "ndcg_cut_10", "recip_rank", "Rprec")
NAMES = dict(zip(METRICS, THEIRS, strict=True))
Found = dict[tuple[str, str], float]
"""(A question's id, "@" and a language where it was asked of this one alone; figure) -> value."""


def score(collection: Collection) -> Scores:
    """All scores of a hybrid search with balance: shape (questions, documents)."""
    encoder = load_encoder("e5-small")
    cutting, cache = Cutting(), VectorCache.open(encoder)
    passages = make_passages(collection.documents, encoder, cutting)
    rows = encode_texts(passages.texts, "passage", encoder, cache, lambda done, total: None)
    texts = tuple(question.text for question in collection.questions)
    vectors = encode_texts(texts, "query", encoder, cache, lambda done, total: None)
    questions = Questions(
        vectors, question_languages(collection.questions, cutting.languages), texts
    )
    encoded = Encoded(
        collection, encoder.spec, rows, passages.languages, passages.document_of, questions,
        passages.lexical_texts(),
    )  # fmt: skip
    candidates = Candidates(
        BalancedRows(encoded.source(slice(None))), encoded.document_of, len(collection.documents),
        encoded.words(slice(None)),
    )  # fmt: skip
    return np.concatenate([part for _, part in candidates.scores(questions, "auto")])


def ours(collection: Collection, scores: Scores) -> Found:
    """As `eval` judges."""
    board, tally = Board(collection), Tally()
    for place, row in enumerate(board.in_order(scores)):
        asked = Asked(board, place, row)
        tally.add(place, [*folder_cases(asked, ("all",)), *pair_cases(asked, in_folder=False)])
    tally.flush()
    found = {}
    for (kind, language), results in tally.results.items():
        for place, values in zip(results.questions, results.stacked(), strict=True):
            name = collection.questions[place].id
            key = name if kind == "folder" else f"{name}@{language}"
            found.update({(key, NAMES[m]): float(v) for m, v in zip(METRICS, values, strict=True)})
    return found


def write(collection: Collection, scores: Scores, qrels: Path, run: Path) -> None:
    """Write what trec_eval reads, the order of lines being that of the documents."""
    language_of = {text.id: text.language for text in collection.documents}
    columns_in: dict[str, list[int]] = defaultdict(list)
    for column, text in enumerate(collection.documents):
        columns_in[text.language].append(column)
    with qrels.open("w", encoding="utf-8") as judged, run.open("w", encoding="utf-8") as ranked:
        for question, row in zip(collection.questions, scores, strict=True):
            grades = collection.qrels[question.id]
            of_group = {text.id for text in collection.documents if text.group == question.group}
            for name, wanted in _pools(question.id, grades, language_of):
                language = name.rpartition("@")[2]
                columns = columns_in[language] if "@" in name else np.argsort(-row)[:DEPTH]
                for document in wanted:
                    judged.write(f"{name} 0 {document} {grades[document]}\n")
                for column in sorted(columns):
                    document = collection.documents[column].id
                    if document in grades or not question.group or document not in of_group:
                        ranked.write(f"{name} Q0 {document} 0 {float(row[column])!r} run\n")


def _pools(
    question: str, grades: Mapping[str, int], language_of: dict[str, str]
) -> Iterator[tuple[str, list[str]]]:
    """The whole folder, and each language with answers: a name, and what is judged there."""
    yield question, [*grades]
    answers: dict[str, list[str]] = defaultdict(list)
    for document, grade in grades.items():
        if grade > 0:
            answers[language_of[document]].append(document)
    for language, documents in answers.items():
        yield f"{question}@{language}", documents


def theirs(program: Path, qrels: Path, run: Path) -> Found:
    """As trec_eval judges; the reciprocal rank is that of runs cut at ten."""
    found: Found = {}
    for options in (
        ["-m", "recall.1,5,10", "-m", "ndcg_cut.10", "-m", "Rprec"],
        ["-M", "10", "-m", "recip_rank"],
    ):
        command = [str(program), "-q", *options, str(qrels), str(run)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for figure, question, value in map(str.split, lines.strip().split("\n")):
            if question != "all":
                found[question, figure] = float(value)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("collection", type=Path)
    parser.add_argument("--trec-eval", type=Path, required=True)
    parser.add_argument("--relevance", choices=get_args(Relevance), default="group")
    parser.add_argument("--sample", type=int, default=0, help="Most questions; 0: all.")
    arguments = parser.parse_args()
    if not os.access(arguments.trec_eval, os.X_OK):
        parser.error(f"{arguments.trec_eval} is no program; build trec_eval with `make`")
    whole = read_collection(arguments.collection, arguments.relevance)
    collection = select(whole, Selection(questions=arguments.sample))
    exact = score(collection)
    for kind, scores in (("as they are", exact), ("of two digits", exact.round(2))):
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder) / "qrels", Path(folder) / "run"
            write(collection, scores, *files)
            reference = theirs(arguments.trec_eval, *files)
        judged = ours(collection, scores)
        if judged.keys() != reference.keys():
            raise SystemExit("trec_eval has judged other questions")
        ties = np.mean([1 - len(np.unique(row)) / len(row) for row in scores])
        alone = sum("@" not in name for name, _ in judged) // len(NAMES)
        print(
            f"scores {kind} ({ties:.1%} equal to another of the question): {alone} questions, "
            f"{len(judged) // len(NAMES) - alone} times a question in one language"
        )
        for figure in NAMES.values():
            apart = [abs(judged[key] - reference[key]) for key in judged if key[1] == figure]
            more = sum(value > 0.5 * 10**-PLACES + 1e-9 for value in apart)
            print(f"  {figure:12} largest difference {max(apart):.6f}, {more} above half a digit")


if __name__ == "__main__":
    main()
