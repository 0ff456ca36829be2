"""The figures of a collection that a person can work out, and the same ranking as search's."""

from dataclasses import replace
from itertools import product
from math import log2
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from indexer.build import build_index
from indexer.language import detect_language
from retriever import sample
from retriever.balance import OWN_LANGUAGE_BONUS, BalanceMode
from retriever.balanced_rows import BalancedRows, RowSource
from retriever.evaluation.beir import read_collection
from retriever.evaluation.candidates import Candidates, Questions
from retriever.evaluation.collection import Collection, JudgedText
from retriever.evaluation.encoding import Cutting
from retriever.evaluation.matrix import Task, measure
from retriever.evaluation.options import Mode
from retriever.evaluation.own_index import Asked, make_candidates, make_collection
from retriever.evaluation.report import Figures, Ranking
from retriever.evaluation.run import Plan, evaluate_collection, evaluate_index
from retriever.retriever import Retriever
from retriever.words import open_words
from tests.concept_encoder import ConceptEncoder
from tests.evaluation.small_sets import make_set, write_jsonl
from tests.test_balance import QUESTION, SENTENCES, LeaningEncoder, make_docs


def nobody(what: str, done: int, total: int) -> None:
    pass


OFF = Plan(("off",))


def judged(collection: Collection, plan: Plan = OFF) -> Ranking:
    report = evaluate_collection(collection, ConceptEncoder(), Cutting(), plan, nobody)
    return report.rankings[0]


def unsaved(asked: object) -> None:
    pass


def means(figures: Figures) -> list[float]:
    names = ("recall@1", "recall@5", "recall@10", "nDCG@10", "MRR@10", "R-precision")
    return [figures.metrics[name].mean for name in names]


def test_each_cell_ranks_the_passages_of_its_language(tmp_path: Path) -> None:
    found = judged(read_collection(make_set(tmp_path / "set")))
    # Three questions a cell; all are answered first, but for the English one about the train,
    # whose answer is last of three equals.
    right, wrong = [1.0] * 6, [2 / 3, 1.0, 1.0, (2 + 1 / log2(4)) / 3, (2 + 1 / 3) / 3, 2 / 3]
    cells = {(c.question_language, c.passage_language): c.figures for c in found.cells}
    assert {key: cell.n for key, cell in cells.items()} == dict.fromkeys(cells, 3)
    assert means(cells["de", "de"]) == means(cells["de", "en"]) == pytest.approx(right)
    assert means(cells["en", "en"]) == means(cells["en", "de"]) == pytest.approx(wrong)
    assert (found.same.n, found.cross.n) == (6, 6)
    assert means(found.cross)[0] == pytest.approx(5 / 6)


def test_in_the_folder_all_documents_compete(tmp_path: Path) -> None:
    found = judged(read_collection(make_set(tmp_path / "set"))).folder
    # Five questions have their two answers in the first two places; the one about the train has
    # them in places 5 and 6 of six equals.
    late = (1 / log2(6) + 1 / log2(7)) / (1 + 1 / log2(3))
    expected = [5 * 0.5, 5 + 0.5, 6, 5 + late, 5 + 1 / 5, 5]
    assert means(found["all"]) == pytest.approx([value / 6 for value in expected])
    # One answer leaves the ranking, so the other stands in place 5 of five.
    expected = [5, 5 + 1, 6, 5 + 1 / log2(6), 5 + 1 / 5, 5]
    assert means(found["cross"]) == pytest.approx([value / 6 for value in expected])
    assert found["cross"].n == found["same"].n == 6


def test_cells_can_be_judged_in_the_whole_folder(tmp_path: Path) -> None:
    collection = read_collection(make_set(tmp_path / "set"))
    found = judged(collection, Plan(("off",), pool="folder"))
    cells = {(c.question_language, c.passage_language): c.figures for c in found.cells}
    # The train's answer now stands behind four wrong documents instead of two.
    assert cells["en", "de"].metrics["MRR@10"].mean == pytest.approx((2 + 1 / 5) / 3)
    assert cells["de", "en"].metrics["MRR@10"].mean == 1.0


def test_cells_of_two_varieties_of_a_language_count_as_one_language(tmp_path: Path) -> None:
    collection = read_collection(make_set(tmp_path / "set"))
    documents = tuple(
        replace(text, language="en-GB") if text.language == "en" else text
        for text in collection.documents
    )
    found, plain = judged(replace(collection, documents=documents)), judged(collection)
    assert (found.same, found.cross, found.folder) == (plain.same, plain.cross, plain.folder)


