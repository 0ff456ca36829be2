"""Many words at once: each as the tokeniser cuts it, or not at all."""

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from encoder.local import LocalEncoder
from encoder.spec import TokenEnds
from encoder.token_ends import WordMemory, token_ends
from encoder.unigram import ManyWords, fits, trie_of
from encoder.unigram_file import (
    LEAST_CHARS,
    MAKE_AT_CHARS,
    READ_AT_CHARS,
    ManyWordsLater,
    read_trie,
    write_trie,
)
from encoder.unigram_trie import PieceTrie, UnfitVocabularyError, build_trie
from tests.test_chunk import SCRIPTS, TEXTS
from tests.test_token_ends import ODD_TEXTS

ANY_TEXTS = st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace").decode())


@pytest.fixture(scope="module")
def tokenizer(e5: LocalEncoder) -> Tokenizer:
    return e5.tokens.tokenizer


@pytest.fixture(scope="module")
def trie(tokenizer: Tokenizer) -> PieceTrie:
    return trie_of(tokenizer)


@pytest.fixture(scope="module")
def many_words(trie: PieceTrie, tokenizer: Tokenizer) -> ManyWords:
    return ManyWords(trie, tokenizer)


def cut(many_words: ManyWords, words: Sequence[str]) -> list[list[int] | None]:
    """The token ends of each word, None where it is left to the tokeniser."""
    found = many_words.cut(words)
    ends = iter(np.split(found.ends, np.cumsum(found.counts)))
    return [next(ends).tolist() if known else None for known in found.known]


def exact(tokenizer: Tokenizer, words: Sequence[str]) -> list[list[int]]:
    return [ends.tolist() for ends in token_ends(tokenizer, words)]


def assert_equal_where_known(
    many_words: ManyWords, tokenizer: Tokenizer, words: Sequence[str]
) -> int:
    """Compare, and return how many words were cut."""
    pairs = zip(cut(many_words, words), exact(tokenizer, words), strict=True)
    known = [(own, other) for own, other in pairs if own is not None]
    assert [own for own, _ in known] == [other for _, other in known]
    return len(known)


@given(st.one_of(TEXTS, ODD_TEXTS, ANY_TEXTS))
def test_words_are_cut_as_the_tokeniser_cuts_them(
    many_words: ManyWords, tokenizer: Tokenizer, text: str
) -> None:
    if words := text.split():
        assert_equal_where_known(many_words, tokenizer, words)


@given(st.one_of(TEXTS, ODD_TEXTS, ANY_TEXTS))
def test_a_memory_of_words_may_cut_them_at_once(
    many_words: ManyWords, tokenizer: Tokenizer, text: str
) -> None:
    memory = WordMemory(tokenizer, many_words=lambda chars: many_words)
    assert memory.token_ends(text).tolist() == exact(tokenizer, [text])[0]
    assert memory.token_ends(text).tolist() == exact(tokenizer, [text])[0]


def test_words_of_random_letters_are_nearly_all_cut(
    many_words: ManyWords, tokenizer: Tokenizer, trie: PieceTrie
) -> None:
    chance = random.Random(0)
    letters = [chr(code) for code in np.flatnonzero(trie.letters)]
    words = ["".join(chance.choices(letters, k=chance.randint(1, 20))) for _ in range(2000)]
    # The pieces of a script stand near one another, so these share more of them.
    for script in SCRIPTS.values():
        own = [char for char in script if not char.isspace()]
        words += ["".join(chance.choices(own, k=chance.randint(1, 60))) for _ in range(200)]
    assert assert_equal_where_known(many_words, tokenizer, words) > 0.9 * len(words)


