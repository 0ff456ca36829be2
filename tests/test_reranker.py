"""A reranker beside plain matrix products, and what a search does with its scores."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from encoder.attention import AttentionChoice, AttentionName
from encoder.errors import EncoderRefused, UsageError
from encoder.forward import StockModel
from encoder.reranker import (
    ARCHITECTURE,
    RERANKERS,
    CrossEncoder,
    load_reranker,
    read_reranker,
)
from encoder.selftest import prove_attention
from encoder.spec import EncoderSpec, Vectors
from encoder.tokens import TextTokens
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder
from tests.reference import reference_states
from tests.tiny_models import DIM, FLOAT32, TINY_NEMOTRON, save_tiny

PASSAGES = ("water", "x", "a passage of middling length, here", "слова 言葉 and many more " * 9)
ERROR = 2e-6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The plain model, and the reranker in the layout in which such models are published."""
    base = save_tiny(TINY_NEMOTRON, tmp_path_factory.mktemp("base"))
    target = tmp_path_factory.mktemp("reranker")
    weights = {
        f"model.{name}": value for name, value in load_file(base / "model.safetensors").items()
    }
    weights["score.weight"] = np.random.default_rng(1).normal(size=(1, DIM)).astype(np.float32)
    save_file(weights, target / "model.safetensors", {"format": "pt"})
    config = json.loads((base / "config.json").read_text())
    config |= {"architectures": [ARCHITECTURE], "temperature": 0.5, "num_labels": 1}
    config["auto_map"] = {"AutoModelForSequenceClassification": f"llama.{ARCHITECTURE}"}
    (target / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (target / name).write_bytes((base / name).read_bytes())
    return base, target


def expected_scores(base: Path, target: Path, query: str) -> Vectors:
    spec = replace(TINY_NEMOTRON, max_tokens=8192)
    tokens = TextTokens.open(spec, base)
    score = load_file(target / "model.safetensors")["score.weight"][0].astype(np.float64)
    pairs = [f"question:{query} \n \n passage:{passage}" for passage in PASSAGES]
    return np.array(
        [reference_states(base, spec, ids).mean(axis=0) @ score / 0.5 for ids in tokens.ids(pairs)],
        np.float32,
    )


@pytest.mark.parametrize("attention", ["padded", "packed"])
def test_scores_are_those_of_plain_matrix_products(
    attention: AttentionName, folders: tuple[Path, Path]
) -> None:
    base, target = folders
    choice = AttentionChoice(attention, "a test")
    reranker = CrossEncoder.open(read_reranker(target), target, FLOAT32, choice)
    for query in ("Where is {passage}?", "?"):
        expected = expected_scores(base, target, query)
        found = reranker.scores(query, PASSAGES)
        assert np.abs(found - expected).max() / np.abs(expected).max() < ERROR
        alone = [reranker.scores(query, [passage])[0] for passage in PASSAGES]
        assert found == pytest.approx(alone, rel=1e-5, abs=1e-5)


def test_no_passages_have_no_scores(folders: tuple[Path, Path]) -> None:
    assert load_reranker(str(folders[1])).scores("?", []).shape == (0,)


def test_a_reranker_with_causal_attention_is_refused(folders: tuple[Path, Path]) -> None:
    reranker = load_reranker(str(folders[1]))
    model: Any = reranker._model
    assert isinstance(model, StockModel)
    model.model.config.is_causal = True
    with pytest.raises(EncoderRefused, match="attention looks in both directions, single text"):
        prove_attention(reranker)


def test_what_is_no_known_reranker_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(EncoderRefused, match="does not hold a reranker that is known here"):
        load_reranker(str(folders[0]))
    with pytest.raises(UsageError, match="No reranker is called 'rank9000'"):
        load_reranker("rank9000")
    for file in folders[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["score.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderRefused, match="has no score of one number over 64 dimensions"):
        load_reranker(str(tmp_path))


def test_the_rows_of_the_rerankers_are_bidirectional_and_pool_by_the_mean() -> None:
    for spec in RERANKERS.values():
        assert (spec.model.is_causal, spec.model.pooling) == (False, "mean")
        assert spec.pair_template == "question:{query} \n \n passage:{passage}"


class ShortestFirst:
    """A reranker that a person can compute in the head: the fewer characters, the better."""

    spec: EncoderSpec = TINY_NEMOTRON

    def __init__(self) -> None:
        self.read: list[str] = []

    def scores(self, query: str, passages: Sequence[str], /) -> Vectors:
        self.read += passages
        return np.array([-len(passage) for passage in passages], np.float32)


def test_a_search_is_ranked_by_the_reranker_where_there_is_one(index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    plain = retriever.search("cat", k=4, balance="off")
    reranker = ShortestFirst()
    hits = retriever.search("cat", k=2, balance="off", rerank=reranker)
    by_length = sorted(plain, key=lambda hit: len(hit.passage.text))
    assert [hit.passage.source for hit in hits] == [hit.passage.source for hit in by_length[:2]]
    assert [hit.rank for hit in hits] == [1, 2]
    assert {hit.score_kind for hit in hits} == {"reranked"}
    assert [hit.score for hit in hits] == [-len(hit.passage.text) for hit in hits]
    assert {hit.passage.source: hit.cosine for hit in hits}.items() <= {
        hit.passage.source: hit.cosine for hit in plain
    }.items()
    assert len(reranker.read) == 4  # more than were asked for: the best may stand further down


def test_a_filter_that_lets_nothing_through_asks_no_reranker(index_dir: Path) -> None:
    reranker = ShortestFirst()
    retriever = Retriever.open(index_dir, ConceptEncoder())
    assert retriever.search("cat", languages=["xx"], rerank=reranker) == ()
    assert reranker.read == []