def test_a_pair_without_questions_is_an_empty_cell(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    (folder / "qrels.tsv").write_text("q1-de\tb1-en\t1\n")
    found = judged(read_collection(folder))
    cells = {(c.question_language, c.passage_language): c.figures for c in found.cells}
    assert {key: cell.n for key, cell in cells.items()} == {("de", "de"): 0, ("de", "en"): 1}
    assert cells["de", "de"].metrics == {}
    assert found.same == Figures(0, 0, {})


def test_an_unjudged_version_of_the_answer_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    # b1-de has the same cosine as b1-en and would stand before it if ids decided.
    (folder / "qrels.tsv").write_text("q1-de\tb1-de\t1\n")
    found = judged(read_collection(folder))
    assert means(found.folder["all"]) == [1.0] * 6


def test_parallel_text_shows_who_wins_and_whether_languages_agree(tmp_path: Path) -> None:
    found = judged(read_collection(make_set(tmp_path / "set"))).parallel
    assert found is not None
    # Six documents, all among the first ten: half of them in each language, whatever is asked.
    assert (found.own_share.mean, found.fair_share) == (0.5, 0.5)
    assert found.questions == 3
    assert found.overlap is not None
    assert found.overlap.mean == 1.0


def test_a_document_ranks_by_its_best_passage(tmp_path: Path) -> None:
    long = "Nothing in particular is said here, at some length. " * 12
    write_jsonl(
        tmp_path / "corpus.jsonl",
        [
            {"_id": "a", "text": f"{long}\n\nThe cat sleeps. {long}", "lang": "en"},
            {"_id": "b", "text": "A cat, water, and a train.", "lang": "en"},
        ],
    )
    write_jsonl(tmp_path / "queries.jsonl", [{"_id": "q", "text": "cat", "lang": "en"}])
    (tmp_path / "qrels.tsv").write_text("q\ta\t1\n")
    collection = read_collection(tmp_path)
    report = evaluate_collection(
        collection, ConceptEncoder(), Cutting("chunked"), Plan(("off",)), nobody
    )
    assert report.facts.passages > 2
    # A passage of "a" says "cat" and nothing else: cosine 1. "b" says three things: 0.577.
    assert report.rankings[0].folder["all"].metrics["MRR@10"].mean == 1.0
    whole = evaluate_collection(collection, ConceptEncoder(), Cutting(), Plan(("off",)), nobody)
    # Whole, the encoder reads 508 of its characters, and the cat is behind them.
    assert (whole.facts.passages, whole.facts.cut_documents) == (2, 1)
    assert whole.rankings[0].folder["all"].metrics["MRR@10"].mean == 0.5


MODES: tuple[BalanceMode, ...] = ("off", "auto", "full")


# The last one has no word that counts: all of them are common.
RARE = "Grimsby 4711 Zebulon Quixote Ptolemy Xanadu Yorick Falstaff Oberon Titania"
QUESTIONS = (QUESTION, "Woher kommt das Wasser in Zimmer 4711?", f"¿Dónde está {RARE}?", "Wasser")


@pytest.mark.parametrize("search_mode", get_args(Mode))
@pytest.mark.parametrize("mode", MODES)
def test_documents_are_ranked_as_search_ranks_them(
    mode: BalanceMode, search_mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 16)  # so that it is not all of them
    docs = make_docs(tmp_path / "docs", ("de", "es"))
    text = (docs / "es07.txt").read_text("utf-8")
    # The last passage of a long document holds the words that are asked for.
    (docs / "es07.txt").write_text(f"{text * 10} {RARE}.", encoding="utf-8")
    (docs / "gone.txt").write_text(RARE, encoding="utf-8")
    encoder = LeaningEncoder()
    build_index(docs, tmp_path / "index", encoder)
    (docs / "gone.txt").unlink()
    (docs / "de03.txt").write_text("Wasser aus Grimsby gibt es in der Küche.", encoding="utf-8")
    build_index(docs, tmp_path / "index", encoder)
    retriever = Retriever.open(tmp_path / "index", encoder)
    index = retriever.index
    collection = make_collection("index", index, [Asked(QUESTION, "de", "cat.txt")])
    with index.reading() as database:
        snapshot = index.snapshot(database)
        words = open_words(index, snapshot, database) if search_mode == "hybrid" else None
    candidates = make_candidates(index, snapshot, collection, words)
    asked = tuple(map(detect_language, QUESTIONS))
    questions = Questions(encoder.encode_queries(QUESTIONS), asked, QUESTIONS)
    ids = [document.id for document in collection.documents]
    # The lift is too little for the first question, and enough.
    for lift, part in product((0.042, 0.9), (1.0, 0.6)):
        monkeypatch.setitem(OWN_LANGUAGE_BONUS, "auto", lift)
        parts = {"off": 1.0, "auto": part, "full": part}
        monkeypatch.setattr(
            BalancedRows,
            "own_part",
            lambda rows, mode, behind_own, of=parts: of[mode] ** (1 + behind_own),
        )
        ((_, scores),) = candidates.scores(questions, mode)
        for question, row in zip(QUESTIONS, scores, strict=True):
            hits = retriever.search(question, k=100, mode=search_mode, balance=mode, fold=False)
            by_search: dict[str, float] = {}
            for hit in hits:
                by_search.setdefault(hit.passage.source, hit.score)
            assert dict(zip(ids, row.tolist(), strict=True)) == pytest.approx(by_search, abs=1e-6)


@pytest.mark.parametrize("search_mode", get_args(Mode))
@pytest.mark.parametrize("mode", MODES)
def test_a_collection_in_memory_is_ranked_like_an_index_of_it(
    mode: BalanceMode, search_mode: Mode, tmp_path: Path
) -> None:
    docs = make_docs(tmp_path / "docs", ("de", "es"))
    (docs / "titled.md").write_text("# Grimsby\n\n" + SENTENCES["es"].format("agua", ""), "utf-8")
    encoder = LeaningEncoder()
    build_index(docs, tmp_path / "index", encoder)
    asked = [
        Asked(QUESTION, "de", "cat.txt"),
        Asked("¿Dónde está el agua?", "es", "de00.txt"),
        Asked("Wo ist das Brot von Grimsby?", "de", "titled.md"),
    ]
    index = Retriever.open(tmp_path / "index", encoder).index
    indexed = make_collection("index", index, asked)
    plan = Plan((mode,), search_mode, save_to=tmp_path / "by-index")
    by_index = evaluate_index(index, indexed, encoder, plan, nobody)
    documents = tuple(
        replace(document, text=(docs / document.id).read_text("utf-8").removeprefix("# "))
        for document in indexed.documents
    )
    documents = (*documents[:-1], replace(documents[-1], title="Grimsby"))
    in_memory = replace(indexed, documents=documents)
    plan = replace(plan, save_to=tmp_path / "in-memory")
    found = evaluate_collection(in_memory, encoder, Cutting("chunked"), plan, nobody)
    assert found.rankings == by_index.rankings
    runs = [
        [line.split() for line in (tmp_path / name / f"run-{mode}.trec").read_text().splitlines()]
        for name in ("by-index", "in-memory")
    ]
    assert [row[2] for row in runs[1]] == [row[2] for row in runs[0]]
    scores = [[float(row[4]) for row in run] for run in runs]
    assert scores[1] == pytest.approx(scores[0], abs=1e-6)
    assert found.rankings[0].balance == mode


def test_balance_is_seen_in_the_figures(tmp_path: Path) -> None:
    docs = make_docs(tmp_path / "docs", ("de", "es"))
    build_index(docs, tmp_path / "index", LeaningEncoder())
    index = Retriever.open(tmp_path / "index", LeaningEncoder()).index
    collection = make_collection("index", index, [Asked(QUESTION, "de", "cat.txt")])
    plan = Plan(("off", "auto"))
    report = evaluate_index(index, collection, LeaningEncoder(), plan, nobody)
    # The cat is in Spanish, behind thirty German documents that say nothing about it.
    ranks = [ranking.folder["cross"].metrics["MRR@10"].mean for ranking in report.rankings]
    assert ranks == [0.0, 1.0]


def test_a_question_without_a_group_is_a_group_of_its_own() -> None:
    asked = tuple(
        JudgedText(name, "", "en", group)
        for name, group in zip("abcd", ["", "g", "", "g"], strict=True)
    )
    collection = Collection("", (), asked, {})
    rows = ConceptEncoder().encode_passages(["cat"])
    source = RowSource(
        ConceptEncoder().spec,
        ("en",),
        np.zeros(1, np.int32),
        np.ones(1, np.bool_),
        lambda a, b: rows[a:b],
    )
    candidates = Candidates(BalancedRows(source), np.array([0]), 1)
    task = Task(collection, candidates, Questions(rows, ("en",)))
    assert task.groups() == [0, 1, 2, 1]


def test_a_document_without_a_passage_is_a_miss() -> None:
    spec = ConceptEncoder().spec
    rows = ConceptEncoder().encode_passages(["cat", "water"])
    source = RowSource(
        spec, ("en",), np.zeros(2, np.int32), np.ones(2, np.bool_), lambda a, b: rows[a:b]
    )
    # Two rows of the documents 0 and 2; document 1 has none.
    candidates = Candidates(BalancedRows(source), np.array([0, 2]), 3)
    texts = tuple(JudgedText(name, "", "en") for name in ("a", "b", "c"))
    collection = Collection("three", texts, (JudgedText("q", "cat", "en"),), {"q": {"b": 1}})
    questions = Questions(ConceptEncoder().encode_queries(["cat"]), ("en",))
    found = measure(Task(collection, candidates, questions), "off", "folder", unsaved)
    assert means(found.folder["all"]) == [0.0] * 6
    assert found.folder["all"].n == 1