def test_a_batch_of_any_size_gives_the_same(many_words: ManyWords, tokenizer: Tokenizer) -> None:
    words = [word for script in SCRIPTS.values() for word in script.split()] * 300
    assert sum(map(len, words)) > 65_536
    once = cut(many_words, words[: len(words) // 300])
    assert cut(many_words, words) == once * 300
    assert [cut(many_words, [word])[0] for word in words[: len(once)]] == once


@pytest.mark.parametrize("word", ["." * 29, "x" * 41, "(ppp0", "1.2.6", "kupoea"])
def test_a_word_with_two_best_cuts_is_left_to_the_tokeniser(
    many_words: ManyWords, word: str
) -> None:
    assert cut(many_words, ["a", word, "b"]) == [[1], None, [1]]


@pytest.mark.parametrize(
    "word",
    [
        "世界，你好！",  # wide punctuation, a character each
        "กำลังทำ…",  # what becomes two characters, and three
        "می\u200cخواهید",  # a joiner that becomes a blank
        "儃佪絪縕",  # characters that are no pieces: one unknown token for neighbours
        "a儃b佪",
        "\uf0b1x",
        "###",  # the mark of a word's start as a token alone
    ],
)
def test_normal_forms_and_unknown_characters_are_cut_at_once(
    many_words: ManyWords, tokenizer: Tokenizer, word: str
) -> None:
    assert cut(many_words, ["vor", word, "nach"]) == exact(tokenizer, ["vor", word, "nach"])


@pytest.mark.parametrize("word", ["a\u200c\u200cb", "\u200ca", "a\x01b", "e\u0301", "ᄀ\u1161"])
def test_characters_that_change_together_are_left_to_the_tokeniser(
    many_words: ManyWords, word: str
) -> None:
    assert cut(many_words, [word]) == [None]


def test_a_long_word_without_a_place_to_part_it_is_left_to_the_tokeniser(
    many_words: ManyWords, tokenizer: Tokenizer
) -> None:
    word = "ab" * 5_000
    assert cut(many_words, [word, "Katze"]) == [None, exact(tokenizer, ["Katze"])[0]]


def small_tokenizer(like: Tokenizer) -> Tokenizer:
    """One of the same kind with a vocabulary that is laid out in no time."""
    letters = [(letter, -5.0) for letter in "▁aekrtz世界K"]
    pieces = [("<unk>", -1000.0), *letters, ("▁Ka", -6.0), ("tze", -7.0), ("世界", -4.0)]
    small = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    small.normalizer = like.normalizer
    small.pre_tokenizer = like.pre_tokenizer
    return small


def test_other_kinds_of_tokenisers_are_not_cut_at_once(tokenizer: Tokenizer) -> None:
    assert fits(tokenizer)
    other = small_tokenizer(tokenizer)
    assert fits(other)
    other.model = models.BPE()
    assert not fits(other)
    other = small_tokenizer(tokenizer)
    other.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert not fits(other)
    other = small_tokenizer(tokenizer)
    other.normalizer = normalizers.Lowercase()
    assert not fits(other)
    other.normalizer = None
    assert not fits(other)
    named = small_tokenizer(tokenizer)
    named.add_special_tokens([AddedToken("<mask>")])
    assert not fits(named)


MANY_FOR_EACH = [
    (chr(0x4E00 + first) + chr(0x4E00 + second), -9.0)
    for first in range(200)
    for second in random.Random(first).sample(range(20_000), 500)
]


@pytest.mark.parametrize(
    "vocabulary",
    [
        [("a", -1.0)],
        [("▁", -1.0), ("a", -1.0), ("a" * 17, -2.0)],
        [("▁", -1.0), ("a", -33.0)],
        [("▁", -1.0), ("a", 0.5)],
        [("▁", -1.0), *((chr(0x4E00 + i), -9.0) for i in range(20_000)), *MANY_FOR_EACH],
    ],
    ids=[
        "no start of a word",
        "a long piece",
        "a score that is too low",
        "no probability",
        "beginnings that find no room",
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(vocabulary: list[tuple[str, float]]) -> None:
    with pytest.raises(UnfitVocabularyError):
        build_trie(vocabulary, lambda char: True)


@pytest.fixture(scope="module")
def small(tokenizer: Tokenizer) -> Tokenizer:
    return small_tokenizer(tokenizer)


@pytest.fixture
def tokenizer_file(tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CROSSTONGUE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tokenizer.json"
    path.write_text("the file of this tokeniser")
    return path


def ends_by(later: ManyWordsLater) -> TokenEnds:
    many_words = later(MAKE_AT_CHARS)
    assert many_words is not None
    return many_words.cut(["Katze", "世界"]).ends


def test_the_vocabulary_is_laid_out_once_and_read_after_that(
    small: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    first = ends_by(ManyWordsLater(small, tokenizer_file))
    (path,) = (tmp_path / "cache").iterdir()
    written = path.stat().st_mtime_ns
    later = ManyWordsLater(small, tokenizer_file)
    assert later(READ_AT_CHARS - 1) is None
    assert later(LEAST_CHARS - 1) is None
    assert later(LEAST_CHARS) is not None
    assert later(LEAST_CHARS - 1) is None
    assert ends_by(later).tolist() == first.tolist()
    assert path.stat().st_mtime_ns == written


def test_a_short_text_does_not_make_the_file(
    small: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    assert ManyWordsLater(small, tokenizer_file)(MAKE_AT_CHARS - 1) is None
    assert not (tmp_path / "cache").exists()


def test_what_is_read_is_what_was_written(trie: PieceTrie, tmp_path: Path) -> None:
    write_trie(trie, tmp_path / "new" / "words.bin")
    read = read_trie(tmp_path / "new" / "words.bin")
    assert read.word_start == trie.word_start
    assert all(np.array_equal(read.arrays()[name], array) for name, array in trie.arrays().items())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["words.bin"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_file_is_made_again(
    small: Tokenizer, tokenizer_file: Path, tmp_path: Path, damage: str
) -> None:
    expected = ends_by(ManyWordsLater(small, tokenizer_file)).tolist()
    (path,) = (tmp_path / "cache").iterdir()
    data = bytearray(path.read_bytes())
    whole = bytes(data)
    data[len(data) // 2] ^= 1
    path.write_bytes({"cut": whole[:-1], "flipped": bytes(data), "emptied": b""}[damage])
    assert ends_by(ManyWordsLater(small, tokenizer_file)).tolist() == expected
    assert path.read_bytes() == whole


def test_a_whole_file_of_another_version_is_made_again(
    small: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    expected = ends_by(ManyWordsLater(small, tokenizer_file)).tolist()
    (path,) = (tmp_path / "cache").iterdir()
    whole = path.read_bytes()
    for content in (b"no arrays", save({"letters": np.zeros(3, np.uint16)})):
        path.write_bytes(hashlib.blake2b(content).digest() + content)
        assert ends_by(ManyWordsLater(small, tokenizer_file)).tolist() == expected
        assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_no_more_than_time(
    small: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert ends_by(ManyWordsLater(small, tokenizer_file)).tolist() == [2, 5, 1, 2]
