"""The encoder with weights: right, whatever shares a batch, and refused when it is wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from encoder.errors import EncoderNotAvailable, EncoderRefused, UsageError
from encoder.templates import query_text
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_BERT, TINY_NEMOTRON, save_tiny

TEXTS = ("short", "a text of middling length", "a longer text that has many more words in it")


@pytest.fixture(params=[TINY_BERT, TINY_NEMOTRON], ids=lambda spec: spec.name)
def tiny(request: pytest.FixtureRequest, tmp_path: Path) -> TransformerEncoder:
    return TransformerEncoder.open(request.param, save_tiny(request.param, tmp_path), FLOAT32)


def test_a_vector_does_not_depend_on_its_neighbours(tiny: TransformerEncoder) -> None:
    together = tiny.encode_passages(TEXTS)
    alone = np.concatenate([tiny.encode_passages([text]) for text in TEXTS])
    assert together == pytest.approx(alone, abs=1e-6)


def test_rows_come_in_the_order_given_and_have_unit_length(tiny: TransformerEncoder) -> None:
    forwards, backwards = tiny.encode_passages(TEXTS), tiny.encode_passages(TEXTS[::-1])
    assert forwards[::-1] == pytest.approx(backwards, abs=1e-6)
    assert np.linalg.norm(forwards, axis=1) == pytest.approx([1, 1, 1], abs=1e-6)
    assert forwards.dtype == np.float32


def test_no_texts_give_no_rows(tiny: TransformerEncoder) -> None:
    assert tiny.encode_passages([]).shape == (0, 64)


def test_a_text_over_the_limit_is_cut_there_and_counted(
    tiny: TransformerEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    long, cut = "x" * 500, "x" * tiny.passage_room
    rows = tiny.encode_passages([long, cut])
    assert rows[0] == pytest.approx(rows[1], abs=1e-6)
    assert caplog.messages == ["1 of 2 texts exceed 64 tokens and were cut there"]
    caplog.clear()
    over = tiny.query_tokens_cut(long)
    tiny.encode_queries([long])
    assert caplog.messages == [f"the question is too long: its last {over} tokens were not read"]
    tiny.encode_queries([long, long])
    assert caplog.messages[1:] == ["2 of 2 questions exceed 64 tokens and were cut there"]
    assert tiny.query_tokens_cut("?") == 0 or "Instruct" in tiny.spec.query_template


def test_the_instruction_stands_before_the_query_and_only_there(tmp_path: Path) -> None:
    spec = replace(TINY_NEMOTRON, max_tokens=200)
    encoder = TransformerEncoder.open(spec, save_tiny(spec, tmp_path), FLOAT32)
    tasks = {
        None: "Given a question, retrieve passages that answer the question",
        "Find it": "Find it",
    }
    for instruction, task in tasks.items():
        whole = f"Instruct: {task}\nQuery: where?"
        rows = encoder.encode_queries(["where?"], instruction)
        assert rows == pytest.approx(encoder.encode_passages([whole]), abs=1e-6)


def test_braces_in_a_query_or_instruction_stay_as_they_are() -> None:
    assert query_text(TINY_NEMOTRON, "{task} {query}", "a {query}") == (
        "Instruct: a {query}\nQuery: {task} {query}"
    )


def test_an_encoder_without_instructions_refuses_one(tmp_path: Path) -> None:
    encoder = TransformerEncoder.open(TINY_BERT, save_tiny(TINY_BERT, tmp_path), FLOAT32)
    with pytest.raises(UsageError, match="tiny-bert takes no instruction"):
        encoder.encode_queries(["a"], "Find it")


def test_token_ends_count_code_points(tiny: TransformerEncoder) -> None:
    assert tiny.token_ends("aé").tolist() == [1, 2, 2]  # é has two bytes, so two tokens


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = save_tiny(TINY_BERT, tmp_path)
    with pytest.raises(EncoderRefused, match="holds a model of 64 dimensions; tiny-bert has 32"):
        TransformerEncoder.open(replace(TINY_BERT, dim=32), folder, FLOAT32)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "config.json"])
def test_a_missing_or_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    folder = save_tiny(TINY_BERT, tmp_path)
    (folder / name).write_bytes(b"\x00\x01")
    with pytest.raises(EncoderNotAvailable, match="cannot be read from"):
        TransformerEncoder.open(TINY_BERT, folder, FLOAT32)


def test_a_weight_that_is_missing_is_never_made_up(tmp_path: Path) -> None:
    folder = save_tiny(TINY_BERT, tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderRefused, match=r"lacks weights .*layer.1.output.dense.weight"):
        TransformerEncoder.open(TINY_BERT, folder, FLOAT32)


def test_invalid_bytes_in_a_text_do_no_harm(tiny: TransformerEncoder) -> None:
    rows = tiny.encode_queries(["caf\udce9 \ud800", "caf? ?"])
    assert rows[0] == pytest.approx(rows[1], abs=1e-6)
    assert tiny.token_ends("\udce9a").tolist() == [1, 2]


@pytest.mark.parametrize(
    "prompts",
    [{"query_template": "q " * 30 + "{query}"}, {"passage_template": "p " * 30 + "{passage}"}],
)
def test_a_prompt_that_leaves_no_room_for_a_text_is_refused(
    prompts: dict[str, str], tmp_path: Path
) -> None:
    """All texts would have the vector of the prompt."""
    folder = save_tiny(TINY_BERT, tmp_path)
    spec = replace(TINY_BERT, max_tokens=64, **prompts)  # type: ignore[arg-type]
    with pytest.raises(EncoderRefused, match="has 62 tokens, and it reads 64 at once: too ") as no:
        TransformerEncoder.open(spec, folder, FLOAT32)
    assert no.value.next_step.endswith("the limit also as tokens= in the encoder's name.")
    # Three words less leave just enough, 8 tokens.
    roomy = replace(spec, **{name: text[6:] for name, text in prompts.items()})  # type: ignore[arg-type]
    assert TransformerEncoder.open(roomy, folder, FLOAT32).encode_queries(["a"]).shape == (1, 64)
