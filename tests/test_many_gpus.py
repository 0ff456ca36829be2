"""Several devices with a process each; here they are all the processor."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoder import many_gpus
from encoder.errors import EncoderNotAvailable
from encoder.load import further_gpus
from encoder.many_gpus import ManyGpus
from encoder.spec import EncoderSpec
from encoder.transformer import TransformerEncoder
from encoder.worker import Worker
from tests.tiny_models import FLOAT32, TINY_BERT, TINY_NEMOTRON, save_tiny

TEXTS = [f"passage number {number} " + "and more " * (number % 5) for number in range(41)]


@pytest.mark.parametrize("spec", [TINY_BERT, TINY_NEMOTRON], ids=lambda spec: spec.name)
def test_rows_are_those_of_one_device_in_the_order_given(
    spec: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_gpus, "LEAST_TEXTS", 5)
    folder = save_tiny(spec, tmp_path)
    first = TransformerEncoder.open(spec, folder, FLOAT32)
    many = ManyGpus(first, folder, ["cpu", "cpu"])
    rows = many.encode_passages(TEXTS)
    assert rows == pytest.approx(first.encode_passages(TEXTS), abs=1e-6)
    assert many.encode_passages(TEXTS[:7]) == pytest.approx(rows[:7], abs=1e-6)
    assert [worker._process.poll() for worker in many._workers] == [None, None]
    processes = [worker._process for worker in many._workers]
    del many
    assert [process.wait(30) for process in processes] == [0, 0]


def test_few_texts_and_questions_start_no_process(tmp_path: Path) -> None:
    folder = save_tiny(TINY_BERT, tmp_path)
    many = ManyGpus(TransformerEncoder.open(TINY_BERT, folder, FLOAT32), folder, ["cpu"])
    assert many.encode_passages(TEXTS).shape == (41, 64)
    assert many.encode_queries(["a"]).shape == (1, 64)
    assert many._workers == []


def test_a_device_that_cannot_load_the_encoder_says_why(tmp_path: Path) -> None:
    folder = save_tiny(TINY_NEMOTRON, tmp_path)
    worker = Worker.start(replace(TINY_NEMOTRON, dim=32), folder, replace(FLOAT32, device="cpu"))
    worker.send(["a"])
    with pytest.raises(EncoderNotAvailable, match=r"cpu could not encode: .* has 32\."):
        worker.receive(32)
    worker.close()


def test_a_process_that_dies_is_an_error_and_the_next_call_starts_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_gpus, "LEAST_TEXTS", 5)
    folder = save_tiny(TINY_BERT, tmp_path)
    many = ManyGpus(TransformerEncoder.open(TINY_BERT, folder, FLOAT32), folder, ["cpu"])
    many._workers.append(Worker.start(TINY_BERT, folder, FLOAT32))
    os.kill(many._workers[0]._process.pid, signal.SIGKILL)
    many._workers[0]._process.wait()
    with pytest.raises(EncoderNotAvailable, match=r"The process of cpu ended .*\(code -9\)"):
        many.encode_passages(TEXTS)
    assert many._workers == []
    assert many.encode_passages(TEXTS).shape == (41, 64)


def test_text_that_is_no_valid_unicode_comes_through(tmp_path: Path) -> None:
    folder = save_tiny(TINY_BERT, tmp_path)
    worker = Worker.start(TINY_BERT, folder, FLOAT32)
    texts = ["caf\udce9 \ud800", "", "\u2028 line\n"]
    worker.send(texts)
    expected = TransformerEncoder.open(TINY_BERT, folder, FLOAT32).encode_passages(texts)
    assert np.abs(worker.receive(64) - expected).max() < 1e-6
    worker.close()


def test_all_gpus_are_used_and_a_processor_is_alone() -> None:
    assert further_gpus("cuda", 3) == ("cuda:1", "cuda:2")
    assert further_gpus("cuda", 1) == ()
    assert further_gpus("cpu") == ()
