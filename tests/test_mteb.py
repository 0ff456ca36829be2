"""The encoder under mteb, on tiny tasks that are made here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

mteb = pytest.importorskip(
    "mteb", reason="mteb is not installed: pip install -c constraints.txt -e '.[mteb]'"
)
datasets = pytest.importorskip("datasets")

from mteb.abstasks import AbsTaskClassification, AbsTaskRetrieval, AbsTaskSTS  # noqa: E402
from mteb.abstasks.task_metadata import TaskMetadata  # noqa: E402
from mteb.models.model_implementations.nvidia_models import (  # noqa: E402
    TASK_PROMPTS,
    LlamaEmbedNemotron,
)
from mteb.models.models_protocols import EncoderProtocol  # noqa: E402
from mteb.types import PromptType  # noqa: E402

import encoder.cli  # noqa: E402
from encoder.errors import UsageError  # noqa: E402
from encoder.local import LocalEncoder  # noqa: E402
from encoder.mteb import (  # noqa: E402
    BENCHMARK,
    Judgement,
    MtebEncoder,
    TaskScore,
    find_tasks,
    instruction_for,
    judge,
)
from encoder.registry import NEMOTRON_8B  # noqa: E402
from encoder.spec import Vectors  # noqa: E402
from encoder.templates import passage_text, query_text  # noqa: E402
from tests.concept_encoder import SPEC, ConceptEncoder  # noqa: E402


def metadata(name: str, kind: Any, main_score: str, **more: Any) -> Any:
    return TaskMetadata(
        name=name, type=kind, main_score=main_score, description="Made in a test.",
        reference="https://example.org", dataset={"path": "NA", "revision": "NA"}, category="t2t",
        eval_splits=["test"], eval_langs=["eng-Latn"], date=("2026-01-01", "2026-01-01"),
        dialect=[], domains=[], task_subtypes=[], license="cc0-1.0",
        annotations_creators="derived", modalities=["text"], sample_creation="created",
        bibtex_citation="", **more,
    )  # fmt: skip


class TinySearch(AbsTaskRetrieval):  # type: ignore[misc,unused-ignore]
    metadata = metadata("TinySearch", "Retrieval", "ndcg_at_10")

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        texts = ["Die Katze schläft.", "El agua está fría.", "保証は二年です。"]
        asked = ["Where is the cat?", "How is the water?", "How long is the warranty?"]
        split: Any = {
            "corpus": datasets.Dataset.from_list(
                [{"id": f"d{i}", "text": text, "title": ""} for i, text in enumerate(texts)]
            ),
            "queries": datasets.Dataset.from_list(
                [{"id": f"q{i}", "text": text} for i, text in enumerate(asked)]
            ),
            "relevant_docs": {f"q{i}": {f"d{i}": 1} for i in range(3)},
            "top_ranked": None,
        }
        self.dataset = {"default": {"test": split}}
        self.data_loaded = True


class TinySimilarity(AbsTaskSTS):  # type: ignore[misc,unused-ignore]
    metadata = metadata("TinySimilarity", "STS", "cosine_spearman")
    min_score, max_score = 0, 2

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        rows = {
            "sentence1": ["the cat", "cat and water", "the cat"],
            "sentence2": ["die Katze", "el gato", "el tren"],
            "score": [2, 1, 0],
        }
        self.dataset = datasets.DatasetDict({"test": datasets.Dataset.from_dict(rows)})
        self.data_loaded = True


class TinyClasses(AbsTaskClassification):  # type: ignore[misc,unused-ignore]
    metadata = metadata("TinyClasses", "Classification", "accuracy", prompt="Name the animal")
    samples_per_label = 2
    n_experiments = 1

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        train = {"text": ["cat", "Katze", "train", "Zug"], "label": [0, 0, 1, 1]}
        test = {"text": ["el gato", "el tren"], "label": [0, 1]}
        self.dataset = datasets.DatasetDict(
            {name: datasets.Dataset.from_dict(rows) for name, rows in
             (("train", train), ("test", test))}
        )  # fmt: skip
        self.data_loaded = True


TASKS = [TinySearch(), TinySimilarity(), TinyClasses()]


class Reader(ConceptEncoder):
    """Notes what a model with instructions would read."""

    def __init__(self) -> None:
        super().__init__(replace(SPEC, hf_id=NEMOTRON_8B.hf_id, query_template="{task}: {query}"))
        self.read: list[str] = []

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        self.read += [passage_text(self.spec, text) for text in texts]
        return self._encode(texts)

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        self.read += [query_text(self.spec, text, instruction) for text in texts]
        return self._encode(texts)


@pytest.fixture
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.mark.filterwarnings("ignore")  # mteb's and its libraries' own
@pytest.mark.usefixtures("_quiet")
def test_the_concepts_are_found_compared_and_told_apart(tmp_path: Path) -> None:
    judgement = judge(ConceptEncoder(), TASKS, tmp_path)
    assert judgement.failed == ()
    assert {item.task: item.score for item in judgement.scores} == pytest.approx(
        {"TinySearch": 1.0, "TinySimilarity": 1.0, "TinyClasses": 1.0}
    )
    assert judgement.means == pytest.approx({"Classification": 1, "Retrieval": 1, "STS": 1})
    assert judgement.mean == pytest.approx(1.0)
    results = sorted(path.name for path in tmp_path.rglob("Tiny*.json"))
    assert results == ["TinyClasses.json", "TinySearch.json", "TinySimilarity.json"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("_quiet")
def test_the_real_encoder_finds_across_languages(e5: LocalEncoder, tmp_path: Path) -> None:
    judgement = judge(e5, [TinySearch()], tmp_path)
    assert [item.score for item in judgement.scores] == pytest.approx([1.0])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("_quiet")
def test_nemotron_reads_the_instructions_of_its_own_evaluation(tmp_path: Path) -> None:
    reader = Reader()
    judge(reader, TASKS, tmp_path)
    search = "Retrieve text based on user query."
    assert {
        f"{search}: Where is the cat?",
        "Die Katze schläft.",
        "Retrieve semantically similar text: die Katze",
        "Retrieve semantically similar text: the cat",
        "Name the animal: el gato",
    } <= set(reader.read)
    assert not any(": Die Katze schläft." in text for text in reader.read)


def test_a_task_that_fails_is_listed_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_data(self: Any, num_proc: int | None = None, **kwargs: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(TinySearch, "load_data", no_data)
    judgement = judge(ConceptEncoder(), [TinySearch(), TinySimilarity()], tmp_path)
    assert [item.task for item in judgement.scores] == ["TinySimilarity"]
    assert [name for name, _ in judgement.failed] == ["TinySearch"]


@pytest.mark.parametrize(
    ("task", "side", "instruction"),
    [
        ("MLQARetrieval", "query", "Given a question, retrieve passages that answer the question"),
        ("MLQARetrieval", "document", ""),
        ("ArguAna", "query", "Given a claim, find documents that refute the claim"),
        ("ArguAna", "document", "Given a claim, find documents that refute the claim"),
        ("STS22.v2", None, "Retrieve semantically similar text"),
        ("NTREXBitextMining", None, "Retrieve parallel sentences"),
        ("SIB200ClusteringS2S", None, "Identify the category of documents"),
    ],
)
def test_the_instructions_are_those_of_the_card(
    task: str, side: str | None, instruction: str
) -> None:
    kind = PromptType(side) if side else None
    assert instruction_for(NEMOTRON_8B, mteb.get_task(task).metadata, kind) == instruction


@pytest.mark.filterwarnings("ignore:Prompt type:UserWarning")  # mteb has none for most documents
def test_the_instructions_of_all_tasks_are_those_of_the_makers_own_entry() -> None:
    theirs = LlamaEmbedNemotron.__new__(LlamaEmbedNemotron)  # its weights are not needed for this
    theirs.task_prompts = TASK_PROMPTS
    for task in find_tasks(BENCHMARK, []):
        searches = "Retrieval" in task.metadata.type or "Reranking" in task.metadata.type
        sides = (PromptType.query, PromptType.document) if searches else (None,)
        for side in sides:
            expected = theirs._get_task_specific_instruction(task.metadata, side)
            assert instruction_for(NEMOTRON_8B, task.metadata, side) == expected


def test_it_is_what_mteb_calls_an_encoder() -> None:
    assert isinstance(MtebEncoder(ConceptEncoder()), EncoderProtocol)


def test_the_benchmark_of_the_card_has_its_131_tasks() -> None:
    assert len(find_tasks(BENCHMARK, [])) == 131
    assert [task.metadata.name for task in find_tasks("", ["STS22.v2"])] == ["STS22.v2"]


def test_a_task_that_mteb_does_not_have_is_named() -> None:
    with pytest.raises(UsageError, match="mteb has no such task"):
        find_tasks("", ["NoSuchTask"])


def test_a_line_is_printed_for_each_task_and_the_means(capsys: pytest.CaptureFixture[str]) -> None:
    scores = (TaskScore("A", "STS", 0.5), TaskScore("B", "STS", 0.25), TaskScore("C", "R", 1.0))
    encoder.cli.print_judgement(Judgement(scores, (("D", "no network"),)))
    output = capsys.readouterr()
    assert [line.split() for line in output.out.splitlines()] == [
        ["A", "STS", "50.00"], ["B", "STS", "25.00"], ["C", "R", "100.00"],
        ["mean", "of", "R", "100.00"], ["mean", "of", "STS", "37.50"],
        ["mean", "of", "3", "tasks", "58.33"],
    ]  # fmt: skip
    assert output.err.split() == ["Failed:", "D:", "no", "network"]


def test_the_command_names_a_task_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert encoder.cli.main(["mteb", "--encoder", "e5-small", "--task", "NoSuchTask"]) == 2
    assert "mteb has no such task or benchmark" in capsys.readouterr().err
