"""Folders in the layout of BEIR are read as they are, and parts of them are drawn by a seed."""

from pathlib import Path

import pytest

from retriever.errors import EvaluationError
from retriever.evaluation.beir import read_collection
from retriever.evaluation.select import Selection, select
from tests.evaluation.small_sets import make_set, write_jsonl


def test_plain_and_compressed_folders_are_the_same(tmp_path: Path) -> None:
    plain = read_collection(make_set(tmp_path / "plain" / "set"))
    packed = read_collection(make_set(tmp_path / "packed" / "set", ending=".gz"))
    assert plain == packed
    assert plain.languages == ("de", "en")
    assert plain.qrels["q1-de"] == {"b1-de": 1, "b1-en": 1}


def test_judgements_may_lie_where_beir_puts_them(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    expected = read_collection(folder)
    (folder / "qrels").mkdir()
    (folder / "qrels.tsv").rename(folder / "qrels" / "test.tsv")
    assert read_collection(folder) == expected


def test_a_title_is_the_first_line_and_a_missing_language_is_detected(tmp_path: Path) -> None:
    text = "The warranty covers repairs for two years after the purchase.\u2028No more."
    write_jsonl(tmp_path / "corpus.jsonl", [{"_id": "d", "title": "Warranty", "text": text}])
    write_jsonl(tmp_path / "queries.jsonl", [{"_id": "q", "text": "Wie lange gilt die Garantie?"}])
    (tmp_path / "qrels.tsv").write_text("q\td\t2\n")
    found = read_collection(tmp_path)
    assert [document.text for document in found.documents] == [f"Warranty\n\n{text}"]
    assert (found.documents[0].language, found.questions[0].language) == ("en", "de")
    assert found.qrels == {"q": {"d": 2}}
    assert not found.is_parallel


def test_groups_can_judge_instead_of_qrels(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    expected = read_collection(folder).qrels
    (folder / "qrels.tsv").unlink()
    assert read_collection(folder, "group").qrels == expected


def test_another_file_of_judgements_can_be_named(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    (folder / "mono.tsv").write_text("q1-de\tb1-de\t1\nq2-de\tc2-de\t0\n")
    found = read_collection(folder, qrels="mono")
    assert [question.id for question in found.questions] == ["q1-de"]
    assert found.notes == ("5 questions without a relevant document left out",)


def test_a_selection_keeps_languages_on_both_sides(tmp_path: Path) -> None:
    found = select(read_collection(make_set(tmp_path / "set")), Selection(languages=("en",)))
    assert [text.id for text in found.documents] == ["b1-en", "c2-en", "a3-en"]
    assert found.qrels == {"q1-en": {"b1-en": 1}, "q2-en": {"c2-en": 1}, "q3-en": {"a3-en": 1}}


def test_a_primary_subtag_stands_for_its_variants(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    path = folder / "corpus.jsonl"
    path.write_text(path.read_text("utf-8").replace('"lang": "en"', '"lang": "en-GB"'), "utf-8")
    found = select(read_collection(folder), Selection(languages=("en",)))
    assert [text.language for text in found.documents] == ["en-GB"] * 3
    assert [text.language for text in found.questions] == ["en"] * 3


def test_draws_of_groups_and_questions_depend_on_the_seed_alone(tmp_path: Path) -> None:
    whole = read_collection(make_set(tmp_path / "set"))
    drawn = [select(whole, Selection(groups=2, seed=seed)) for seed in (1, 1, 2, 3, 4)]
    groups = [{text.group for text in found.documents} for found in drawn]
    assert groups[0] == groups[1]
    assert all(len(names) == 2 for names in groups)
    assert len({frozenset(names) for names in groups}) > 1
    sampled = [select(whole, Selection(questions=4, seed=seed)) for seed in (1, 1, 2, 3)]
    assert sampled[0] == sampled[1]
    assert len({found.questions for found in sampled}) > 1
    assert [(len(found.documents), len(found.questions)) for found in sampled] == [(6, 4)] * 4


def test_draws_of_more_than_there_is_keep_everything(tmp_path: Path) -> None:
    whole = read_collection(make_set(tmp_path / "set"))
    assert select(whole, Selection(groups=100, questions=100)) == whole


def test_draws_of_groups_need_groups(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "corpus.jsonl", [{"_id": "d", "text": "cat"}])
    write_jsonl(tmp_path / "queries.jsonl", [{"_id": "q", "text": "cat"}])
    (tmp_path / "qrels.tsv").write_text("q\td\t1\n")
    with pytest.raises(EvaluationError, match="no field group"):
        select(read_collection(tmp_path), Selection(groups=1))
