"""Collection -> report, all steps in order.

encode -> Candidates -> measure (each balance mode) -> Report; or measure_mixed
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from encoder.spec import Encoder
from indexer.errors import WordsDamaged
from indexer.lexical_index import LexicalDamage
from indexer.store import Index
from retriever.balance import BalanceMode
from retriever.balanced_rows import BalancedRows
from retriever.evaluation.candidates import Candidates, Questions
from retriever.evaluation.collection import Collection
from retriever.evaluation.encoding import Cutting, encode_texts, make_passages, question_languages
from retriever.evaluation.matrix import Task, measure
from retriever.evaluation.mixed import Encoded, MixedPlan, measure_mixed
from retriever.evaluation.options import Mode, Pool
from retriever.evaluation.own_index import make_candidates
from retriever.evaluation.report import Facts, Report
from retriever.evaluation.runs import run_file
from retriever.evaluation.vector_cache import VectorCache
from retriever.words import open_words

Watch = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        modes: Balance modes, each measured in turn.
        mode: What ranks.
        pool: What competes in a cell; None means the documents in its passage language where the
            collection is parallel, else the whole folder.
        mixed: Draw mixed folders instead.
        seed: Of the intervals.
        save_to: Folder for the rankings of the whole folder and their judgements, as trec_eval
            reads them.
    """

    modes: tuple[BalanceMode, ...] = ("auto",)
    mode: Mode = "hybrid"
    pool: Pool | None = None
    mixed: MixedPlan | None = None
    seed: int = 0
    save_to: Path | None = None


POOLS: dict[Pool, str] = {
    "language": "the documents in the passages' language compete",
    "folder": "all documents compete",
}


def evaluate_collection(
    collection: Collection, encoder: Encoder, cutting: Cutting, plan: Plan, watch: Watch
) -> Report:
    """Encode a collection, or take its vectors from the cache, and measure.

    Raises:
        LibraryMissing: The library that computes the metrics is not installed.
        EvaluationError: Mixed folders are wanted of a collection that is not parallel.
    """
    cache = VectorCache.open(encoder)
    passages = make_passages(collection.documents, encoder, cutting)
    rows = encode_texts(
        passages.texts, "passage", encoder, cache,
        lambda done, total: watch("Encoding passages", done, total),
    )  # fmt: skip
    asked = encode_texts(
        [question.text for question in collection.questions], "query", encoder, cache,
        lambda done, total: watch("Encoding questions", done, total),
    )  # fmt: skip
    questions = Questions(
        asked, question_languages(collection.questions, cutting.languages),
        tuple(question.text for question in collection.questions),
    )  # fmt: skip
    encoded = Encoded(
        collection, encoder.spec, rows, passages.languages, passages.document_of, questions,
        passages.lexical_texts() if plan.mode == "hybrid" else (),
    )  # fmt: skip
    facts = Facts(
        collection.name,
        encoder.spec.name,
        len(collection.documents),
        len(rows),
        passages.cut,
        len(collection.questions),
        collection.languages,
        {"mode": plan.mode, "passages": cutting.kind, "languages for balance": cutting.languages},
        collection.notes,
    )
    if plan.mixed is not None:
        return _mixed(encoded, plan.mixed, facts, watch)
    candidates = Candidates(
        BalancedRows(encoded.source(slice(None))), passages.document_of,
        len(collection.documents), encoded.words(slice(None)),
    )  # fmt: skip
    return _ranked(Task(collection, candidates, questions, plan.seed), plan, facts, watch)


def evaluate_index(
    index: Index, collection: Collection, encoder: Encoder, plan: Plan, watch: Watch
) -> Report:
    """Ask an index the questions of a collection whose documents are its sources.

    Raises:
        LibraryMissing: The library that computes the metrics is not installed.
        WordsDamaged: The words of the index are not those of any build.
    """
    words = None
    with index.reading() as database:
        snapshot = index.snapshot(database)
        if plan.mode == "hybrid":
            words = open_words(index, snapshot, database)
    texts = tuple(question.text for question in collection.questions)
    questions = Questions(
        encoder.encode_queries(texts), question_languages(collection.questions, "detected"), texts
    )
    candidates = make_candidates(index, snapshot, collection, words)
    notes = (
        (f"words that cannot be searched: {words.missing}; ranked by meaning alone",)
        if words and words.missing
        else ()
    )
    facts = Facts(
        collection.name,
        encoder.spec.name,
        len(collection.documents),
        int(snapshot.live.sum()),
        0,
        len(collection.questions),
        collection.languages,
        {"mode": plan.mode, "passages": "those of the index"},
        (*collection.notes, *notes),
    )
    try:
        return _ranked(Task(collection, candidates, questions, plan.seed), plan, facts, watch)
    except LexicalDamage as error:  # its checksum is right: a stranger made it so
        raise WordsDamaged(index.index_dir, str(error)) from error


def _ranked(task: Task, plan: Plan, facts: Facts, watch: Watch) -> Report:
    pool = plan.pool or ("language" if task.collection.is_parallel else "folder")
    rankings = []
    for at, mode in enumerate(plan.modes):
        watch(f"Ranking, balance {mode}", at, len(plan.modes))
        with run_file(task.collection, mode, plan.save_to) as save:
            rankings.append(measure(task, mode, pool, save))
    settings = {**facts.settings, "cells": POOLS[pool], "seed": str(plan.seed)}
    return Report(replace(facts, settings=settings), tuple(rankings))


def _mixed(encoded: Encoded, plan: MixedPlan, facts: Facts, watch: Watch) -> Report:
    mixed = measure_mixed(encoded, plan, lambda done, all_: watch("Mixed folders", done, all_))
    settings = {
        **facts.settings,
        "mixed folders": f"{len(plan.seeds)}, languages {plan.draw}",
        **({"apart": ", ".join(sorted(plan.apart))} if plan.apart else {}),
    }
    return Report(replace(facts, settings=settings), (), mixed)
