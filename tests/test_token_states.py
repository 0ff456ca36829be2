"""Token states: those that the vector is pooled from, each with its place in the text."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoder.spec import EncoderSpec, TokenStates
from encoder.templates import passage_text, query_text
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_BERT, TINY_NEMOTRON, save_tiny

TEXT = "Ein Satz, 二年です, и конец."


def opened(spec: EncoderSpec, folder: Path) -> TransformerEncoder:
    return TransformerEncoder.open(spec, save_tiny(spec, folder), FLOAT32)


@pytest.mark.parametrize("spec", [TINY_BERT, TINY_NEMOTRON], ids=lambda spec: spec.name)
def test_the_states_of_a_text_are_the_model_s_without_template_start_and_end(
    spec: EncoderSpec, tmp_path: Path
) -> None:
    # The prompt of the one is long; the other has no more places.
    most = 66 if spec is TINY_BERT else 200
    encoder = opened(replace(spec, max_tokens=most), tmp_path)
    assert isinstance(encoder, TokenStates)
    for found, whole in (
        (encoder.passage_states([TEXT])[0], passage_text(encoder.spec, TEXT)),
        (encoder.query_states(TEXT), query_text(encoder.spec, TEXT, None)),
    ):
        ids = encoder.tokens.ids([whole])[0]
        expected = encoder.states([ids])[0]
        start = whole.rindex(TEXT)
        offsets = encoder.tokens.tokenizer.encode(whole).offsets
        inside = [i for i, (a, b) in enumerate(offsets) if a < b and start < b <= start + len(TEXT)]
        assert found.states == pytest.approx(expected[inside], abs=1e-6)
        assert found.spans.tolist() == [
            [max(a - start, 0), b - start] for a, b in (offsets[i] for i in inside)
        ]


def test_states_come_in_the_order_given_and_do_not_depend_on_their_neighbours(
    tmp_path: Path,
) -> None:
    encoder = opened(TINY_BERT, tmp_path)
    texts = ["a", TEXT, "", "middling text"]
    together = encoder.passage_states(texts)
    for text, found in zip(texts, together, strict=True):
        alone = encoder.passage_states([text])[0]
        assert found.states == pytest.approx(alone.states, abs=1e-6)
        assert found.spans.tolist() == alone.spans.tolist()
    assert together[2].states.shape == (0, 64)


def test_what_is_cut_off_has_no_states_and_the_end_token_none_of_its_own(tmp_path: Path) -> None:
    encoder = opened(TINY_BERT, tmp_path)
    long, read = "x" * 500, "x" * encoder.passage_room
    cut, whole = encoder.passage_states([long, read])
    assert cut.spans.tolist() == whole.spans.tolist()
    assert cut.states == pytest.approx(whole.states, abs=1e-6)
    assert cut.spans[:, 1].max() <= len(read)
    assert len(cut.states) == len(np.unique(cut.spans[:, 1]))
