"""What `eval` prints, where, and how it ends."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import pytrec_eval
from PIL import Image

import retriever.cli
from indexer.build import build_index
from retriever.evaluation.vector_cache import cache_root
from tests.concept_encoder import ConceptEncoder
from tests.evaluation.small_sets import make_set
from tests.test_wrong_input import load


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    return make_set(tmp_path / "small")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [
        {"question": "Where is the cat?", "language": "en", "source": "animals.txt"},
        {"question": "Where is the cat?", "language": "en", "source": "weather.txt"},
        {"question": "Wann fährt der Zug?", "language": "de", "source": "trip/train.md"},
        {"question": "¿Dónde está el agua?", "source": "animals.txt"},
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def evaluate(*arguments: object) -> int:
    command = ["eval", *map(str, arguments), "--encoder", "concepts"]
    return retriever.cli.main(command, load)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Lines of stdout, runs of spaces folded."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_collection_gives_a_summary_and_a_matrix(
    small_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(small_set) == 0
    lines = printed(capsys)
    assert lines[:4] == [
        "small: 6 documents (6 passages), 6 questions, 2 languages; concepts",
        "mode: hybrid; passages: whole; languages for balance: detected; "
        "cells: the documents in the passages' language compete; seed: 0",
        "",
        "balance n recall@1 recall@5 recall@10 nDCG@10 MRR@10 R-precision",
    ]
    assert re.match(r"auto pairs, same language 6 0\.833 ±0\.\d{3} 1\.000 ±", lines[4])
    assert [line.split(" 6 ")[0] for line in lines[5:9]] == [
        "pairs, other language",
        "folder, any language",
        "folder, other language",
        "folder, same language",
    ]
    assert lines[9].startswith("Own language among the first ten: 0.500 ±")
    assert lines[9].endswith(
        "fair would be 0.500: 1.0 times; with the right documents first 0.500: 1.0 times"
    )
    assert re.fullmatch(
        r"Of those that do not answer: 0\.500 ±0\.\d{3}, fair would be 0\.500: 1\.0 times",
        lines[10],
    )
    assert lines[11].startswith("One question in two languages: overlap of the first ten 1.000 ±")
    assert lines[12:] == [
        "",
        "recall@1, balance auto; question language by passage language:",
        "de en",
        "de 1.00 1.00",
        "en 0.67 0.67",
    ]


def test_the_metric_of_the_matrix_can_be_chosen(
    small_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(small_set, "--metric", "MRR@10", "--languages", "en") == 0
    assert printed(capsys)[-3:] == [
        "MRR@10, balance auto; question language by passage language:",
        "en",
        "en 0.78",
    ]


def test_empty_cells_say_so(small_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small_set / "qrels.tsv").write_text("q1-de\tb1-en\t1\n")
    assert evaluate(small_set) == 0
    lines = printed(capsys)
    assert "Note: 5 questions without a relevant document left out" in lines
    assert lines[-2:] == ["de en", "de n=0 1.00"]


def test_all_figures_are_in_the_json(small_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(small_set, "--balance", "off,auto", "--json") == 0
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert output.err == ""
    assert found["facts"]["languages"] == ["de", "en"]
    assert [ranking["balance"] for ranking in found["rankings"]] == ["off", "auto"]
    cell = found["rankings"][0]["cells"][2]
    assert (cell["question_language"], cell["passage_language"]) == ("en", "de")
    recall = cell["figures"]["metrics"]["recall@1"]
    assert recall["mean"] == pytest.approx(2 / 3)
    assert 0.1 < recall["low"] < 0.5 < 0.8 < recall["high"] < 1.0


def test_the_saved_run_gives_trec_eval_the_same_figures(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(small_set, "--json", "--save-run", tmp_path / "run") == 0
    figures = json.loads(capsys.readouterr().out)["rankings"][0]["folder"]["all"]["metrics"]
    with (tmp_path / "run" / "qrels.trec").open() as file:
        qrels = pytrec_eval.parse_qrel(file)
    with (tmp_path / "run" / "run-auto.trec").open() as file:
        run = pytrec_eval.parse_run(file)
    found = pytrec_eval.RelevanceEvaluator(qrels, {"recall", "ndcg_cut", "Rprec"}).evaluate(run)
    assert len(found) == 6
    for ours, theirs in (
        ("recall@5", "recall_5"),
        ("nDCG@10", "ndcg_cut_10"),
        ("R-precision", "Rprec"),
    ):
        mean = sum(values[theirs] for values in found.values()) / len(found)
        assert figures[ours]["mean"] == pytest.approx(mean)


def test_mixed_folders_show_modes_side_by_side(
    small_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--mixed", "zipf", "--seeds", "2", "--balance", "off,full", "--apart", "de")
    assert evaluate(small_set, *options) == 0
    lines = printed(capsys)
    assert lines[1].endswith("mixed folders: 2, languages zipf; apart: de")
    assert lines[3] == "balance n recall@1 recall@10 nDCG@10 MRR@10 own-language share fair share"
    assert lines[4].startswith("off answer in another language 6 ")
    assert "gain over off recall@1 MRR@10" in lines
    # Nothing is taken away in a folder of three documents, so nothing is gained.
    assert (
        "full answer in another language +0.000 (+0.000 to +0.000) +0.000 (+0.000 to +0.000)"
        in (lines)
    )


def test_a_second_run_encodes_nothing(small_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder = ConceptEncoder()
    command = ["eval", str(small_set), "--encoder", "concepts"]
    assert retriever.cli.main(command, lambda name, **options: encoder) == 0
    first = capsys.readouterr().out
    assert len([text for text in encoder.encoded if text.startswith("Die Katze")]) == 2
    encoder.encoded.clear()
    assert retriever.cli.main(command, lambda name, **options: encoder) == 0
    assert capsys.readouterr().out == first
    assert not any(text.startswith("Die Katze") for text in encoder.encoded)


def test_the_cache_can_be_cleared(small_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(small_set) == 0
    capsys.readouterr()
    assert evaluate("--clear-cache") == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"Deleted 0\.0 MB of vectors\.\n", output.err)
    assert not cache_root().exists()


def test_an_index_is_judged_by_questions(
    index_dir: Path, questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--index", index_dir, "--questions", questions, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    ranking = found["rankings"][0]
    # "cat": both its sources lead. "Zug": trip/train.md leads. "agua": weather.txt stands before
    # three documents that tie at 0; the last by id of these is its source.
    metrics = ranking["folder"]["all"]["metrics"]
    assert ranking["folder"]["all"]["n"] == 3
    assert metrics["recall@1"]["mean"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert metrics["MRR@10"]["mean"] == pytest.approx((1 + 1 + 1 / 4) / 3)
    assert ranking["parallel"] is None
    cells = {
        (c["question_language"], c["passage_language"]): c["figures"] for c in ranking["cells"]
    }
    assert {key for key, figures in cells.items() if figures["n"]} == {
        ("en", "de"),
        ("en", "ja"),
        ("de", "es"),
        ("es", "de"),
    }


def test_known_items_are_labelled_as_what_they_are(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--index", index_dir, "--synthesize", 10) == 0
    lines = printed(capsys)
    assert lines[0] == "index: 4 documents (4 passages), 4 questions, 3 languages; concepts"
    assert lines[2].startswith("Note: known items: headings and sentences drawn from the index")
    assert "optimistic" in lines[2]
    assert lines[5].startswith("auto folder, any language 4 1.000 ±")
    assert lines[6].startswith("folder, other language 0 n=0")


def test_known_items_that_stand_in_two_documents_have_two_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text("The cat sleeps on the sofa.", encoding="utf-8")
    build_index(docs, tmp_path / "index", ConceptEncoder())
    assert evaluate("--index", tmp_path / "index", "--synthesize", 5, "--json") == 0
    figures = json.loads(capsys.readouterr().out)["rankings"][0]["folder"]["all"]
    assert figures["n"] == 1
    assert figures["metrics"]["recall@1"]["mean"] == 0.5


class Tags(HTMLParser):
    """Collects tags, and the text of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_page_of_the_matrix_is_escaped_and_has_no_script(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_set / "corpus.jsonl"
    evil = '"lang": "<script>alert(1)</script>"'
    path.write_text(path.read_text("utf-8").replace('"lang": "en"', evil), "utf-8")
    assert evaluate(small_set, "--heatmap", tmp_path / "map.html", "--balance", "off,auto") == 0
    capsys.readouterr()
    tags = Tags()
    tags.feed((tmp_path / "map.html").read_text("utf-8"))
    assert "script" not in tags.tags
    assert tags.tags.count("table") == 2
    assert tags.texts.count("<script>alert(1)</script>") == 2
    assert "0.67" in tags.texts


def test_a_picture_of_the_matrix_has_the_colours_of_its_figures(
    small_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_set / "qrels.tsv").write_text("q1-de\tb1-en\t1\nq3-en\ta3-en\t1\n")
    assert evaluate(small_set, "--heatmap", tmp_path / "map.png", "--balance", "off") == 0
    capsys.readouterr()
    image = Image.open(tmp_path / "map.png").convert("RGB")
    colours = {colour for _, colour in image.getcolors(maxcolors=100_000) or []}
    # Empty, hit and miss: grey, dark blue, pale yellow.
    assert {(230, 230, 230), (8, 29, 88), (255, 255, 217)} <= colours
