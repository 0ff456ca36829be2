"""Vectors are computed once; what the cache holds is never believed blindly."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoder.spec import Vectors
from retriever.evaluation.encoding import encode_texts
from retriever.evaluation.vector_cache import VectorCache, cache_root, clear_cache
from tests.concept_encoder import SPEC, ConceptEncoder

TEXTS = ["The cat sleeps.", "Das Wasser.", "パン"]


def nobody(done: int, total: int) -> None:
    pass


class OtherWeights(ConceptEncoder):
    """The same description, other vectors."""

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return np.ascontiguousarray(super()._encode(texts)[:, ::-1])


def encode(encoder: ConceptEncoder, texts: Sequence[str] = TEXTS) -> Vectors:
    cache = VectorCache.open(encoder)
    encoder.encoded.clear()  # the probes
    return encode_texts(texts, "passage", encoder, cache, nobody)


def test_a_text_is_encoded_once() -> None:
    first, second = ConceptEncoder(), ConceptEncoder()
    rows = encode(first, [*TEXTS, TEXTS[0]])
    assert sorted(first.encoded) == sorted(TEXTS)
    again = encode(second, [*reversed(TEXTS), "water"])
    assert second.encoded == ["water"]
    assert np.array_equal(again[:3], rows[2::-1])


def test_passages_and_questions_have_vectors_of_their_own() -> None:
    encoder = ConceptEncoder()
    encode(encoder)
    asked: list[str] = []

    class Asking(ConceptEncoder):
        def encode_queries(
            self, texts: Sequence[str], /, instruction: str | None = None
        ) -> Vectors:
            asked.extend(texts)
            return super().encode_queries(texts, instruction)

    cache = VectorCache.open(encoder)
    encode_texts(TEXTS, "query", Asking(), cache, nobody)
    assert sorted(asked) == sorted(TEXTS)


def test_another_encoder_has_a_folder_of_its_own() -> None:
    encode(ConceptEncoder())
    other = ConceptEncoder(replace(SPEC, name="others"))
    encode(other)
    assert sorted(other.encoded) == sorted(TEXTS)


def test_other_weights_under_the_same_name_empty_the_folder() -> None:
    encode(ConceptEncoder())
    other = OtherWeights()
    rows = encode(other)
    assert sorted(other.encoded) == sorted(TEXTS)
    assert np.array_equal(rows, OtherWeights().encode_passages(TEXTS))


@pytest.mark.parametrize("ending", ["keys.npy", "rows.npy", "probes.npy"])
def test_a_damaged_file_is_made_again(ending: str) -> None:
    rows = encode(ConceptEncoder())
    for path in cache_root().rglob(f"*{ending}"):
        path.write_bytes(path.read_bytes()[:90])
    again = ConceptEncoder()
    assert np.array_equal(encode(again), rows)
    assert sorted(again.encoded) == sorted(TEXTS)


def test_rows_that_are_short_of_keys_are_not_believed() -> None:
    encode(ConceptEncoder())
    (path,) = cache_root().rglob("*rows.npy")
    np.save(path, np.load(path)[:2])
    again = ConceptEncoder()
    encode(again)
    assert sorted(again.encoded) == sorted(TEXTS)


def test_the_cache_stays_below_its_bound() -> None:
    encoder = ConceptEncoder()
    size = 16 * SPEC.dim * 4 + 128  # 16 rows and the header of the file
    cache = VectorCache.open(encoder, max_bytes=3 * size)
    for lot in range(5):
        texts = [f"text {lot} {i}" for i in range(16)]
        encode_texts(texts, "passage", encoder, cache, nobody)
    files = [path.stat().st_size for path in cache_root().rglob("*rows.npy")]
    assert files == [size] * 3
    encoder.encoded.clear()
    encode_texts(
        [f"text 4 {i}" for i in range(16)], "passage", encoder, VectorCache.open(encoder), nobody
    )
    assert not any(text.startswith("text") for text in encoder.encoded)  # the newest stayed


def test_clearing_deletes_every_vector() -> None:
    encode(ConceptEncoder())
    assert clear_cache() > 0
    assert not cache_root().exists()
    assert clear_cache() == 0


def test_nothing_in_the_cache_is_a_pickle() -> None:
    encode(ConceptEncoder())
    files = [path for path in cache_root().rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all(isinstance(np.load(path, allow_pickle=False), np.ndarray) for path in files)
    assert all(Path(path).suffix == ".npy" for path in files)
