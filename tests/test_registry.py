"""The registry is data: each row must be complete, loadable in principle, and in the docs."""

import re
from pathlib import Path

import pytest

from encoder.architectures import ARCHITECTURES
from encoder.errors import RagError, UnknownEncoder, UsageError
from encoder.load import load_encoder
from encoder.naming import parse_name
from encoder.registry import REGISTRY, find_spec
from encoder.spec import EncoderSpec
from tests.tiny_models import TINY_BERT, save_tiny

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("spec", REGISTRY.values(), ids=lambda spec: spec.name)
def test_a_row_is_complete(spec: EncoderSpec) -> None:
    assert spec.model_class in ARCHITECTURES
    assert not (ARCHITECTURES[spec.model_class].encoder_only and spec.is_causal)
    assert spec.query_template.count("{query}") == 1
    assert spec.passage_template.count("{passage}") == 1
    assert bool(spec.default_task) == spec.takes_instructions
    assert spec.pooling != "last_token" or spec.add_eos is not False
    assert spec.most_tokens == 0 or spec.most_tokens > spec.max_tokens
    assert all(dim < spec.dim for dim in spec.shorter_dims)
    assert re.fullmatch(r"[0-9a-f]{40}|", spec.revision)
    assert (spec.download_mb == 0) == (spec.weights == "bundled")


def test_the_table_in_the_docs_lists_the_registry() -> None:
    text = (ROOT / "docs" / "models.md").read_text("utf-8")
    table = text[text.index("## By name") : text.index("Options stand after")]
    assert sorted(re.findall(r"^\| `([^`]+)` \|", table, re.M)) == sorted(REGISTRY)


def test_only_e5_small_is_bundled_and_a_hub_id_means_the_hub() -> None:
    assert [spec.name for spec in REGISTRY.values() if spec.weights == "bundled"] == ["e5-small"]
    assert find_spec("intfloat/multilingual-e5-small").weights == "hub"
    assert find_spec("nvidia/llama-embed-nemotron-8b").name == "nemotron-8b"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen/Qwen3-Embedding-0.6B@dim=256", (256, 1024, 8192)),
        ("nemotron-8b@tokens=32768", (4096, 4096, 32768)),
        ("google/embeddinggemma-300m@dim=128,tokens=512", (128, 768, 512)),
        ("nvidia/llama-nemotron-embed-1b-v2@dim=2048", (2048, 2048, 8192)),
    ],
)
def test_options_in_the_name_change_the_spec(name: str, expected: tuple[int, int, int]) -> None:
    spec = find_spec(name)
    assert (spec.dim, spec.model_dim, spec.max_tokens) == expected
    assert spec.name == (name if "dim=2048" not in name else name.split("@")[0])
    assert find_spec(spec.name) == spec  # what an index records can be loaded again


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nemotron-8b@dim=512", "cannot give vectors of 512 dimensions; it was trained for 4096"),
        ("Qwen/Qwen3-Embedding-4B@dim=16", "was trained for 32 to 2560"),
        ("google/embeddinggemma-300m@dim=300", "trained for 128, 256, 512, 768"),
        ("e5-small@tokens=1024", "cannot read 1024 tokens at once; it takes 16 to 512"),
        ("google/embeddinggemma-300m@dtype=float16", "computes something else in float16"),
        ("e5-small@dtype=int4", "'dtype=int4' in the encoder's name 'e5-small@dtype=int4' makes"),
        ("e5-small@dim=0", "'dim=0' in the encoder's name"),
        ("e5-small@colour=red", "'colour=red' in the encoder's name"),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        find_spec(name)


def test_options_are_refused_before_anything_is_downloaded() -> None:
    with pytest.raises(UsageError, match="cannot give vectors of 16 dimensions"):
        load_encoder("Qwen/Qwen3-Embedding-0.6B@dim=16", offline=True)


def test_a_number_format_does_not_change_the_name() -> None:
    assert find_spec("nemotron-8b@dtype=float16").name == "nemotron-8b"
    assert parse_name("nemotron-8b@dtype=float16").dtype == "float16"


def test_an_at_sign_in_a_name_is_no_option() -> None:
    assert parse_name("models/me@home").base == "models/me@home"
    with pytest.raises(UnknownEncoder, match="'word2vec@home'"):
        find_spec("word2vec@home")


def test_a_folder_is_an_encoder(tmp_path: Path) -> None:
    folder = save_tiny(TINY_BERT, tmp_path / "my model")
    encoder = load_encoder(f"{folder}@dtype=float32", offline=True)
    assert (encoder.spec.name, encoder.spec.weights) == (str(folder), "folder")
    assert encoder.encode_queries(["a"]).shape == (1, 64)


def test_an_unknown_model_is_looked_for_on_the_hub_and_named() -> None:
    with pytest.raises(
        RagError, match="The weights of somebody/some-model are not on this machine"
    ):
        load_encoder("somebody/some-model", offline=True)


def test_the_table_of_rerankers_in_the_docs_lists_them_all() -> None:
    from encoder.reranker import RERANKERS

    text = (ROOT / "docs" / "models.md").read_text("utf-8")
    table = text[text.index("## Rerankers") : text.index("Both are bidirectional")]
    assert re.findall(r"^\| `([^`]+)` \|", table, re.M) == list(RERANKERS)
