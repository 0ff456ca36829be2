"""Where tokens end: the memory of words must give what the tokeniser gives."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from encoder.local import LocalEncoder
from encoder.token_ends import WordMemory, token_ends, words_stand_alone
from tests.test_chunk import TEXTS
from tests.tiny_models import TINY_NEMOTRON, save_tiny

# Words, blanks, controls, marks without a letter, and what NFKC makes longer, shorter or blank.
PIECES = st.sampled_from(
    ("cat ", "Katze", " ", "\n\n", "\t", "\x0b", "\x1f", "\u3000", "\u2003", "\u0301", "¨", "ﷺ",
     "½ ", "e\u0301", "👩\u200d💻", "\u200b", "한국어 ", "ไทย", "▁", "<s>", "�")
)  # fmt: skip
ODD_TEXTS = st.lists(PIECES, max_size=30).map("".join)


@given(
    st.one_of(
        TEXTS, ODD_TEXTS, st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace").decode())
    )
)
def test_remembered_words_have_the_tokens_of_the_whole_text(e5: LocalEncoder, text: str) -> None:
    exact = token_ends(e5.tokens.tokenizer, [text])[0]
    memory = WordMemory(e5.tokens.tokenizer)
    assert memory.token_ends(text).tolist() == exact.tolist()
    assert memory.token_ends(text).tolist() == exact.tolist()  # and when they are known


def test_the_memory_is_emptied_when_it_is_full(e5: LocalEncoder) -> None:
    memory = WordMemory(e5.tokens.tokenizer, memory_chars=20)
    texts = [f"Number {number} is not number {number + 1}." for number in range(50)]
    found = [memory.token_ends(text) for text in texts]
    for ends, exact in zip(found, token_ends(e5.tokens.tokenizer, texts), strict=True):
        assert np.array_equal(ends, exact)
    assert memory._chars < 50


def test_threads_may_share_a_memory(e5: LocalEncoder) -> None:
    memory = WordMemory(e5.tokens.tokenizer, memory_chars=400)
    texts = [" ".join(f"word{at * step}" for at in range(40)) for step in range(1, 60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(memory.token_ends, texts))
    exact = token_ends(e5.tokens.tokenizer, texts)
    assert all(map(np.array_equal, found, exact))


def test_only_a_tokeniser_that_cuts_at_white_space_first_has_words_that_stand_alone(
    e5: LocalEncoder, tmp_path: Path
) -> None:
    byte_level = Tokenizer.from_file(str(save_tiny(TINY_NEMOTRON, tmp_path) / "tokenizer.json"))
    assert words_stand_alone(e5.tokens.tokenizer)
    assert e5.words_stand_alone
    assert not words_stand_alone(byte_level)
    byte_level.pre_tokenizer = None
    assert not words_stand_alone(byte_level)
