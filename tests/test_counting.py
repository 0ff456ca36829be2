"""Counting tokens for a model that runs elsewhere."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from encoder.bundled import unpacked_folder
from encoder.counting import ByteCounter, TokenizerCounter, read_tokenizer
from encoder.errors import UsageError
from tests.tiny_models import TINY_NEMOTRON, save_tiny

# Characters that normal forms make longer, scripts without spaces, marks, emoji, odd spaces.
HARD = "ﷺΐ각ึㄱ½™㌀ʼnİẞ a\u3000\u00a0é한국어ภาษาไทย語🙂\u200d\u0301\ufdfa"
TEXTS = st.text() | st.text(alphabet=HARD, max_size=40)


@pytest.fixture(scope="module")
def e5_tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(unpacked_folder() / "tokenizer.json"))


@pytest.fixture(scope="module")
def e5_counter() -> TokenizerCounter:
    return read_tokenizer(unpacked_folder() / "tokenizer.json")


@given(text=TEXTS)
def test_bytes_are_never_fewer_than_the_tokens_of_a_unigram_vocabulary(
    e5_counter: TokenizerCounter, text: str
) -> None:
    assert ByteCounter().count(text) >= e5_counter.count(text)
    assert len(ByteCounter().ends(text)) + 1 >= len(e5_counter.ends(text))  # "▁" may stand alone


def test_bytes_are_never_fewer_than_the_tokens_of_a_byte_vocabulary(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(save_tiny(TINY_NEMOTRON, tmp_path) / "tokenizer.json")
    for text in ("", "water", HARD, "\udce9"):
        assert ByteCounter().count(text) >= tokenizer.count(text)


@given(TEXTS)
def test_ends_never_decrease_and_reach_the_end(text: str) -> None:
    ends = ByteCounter().ends(text).tolist()
    assert ends == sorted(ends)
    assert set(ends) == set(range(1, len(text) + 1))


def test_bytes_of_the_longest_normal_form_count() -> None:
    assert ByteCounter().ends("aé").tolist() == [1, 2, 2, 2]  # e and an accent of two bytes
    assert len(ByteCounter().ends("ﷺ")) == 33


def test_a_tokeniser_counts_with_its_special_tokens(
    e5_counter: TokenizerCounter, e5_tokenizer: Tokenizer
) -> None:
    text = "Die Garantie gilt zwei Jahre."
    assert e5_counter.count(text) == len(e5_tokenizer.encode(text).ids)
    assert len(e5_counter.ends(text)) == e5_counter.count(text) - 2
    assert e5_counter.ends(text)[-1] == len(text)


def test_a_tokeniser_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match=r"The tokeniser cannot be read from .*tokenizer.json"):
        read_tokenizer(tmp_path / "tokenizer.json")
