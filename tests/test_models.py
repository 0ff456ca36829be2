"""Every architecture beside a plain reference, beside sentence-transformers, packed and padded."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.attention import AttentionChoice, AttentionName
from encoder.errors import EncoderRefused
from encoder.selftest import self_test
from encoder.spec import EncoderSpec, Vectors
from encoder.st_files import read_spec
from encoder.templates import passage_text, query_text
from encoder.tokens import TextTokens
from encoder.transformer import TransformerEncoder
from tests.reference import reference_vector
from tests.tiny_models import FLOAT32, TINY_NEMOTRON, TINY_SPECS, save_tiny, tiny

# Mixed lengths, two of them equal, one longer than the sliding windows and one than the limit.
TEXTS = (
    "short",
    "x",
    "other",
    "a text of middling length, here",
    "много слов и ещё больше 言葉 " * 2,
)
ERROR = 2e-6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")
    made = {}
    for spec in TINY_SPECS:
        folder = base / spec.name
        folder.mkdir()
        made[spec.name] = save_tiny(spec, folder)
    return made


@pytest.fixture(params=TINY_SPECS, ids=lambda spec: spec.name)
def spec(request: pytest.FixtureRequest) -> EncoderSpec:
    chosen: EncoderSpec = request.param
    return chosen


def open_tiny(spec: EncoderSpec, folder: Path, attention: AttentionName) -> TransformerEncoder:
    return TransformerEncoder.open(spec, folder, FLOAT32, AttentionChoice(attention, "a test"))


def reference(spec: EncoderSpec, folder: Path, texts: list[str]) -> Vectors:
    tokens = TextTokens.open(spec, folder)
    rows = [tokens.cut(ids) for ids in tokens.ids(texts)]
    return np.stack([reference_vector(folder, spec, row) for row in rows]).astype(np.float32)


@pytest.mark.parametrize("attention", ["padded", "packed"])
def test_vectors_are_those_of_plain_matrix_products(
    attention: AttentionName, spec: EncoderSpec, folders: dict[str, Path]
) -> None:
    folder = folders[spec.name]
    encoder = open_tiny(spec, folder, attention)
    passages = reference(spec, folder, [passage_text(spec, text) for text in TEXTS])
    assert np.abs(encoder.encode_passages(TEXTS) - passages).max() < ERROR
    queries = reference(spec, folder, [query_text(spec, text, None) for text in TEXTS])
    assert np.abs(encoder.encode_queries(TEXTS) - queries).max() < ERROR


@pytest.mark.parametrize("attention", ["padded", "packed"])
def test_every_architecture_passes_the_self_test(
    attention: AttentionName, spec: EncoderSpec, folders: dict[str, Path]
) -> None:
    encoder = open_tiny(spec, folders[spec.name], attention)
    assert [finding.held for finding in self_test(encoder)] == [True] * 7


@pytest.mark.parametrize("attention", ["padded", "packed"])
def test_a_vector_does_not_depend_on_its_batch(
    attention: AttentionName, spec: EncoderSpec, folders: dict[str, Path]
) -> None:
    encoder = open_tiny(spec, folders[spec.name], attention)
    together = encoder.encode_passages(TEXTS)
    alone = np.concatenate([encoder.encode_passages([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < ERROR


def test_sentence_transformers_reads_the_same_vectors_from_the_same_files(
    spec: EncoderSpec, folders: dict[str, Path], tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = folders[spec.name]
    if spec.model_class == "LlamaModel":  # as published it wants to run its own code
        folder = as_stock_llama(folder, tmp_path)
    theirs = SentenceTransformer(str(folder), device="cpu")
    ours = open_tiny(spec, folders[spec.name], "packed")
    texts = [text.strip() for text in TEXTS]
    queries = np.asarray(theirs.encode(texts, prompt_name="query"))
    assert np.abs(queries - ours.encode_queries(texts)).max() < ERROR
    passages = np.asarray(theirs.encode(texts, prompt_name="document"))
    assert np.abs(passages - ours.encode_passages(texts)).max() < ERROR


def as_stock_llama(folder: Path, target: Path) -> Path:
    """The same checkpoint in the form that transformers reads without its code."""
    for path in folder.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text())
    del config["auto_map"]
    config |= {"model_type": "llama", "architectures": ["LlamaModel"], "is_causal": False}
    (target / "config.json").write_text(json.dumps(config))
    return target


def test_a_folder_is_read_from_its_own_files(
    spec: EncoderSpec, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = folders[spec.name]
    if spec.model_class == "LlamaModel":
        folder = as_stock_llama(folder, tmp_path)
    found = read_spec(folder, spec.name, "folder")
    same = ("model_class", "is_causal", "pooling", "dim", "query_template", "passage_template",
            "default_task", "max_tokens", "dense_head")  # fmt: skip
    assert {field: getattr(found, field) for field in same} == {
        field: getattr(spec, field) for field in same
    }
    ours, theirs = (open_tiny(each, folder, "padded") for each in (spec, found))
    assert theirs.encode_queries(TEXTS) == pytest.approx(ours.encode_queries(TEXTS), abs=1e-7)


@pytest.mark.parametrize("name", ["tiny-embedding-gemma", "tiny-qwen3"])
def test_a_shorter_vector_is_the_first_numbers_at_unit_length(
    name: str, folders: dict[str, Path]
) -> None:
    spec = next(spec for spec in TINY_SPECS if spec.name == name)
    short = replace(spec, dim=16, full_dim=spec.dim)
    whole, cut = (open_tiny(each, folders[name], "packed") for each in (spec, short))
    expected = whole.encode_passages(TEXTS)[:, :16]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert cut.encode_passages(TEXTS) == pytest.approx(expected, abs=1e-6)


def test_the_end_token_is_appended_where_the_tokeniser_leaves_it_out(tmp_path: Path) -> None:
    spec = next(spec for spec in TINY_SPECS if spec.name == "tiny-qwen3")
    whole = save_tiny(spec, tmp_path / "whole")
    bare = save_tiny(replace(spec, add_eos=False), tmp_path / "bare")
    kept, appended = (TextTokens.open(spec, folder) for folder in (whole, bare))
    assert appended.ids(["ab", ""]) == kept.ids(["ab", ""])
    assert appended.cut(appended.ids(["x" * 99])[0])[-1] == 2


def test_files_that_contradict_the_registry_are_refused(
    tmp_path: Path, folders: dict[str, Path]
) -> None:
    from encoder.st_files import check_row

    check_row(TINY_NEMOTRON, folders["tiny-nemotron"])
    with pytest.raises(EncoderRefused, match="it pools by mean, and the registry says cls"):
        check_row(replace(TINY_NEMOTRON, pooling="cls"), folders["tiny-nemotron"])


def change(name: str, **values: Any) -> Any:
    def apply(folder: Path) -> None:
        data = json.loads((folder / name).read_text())
        kept = {key: value for key, value in (data | values).items() if value is not None}
        (folder / name).write_text(json.dumps(kept))

    return apply


def remove(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove("modules.json"), "modules.json is missing"),
        (remove("config.json"), "config.json is missing"),
        (remove("1_Pooling/config.json"), "1_Pooling/config.json is missing"),
        (remove("config_sentence_transformers.json"), "transformers.json is missing"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is damaged"),
        (lambda folder: (folder / "modules.json").write_text("[1]"), "modules.json is damaged"),
        (lambda folder: (folder / "modules.json").write_text("[]"), "its steps are"),
        (change("config.json", auto_map={"AutoModel": "a.B"}), "brings its own code along"),
        (change("config.json", model_type="t5"), "the architecture 't5' is not known"),
        (change("config.json", is_decoder=True), "config.json has is_decoder"),
        (change("config.json", quantization_config={"bits": 4}), "has quantization_config"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "it is an adapter"),
        (
            change("1_Pooling/config.json", pooling_mode_max_tokens=True),
            "pools in a way that is not known",
        ),
        (change("1_Pooling/config.json", pooling_mode="weightedmean"), "pools in a way"),
        (change("1_Pooling/config.json", include_prompt=False), "leaves prompts out"),
        (change("config_sentence_transformers.json", prompts={}), "does not say what stands"),
        (
            change("config_sentence_transformers.json", prompts={"sts": "Same?"}),
            "does not say what stands",
        ),
        (
            change("config_sentence_transformers.json", prompts={"query": "{task} "}),
            "a prompt holds a placeholder",
        ),
        (
            change("config_sentence_transformers.json", similarity_fn_name="euclidean"),
            "compared by euclidean",
        ),
    ],
)
def test_what_a_folder_leaves_open_is_refused(damage: Any, reason: str, tmp_path: Path) -> None:
    folder = save_tiny(TINY_SPECS[0], tmp_path)
    damage(folder)
    with pytest.raises(EncoderRefused, match=reason):
        read_spec(folder, "a model", "folder")


@pytest.mark.parametrize(
    ("prompt", "template", "task"),
    [
        ("Instruct: Find it.\nQuery: ", "Instruct: {task}\nQuery: {query}", "Find it."),
        ("Instruct: Find it\nQuery:", "Instruct: {task}\nQuery:{query}", "Find it"),
        # As KaLM's is.
        ("Instruct: Find it \n Query: ", "Instruct: {task} \n Query: {query}", "Find it"),
        ("Instruct: A.\nB\nQuery: ", "Instruct: A.\nB\nQuery: {query}", ""),
        ("query: ", "query: {query}", ""),
    ],
)
def test_a_prompt_of_the_usual_form_takes_instructions(
    prompt: str, template: str, task: str, tmp_path: Path
) -> None:
    folder = save_tiny(TINY_SPECS[0], tmp_path)
    change("config_sentence_transformers.json", prompts={"query": prompt, "document": ""})(folder)
    spec = read_spec(folder, "a model", "folder")
    assert (spec.query_template, spec.default_task) == (template, task)
    instructed = query_text(spec, "why?", None)
    assert instructed == f"{prompt}why?"


def test_an_unknown_step_or_activation_is_refused(tmp_path: Path) -> None:
    spec = next(spec for spec in TINY_SPECS if spec.dense_head)
    folder = save_tiny(spec, tmp_path)
    change("2_Dense/config.json", activation_function="torch.nn.modules.activation.SELU")(folder)
    with pytest.raises(
        EncoderRefused, match=r"the activation torch\.nn\.modules\.activation\.SELU"
    ):
        open_tiny(spec, folder, "padded")
    modules = json.loads((folder / "modules.json").read_text())
    modules[2]["type"] = "sentence_transformers.models.LSTM"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EncoderRefused, match="its steps are Transformer, Pooling, LSTM"):
        read_spec(folder, "a model", "folder")


def test_a_bidirectional_window_of_unknown_width_is_refused(tmp_path: Path) -> None:
    spec = next(spec for spec in TINY_SPECS if spec.name == "tiny-linq-mistral")
    folder = save_tiny(spec, tmp_path)
    with pytest.raises(EncoderRefused, match="bidirectional attention in sliding windows"):
        open_tiny(replace(spec, is_causal=False), folder, "padded")


def test_gemma_of_the_other_direction_is_refused(tmp_path: Path) -> None:
    spec = next(spec for spec in TINY_SPECS if spec.name == "tiny-embedding-gemma")
    folder = save_tiny(spec, tmp_path)
    with pytest.raises(EncoderRefused, match="use_bidirectional_attention: True"):
        open_tiny(replace(spec, is_causal=True), folder, "padded")


def test_a_tiny_spec_keeps_what_its_row_says() -> None:
    assert tiny(TINY_NEMOTRON, "again").default_task == TINY_NEMOTRON.default_task
