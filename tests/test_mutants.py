"""Break the encoder in every way that was seen in public code; the self-test must refuse it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from encoder import attention, forward, local
from encoder.attention import AttentionChoice, AttentionName, TextBounds
from encoder.errors import EncoderRefused
from encoder.forward import Forward, StockModel
from encoder.pooling import pool, to_unit
from encoder.selftest import self_test
from encoder.spec import EncoderSpec, TokenRows
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_NEMOTRON, TINY_SPECS, save_tiny

TINY_QWEN3 = next(spec for spec in TINY_SPECS if spec.name == "tiny-qwen3")
Mutate = Callable[[pytest.MonkeyPatch, TransformerEncoder], None]


def stock(encoder: TransformerEncoder) -> StockModel:
    assert isinstance(encoder.forward.model, StockModel)
    return encoder.forward.model


def other_direction(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    stock(encoder).model.config.is_causal = not encoder.spec.is_causal


def causal_by_the_folk_recipe(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    """What most public loaders do: the attribute of the layers instead of the configuration's."""
    del stock(encoder).model.config.is_causal
    for layer in stock(encoder).model.layers:
        layer.self_attn.is_causal = False


def pads_in_pooling(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    """For the mean padding counts; the last token is looked for on the wrong side."""

    def naive(self: Forward, rows: TokenRows) -> torch.Tensor:
        width = max(map(len, rows))
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        states = stock(encoder).model(input_ids=ids, attention_mask=mask).last_hidden_state
        last = self.spec.pooling == "last_token"
        return to_unit(states[:, -1] if last else states.mean(dim=1), self.spec.dim)

    patch.setattr(Forward, "__call__", naive)


def padding_is_seen(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    model = stock(encoder).model

    class Unmasked:
        config = model.config

        def __call__(self, attention_mask: Any, **inputs: Any) -> Any:
            return model(**inputs)

    object.__setattr__(stock(encoder), "model", Unmasked())


def first_token_for_the_last(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    patch.setattr(forward, "pool", lambda states, lengths, _: pool(states, lengths, "cls"))


def no_normalisation(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    patch.setattr(forward, "to_unit", lambda vectors, dim: vectors[:, :dim])


def no_instruction(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    patch.setattr(local, "query_text", lambda spec, text, instruction: text)


def packed_texts_see_each_other(patch: pytest.MonkeyPatch, encoder: TransformerEncoder) -> None:
    real = attention.packed_attention

    def leaking(*inputs: Any, text_bounds: TextBounds, **options: Any) -> Any:
        whole = TextBounds((sum(text_bounds.lengths),), text_bounds.offsets)
        return real(*inputs, text_bounds=whole, **options)

    attention_interface().register("crosstongue_packed", leaking)


def attention_interface() -> Any:
    from transformers import AttentionInterface

    return AttentionInterface


@pytest.mark.parametrize(
    ("spec", "attention", "mutate", "finding"),
    [
        (TINY_NEMOTRON, "padded", other_direction, "in both directions, single text"),
        (TINY_NEMOTRON, "padded", other_direction, "in both directions, batch"),
        (TINY_NEMOTRON, "packed", other_direction, "in both directions, single text"),
        (TINY_NEMOTRON, "packed", other_direction, "in both directions, batch"),
        (TINY_NEMOTRON, "padded", causal_by_the_folk_recipe, "in both directions, batch"),
        (TINY_QWEN3, "padded", other_direction, "only backwards, single text"),
        (TINY_QWEN3, "packed", other_direction, "only backwards, batch"),
        (TINY_NEMOTRON, "padded", pads_in_pooling, "padding changes nothing"),
        (TINY_QWEN3, "padded", pads_in_pooling, "padding changes nothing"),
        (TINY_NEMOTRON, "padded", padding_is_seen, "padding changes nothing"),
        (TINY_NEMOTRON, "packed", packed_texts_see_each_other, "do not see each other"),
        (TINY_QWEN3, "packed", packed_texts_see_each_other, "do not see each other"),
        (TINY_QWEN3, "packed", first_token_for_the_last, "pooled as the spec says"),
        (TINY_NEMOTRON, "packed", first_token_for_the_last, "pooled as the spec says"),
        (TINY_NEMOTRON, "packed", no_normalisation, "rows have unit length"),
        (TINY_NEMOTRON, "packed", no_instruction, "a query is not encoded as a passage"),
    ],
)
def test_the_self_test_refuses_an_encoder_that_computes_something_else(
    spec: EncoderSpec,
    attention: AttentionName,
    mutate: Mutate,
    finding: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choice = AttentionChoice(attention, "a test")
    encoder = TransformerEncoder.open(spec, save_tiny(spec, tmp_path), FLOAT32, choice)
    mutate(monkeypatch, encoder)
    with pytest.raises(EncoderRefused) as error:
        self_test(encoder)
    assert finding in error.value.what


@pytest.mark.parametrize(
    ("change", "spec"),
    [
        ({"add_eos": True}, TINY_NEMOTRON),
        ({"add_bos": False}, TINY_NEMOTRON),
        ({"add_eos": False}, TINY_QWEN3),
        ({"add_bos": True}, TINY_QWEN3),
    ],
)
def test_a_tokeniser_with_other_special_tokens_is_refused(
    change: dict[str, Any], spec: EncoderSpec, tmp_path: Path
) -> None:
    folder = save_tiny(spec, tmp_path)
    (folder / "tokenizer_config.json").unlink()  # it would name the end token to append
    with pytest.raises(EncoderRefused, match="The tokeniser adds"):
        TransformerEncoder.open(replace(spec, **change), folder, FLOAT32)
