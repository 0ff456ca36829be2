"""Judged by meaning alone, or by meaning and words: the mode reaches every kind of evaluation."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from encoder.spec import Vectors
from indexer.errors import WordsDamaged
from indexer.lexical_terms import Wanted
from indexer.store import open_index
from indexer.store.derived import refresh_lexical, write_record
from indexer.store.seal import seal
from retriever.balance import BalanceMode
from retriever.evaluation.collection import Collection, JudgedText, relevant_by_group
from retriever.evaluation.encoding import Cutting
from retriever.evaluation.mixed import MixedPlan
from retriever.evaluation.options import Mode
from retriever.evaluation.own_index import Asked, make_collection
from retriever.evaluation.report import Report
from retriever.evaluation.run import Plan, evaluate_collection, evaluate_index
from retriever.words import WordLeg
from tests.concept_encoder import ConceptEncoder
from tests.evaluation.small_sets import DOCUMENTS, make_set, write_jsonl
from tests.evaluation.test_commands import evaluate, printed
from tests.test_lexical import damage

# No concept is asked for, so meaning gives every document 0; of equal ones this has the last id.
NAMED = [
    ("a0", "de", "Grimsby isst am liebsten Brot."),
    ("a0", "en", "Grimsby eats bread on most days."),
]
QUESTIONS = [
    ("q", "de", "Wer heißt denn eigentlich Grimsby?"),
    ("q", "en", "Tell me about Grimsby, please."),
]
BY_RANK: list[tuple[Mode, int]] = [("hybrid", 1), ("dense", 4)]


def nobody(what: str, done: int, total: int) -> None:
    pass


def named_set() -> Collection:
    """Four documents in two languages; one holds a word that no other does."""
    documents = tuple(
        JudgedText(f"{group}-{language}", text, language, group)
        for group, language, text in [*DOCUMENTS, *NAMED]
    )
    questions = tuple(
        JudgedText(f"{name}-{language}", text, language, "a0") for name, language, text in QUESTIONS
    )
    return Collection("named", documents, questions, relevant_by_group(documents, questions))


def judged(plan: Plan) -> Report:
    return evaluate_collection(named_set(), ConceptEncoder(), Cutting(), plan, nobody)


@pytest.mark.parametrize(("mode", "rank"), BY_RANK)
def test_a_rare_word_ranks_its_document_first_where_words_count(mode: Mode, rank: int) -> None:
    (ranking,) = judged(Plan(("off",), mode, pool="language")).rankings
    means = {cell.figures.metrics["MRR@10"].mean for cell in ranking.cells}
    assert means == {1 / rank}


@pytest.mark.parametrize(("mode", "rank"), BY_RANK)
def test_words_count_in_mixed_folders(mode: Mode, rank: int) -> None:
    plan = Plan(("off",), mode, mixed=MixedPlan("uniform", tuple(range(5)), ("off",)))
    report = judged(plan)
    assert report.facts.settings["mode"] == mode
    (ranking,) = report.mixed
    assert {part.figures.metrics["MRR@10"].mean for part in ranking.parts} == {1 / rank}


def test_the_words_of_a_question_are_looked_up_once_for_all_balance_modes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[int] = []
    sums = WordLeg.sums

    def counting(leg: WordLeg, wanted: Wanted, rows: int) -> Vectors:
        looked_up.append(rows)
        return sums(leg, wanted, rows)

    monkeypatch.setattr(WordLeg, "sums", counting)
    modes: tuple[BalanceMode, ...] = ("off", "auto", "full")
    rankings = judged(Plan(modes, "hybrid", pool="language")).rankings
    assert len(looked_up) == len(QUESTIONS)
    means = {cell.figures.metrics["MRR@10"].mean for one in rankings for cell in one.cells}
    assert means == {1.0}


def test_each_question_of_a_mixed_folder_is_asked_by_its_own_words() -> None:
    # A name for each group, and no concept: the words alone tell the groups apart.
    names = ("Grimsby", "Zebulon", "Quixote", "Ptolemy", "Xanadu", "Yorick")
    documents = tuple(
        JudgedText(f"{name}-{language}", f"{name}.", language, name)
        for name in names
        for language in ("de", "en")
    )
    questions = tuple(
        JudgedText(f"q-{name}-{language}", f"{name}?", language, name)
        for name in names
        for language in ("de", "en")
    )
    named = Collection("names", documents, questions, relevant_by_group(documents, questions))
    plan = Plan(("off",), "hybrid", mixed=MixedPlan("uniform", tuple(range(5)), ("off",)))
    (ranking,) = evaluate_collection(named, ConceptEncoder(), Cutting(), plan, nobody).mixed
    assert {part.figures.metrics["recall@1"].mean for part in ranking.parts} == {1.0}


def test_many_words_do_not_outweigh_the_meaning() -> None:
    codes = " ".join(f"K{number}" for number in range(40))
    # All about as long, since a word counts less in a long passage.
    filler = "and so on " * 13
    texts = ["The cat sleeps.", *(f"Page {i}." for i in range(98))]
    texts = [f"Spare parts {codes}", *(f"{text} {filler}" for text in texts)]
    documents = tuple(JudgedText(f"d{i:02}", text, "en") for i, text in enumerate(texts))
    question = JudgedText("q", f"Which cat is on {codes}?", "en")
    many = Collection("many", documents, (question,), {"q": {"d01": 1}})
    report = evaluate_collection(
        many, ConceptEncoder(), Cutting(), Plan(("off",), "hybrid"), nobody
    )
    # The cosine of one in 100 is 1, so their spread is 0.1; 40 words count 1.5 times its double.
    assert report.rankings[0].folder["all"].metrics["MRR@10"].mean == 1.0


@pytest.mark.parametrize(("mode", "rank"), BY_RANK)
def test_the_option_decides_and_the_report_says_it(
    mode: Mode, rank: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_set(tmp_path / "small")
    texts = [(f"{group}-{name}", text, name, group) for group, name, text in DOCUMENTS]
    # The title alone holds the word.
    texts = [(name, text, lang, group) for name, text, lang, group in texts if lang == "en"]
    rows = [
        {"_id": name, "title": "", "text": text, "lang": lang, "group": group}
        for name, text, lang, group in texts
    ]
    rows.append({"_id": "a0", "title": "Grimsby", "text": "Eats bread.", "lang": "en"})
    write_jsonl(folder / "corpus.jsonl", rows)
    write_jsonl(
        folder / "queries.jsonl", [{"_id": "q", "text": "Tell me about Grimsby.", "lang": "en"}]
    )
    (folder / "qrels.tsv").write_text("q\ta0\t1\n")
    assert evaluate(folder, "--mode", mode) == 0
    assert printed(capsys)[1].startswith(f"mode: {mode}; passages: whole; ")
    assert evaluate(folder, "--mode", mode, "--json") == 0
    figures = json.loads(capsys.readouterr().out)["rankings"][0]["folder"]["all"]["metrics"]
    assert figures["MRR@10"]["mean"] == 1 / rank


def of_an_index(index_dir: Path, mode: Mode) -> Report:
    index = open_index(index_dir)
    collection = make_collection("index", index, [Asked("Viaje", "es", "trip/train.md")])
    return evaluate_index(index, collection, ConceptEncoder(), Plan(("off",), mode), nobody)


def without_words(index_dir: Path) -> None:
    damage(index_dir)


def whole(index_dir: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "mode", "first", "notes"),
    [
        (whole, "hybrid", 1.0, ()),
        (whole, "dense", 0.0, ()),
        (
            without_words,
            "hybrid",
            0.0,
            (
                "words that cannot be searched: its files are not what their checksum says; "
                "ranked by meaning alone",
            ),
        ),
        (without_words, "dense", 0.0, ()),
    ],
)
def test_an_index_without_its_words_is_judged_by_meaning_and_the_report_says_so(
    spoil: Callable[[Path], None], mode: Mode, first: float, notes: tuple[str, ...], index_dir: Path
) -> None:
    spoil(index_dir)
    report = of_an_index(index_dir, mode)
    assert report.facts.notes == notes
    assert report.rankings[0].folder["all"].metrics["recall@1"].mean == first


def test_words_of_rows_that_are_not_there_end_in_one_sentence(index_dir: Path) -> None:
    generation = index_dir / "g0001"
    database = sqlite3.connect(generation / "corpus.sqlite")
    database.execute("DELETE FROM lexical")
    database.execute("UPDATE passages SET row = row + 1000")
    record = refresh_lexical(generation, database)
    assert record is not None
    write_record(database, record)
    database.execute("UPDATE passages SET row = row - 1000")
    database.commit()
    database.close()
    seal(generation)
    with pytest.raises(WordsDamaged, match="it names rows that are not there"):
        of_an_index(index_dir, "hybrid")
