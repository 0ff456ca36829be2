"""A tokeniser in parts: each text is cut as the whole cuts it, or the whole is read."""

import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from encoder.array_file import read_arrays, write_arrays
from encoder.local import LocalEncoder
from encoder.part_tokenizer import WHOLE_AT_CHARS, Encoded, PartTokenizer, Tokeniser
from encoder.pieces import Pieces, pieces_of
from encoder.pieces_file import open_tokenizer, read_pieces, write_pieces
from encoder.registry import E5_SMALL
from encoder.tokens import TOKENIZER_FILE, TextTokens
from encoder.unigram_trie import UnfitVocabularyError
from tests.test_chunk import SCRIPTS, TEXTS
from tests.test_token_ends import ODD_TEXTS

ANY_TEXTS = st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace").decode())


@pytest.fixture(scope="module")
def whole(e5: LocalEncoder) -> Tokenizer:
    return e5.tokens.tokenizer


@pytest.fixture(scope="module")
def pieces(whole: Tokenizer) -> Pieces:
    return pieces_of(whole)


def never_whole() -> Tokenizer:
    raise AssertionError("the whole was read")


def told(encoded: Sequence[Encoded]) -> list[tuple[list[int], list[tuple[int, int]]]]:
    return [(one.ids, one.offsets) for one in encoded]


def assert_equal(pieces: Pieces, whole: Tokenizer, texts: list[str]) -> None:
    """Compare texts that share a part, and each alone; with special tokens and without."""
    part = PartTokenizer(pieces, never_whole)
    for special in (True, False):
        exact = told(whole.encode_batch(texts, add_special_tokens=special))
        assert told(part.encode_batch(texts, add_special_tokens=special)) == exact
        alone = [part.encode_batch([text], add_special_tokens=special)[0] for text in texts]
        assert told(alone) == exact


@given(st.one_of(TEXTS, ODD_TEXTS, ANY_TEXTS))
def test_a_part_cuts_a_text_as_the_whole_does(pieces: Pieces, whole: Tokenizer, text: str) -> None:
    assert_equal(pieces, whole, [text, text[::-1]])


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\u200b\u200d",  # nothing after the normaliser
        "." * 29,  # two best cuts
        "x" * 41,
        "ab" * 5_000,  # one long word
        "儃佪絪縕a儃b佪",  # no pieces: neighbours are one unknown token
        "<unk><s></s><pad><mask>",
        "\x00\x01\ufeff\ufffd\U0010ffff",
        "e\u0301ﷺ½¨",
        "▁▁ ▁a▁",
    ],
)
def test_odd_texts_have_the_tokens_of_the_whole(
    pieces: Pieces, whole: Tokenizer, text: str
) -> None:
    assert_equal(pieces, whole, [text, f"Die Katze {text} schläft."])


def test_pieces_put_together_by_chance_are_cut_as_by_the_whole(
    pieces: Pieces, whole: Tokenizer
) -> None:
    chance = random.Random(0)
    texts = []
    for _ in range(400):
        ids = chance.choices(range(whole.get_vocab_size()), k=chance.randint(1, 12))
        found = "".join(whole.id_to_token(i) or "" for i in ids)
        texts.append(found.replace("▁", chance.choice("▁ ")))
    assert_equal(pieces, whole, texts)


def small(vocabulary: Sequence[tuple[str, float]] = (), byte_fallback: bool = False) -> Tokenizer:
    """A Unigram without a normaliser, with a few pieces."""
    letters = [(letter, -5.0) for letter in "▁abcdefghijklmnopqrstuvwxyz<>"]
    pieces = [("<unk>", -1000.0), *letters, ("▁ka", -6.0), ("tze", -7.0), *vocabulary]
    tokenizer = Tokenizer(models.Unigram(pieces, 0, byte_fallback))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def ids(tokenizer: Tokeniser, text: str) -> list[int]:
    return tokenizer.encode_batch([text])[0].ids


@pytest.mark.parametrize(
    "vocabulary",
    [
        [("tz", -1.0), ("ka", -2.0), ("katze", -30.0)],
        [("ka", -9.0), ("ka", -1.0)],  # the last of two equal pieces counts
        [("at", -10.0), ("tz", -10.0)],  # as good as two letters
        # the least score of all decides what an unknown letter costs
        [("zzz", -3000.0), ("ü", -900.0), ("xü", -5.0), ("éx", -900.0)],
        [("éü", -4.0)],  # of letters that are no pieces
    ],
)
def test_a_part_keeps_what_the_vocabulary_says_of_a_text(
    vocabulary: list[tuple[str, float]],
) -> None:
    whole = small(vocabulary)
    part = PartTokenizer(pieces_of(whole), never_whole)
    for text in ("die katze", "katzeéü", "éé éü", "azzz zzz", "", "ü", "éxü"):
        assert ids(part, text) == ids(whole, text)


def test_a_tokeniser_without_steps_before_its_model_is_cut_in_parts_too() -> None:
    whole = small([("a b", -1.0)])
    whole.pre_tokenizer = None
    assert ids(PartTokenizer(pieces_of(whole), never_whole), "a bat") == ids(whole, "a bat")


@pytest.mark.parametrize("template", ["a b $A z", "▁ a $A", "$A ▁ a", "▁ a $A ▁ a"])
def test_special_tokens_stand_where_the_template_has_them(template: str) -> None:
    whole = small()
    whole.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("▁", 1), ("a", 2), ("b", 3), ("z", 27)]
    )
    part = PartTokenizer(pieces_of(whole), never_whole)
    for text in ("", "a", "aa za"):
        assert told(part.encode_batch([text])) == told(whole.encode_batch([text]))


def test_a_text_that_names_a_token_is_cut_by_the_whole() -> None:
    whole = small()
    whole.normalizer = normalizers.Lowercase()
    whole.add_special_tokens([AddedToken("<mask>", normalized=False)])
    whole.add_tokens([AddedToken("KATZE", normalized=True)])
    pieces = pieces_of(whole)
    read: list[str] = []

    def read_whole() -> Tokenizer:
        read.append("whole")
        return whole

    for text, times in (("die k<>atze", 0), ("a<mask>b", 1), ("eine kATze", 2)):
        assert ids(PartTokenizer(pieces, read_whole), text) == ids(whole, text)
        assert len(read) == times


def test_many_texts_are_cut_by_the_whole(pieces: Pieces, whole: Tokenizer) -> None:
    read: list[str] = []

    def read_whole() -> Tokenizer:
        read.append("whole")
        return whole

    part = PartTokenizer(pieces, read_whole)
    part.encode_batch(["x" * 1000] * (WHOLE_AT_CHARS // 1000 - 1))
    assert not read
    part.encode_batch(["x" * 1000])
    assert ids(part, "x") == ids(whole, "x")
    assert read == ["whole"]


def of_bytes() -> Tokenizer:
    return small([(f"<0x{number:02X}>", -9.0) for number in range(256)], byte_fallback=True)


def of_words() -> Tokenizer:
    return Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))


def without_unknown() -> Tokenizer:
    return Tokenizer(models.Unigram([("a", -1.0)], None, False))


def with_places_of_its_own() -> Tokenizer:
    tokenizer = small()
    tokenizer.post_processor = processors.ByteLevel()
    return tokenizer


def twice() -> Tokenizer:
    tokenizer = small()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A $A", special_tokens=[])
    return tokenizer


@pytest.mark.parametrize(
    "make", [of_bytes, of_words, without_unknown, with_places_of_its_own, twice]
)
def test_other_tokenisers_are_not_cut_in_parts(make: Callable[[], Tokenizer]) -> None:
    with pytest.raises(UnfitVocabularyError):
        pieces_of(make())


@pytest.fixture
def tokenizer_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CROSSTONGUE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tokenizer.json"
    small().save(str(path))
    return path


def opened(file: Path) -> PartTokenizer | Tokenizer:
    return open_tokenizer(file, lambda: Tokenizer.from_file(str(file)))


def test_a_tokeniser_that_was_here_before_is_not_read_again(
    tokenizer_file: Path, tmp_path: Path
) -> None:
    assert isinstance(opened(tokenizer_file), Tokenizer)
    (path,) = (tmp_path / "cache").iterdir()
    written = path.stat().st_mtime_ns
    part = open_tokenizer(tokenizer_file, never_whole)
    assert ids(part, "die katze") == ids(small(), "die katze")
    assert path.stat().st_mtime_ns == written


def test_a_tokeniser_of_another_kind_is_read_whole_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTONGUE_CACHE", str(tmp_path / "cache"))
    of_words().save(str(tmp_path / "tokenizer.json"))
    for _ in range(2):
        assert isinstance(opened(tmp_path / "tokenizer.json"), Tokenizer)
    assert not (tmp_path / "cache").exists()


def test_another_vocabulary_is_another_file(tokenizer_file: Path) -> None:
    opened(tokenizer_file)
    small([("die", -1.0)]).save(str(tokenizer_file))
    for _ in range(2):
        assert ids(opened(tokenizer_file), "die katze") == ids(small([("die", -1.0)]), "die katze")


def cut_short(data: bytes) -> bytes:
    return data[:-1]


def flipped(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    return bytes(changed)


def emptied(data: bytes) -> bytes:
    return b""


def no_arrays(data: bytes) -> bytes:
    return hashlib.blake2b(b"no arrays").digest() + b"no arrays"


def others(data: bytes) -> bytes:
    content = save({"letters": np.zeros(3, np.uint16)})
    return hashlib.blake2b(content).digest() + content


@pytest.mark.parametrize("damage", [cut_short, flipped, emptied, no_arrays, others])
def test_a_damaged_file_is_made_again(
    tokenizer_file: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    opened(tokenizer_file)
    (path,) = (tmp_path / "cache").iterdir()
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert isinstance(opened(tokenizer_file), Tokenizer)
    assert path.read_bytes() == good


def changed(**given: Any) -> Callable[[Path], None]:
    """Write the file anew with other arrays, and the right checksum; None leaves one out."""

    def change(path: Path) -> None:
        arrays = {**read_arrays(path), **given}
        write_arrays({name: array for name, array in arrays.items() if array is not None}, path)

    return change


def text(content: bytes) -> Any:
    return np.frombuffer(content, np.uint8)


def told_otherwise(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        changed(told=text(bytes(read_arrays(path)["told"]).replace(old, new)))(path)

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed(source=text(b"of another tokeniser")),
        changed(source=None),
        changed(ids=None),
        changed(scores=np.zeros(33, np.float32)),
        changed(ends=np.zeros((33, 2), np.int64)),
        changed(ids=np.zeros(3, np.int64)),
        changed(told=text(b"[]")),
        changed(told=text(b"{}")),
        changed(told=text(b'{"longest": 3}')),
        changed(told=text(b"no JSON")),
        told_otherwise(b'"library": "', b'"library": "0'),
        told_otherwise(b'"Metaspace"', b'"Newspace"'),
    ],
)
def test_a_whole_file_of_another_version_is_made_again(
    tokenizer_file: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    opened(tokenizer_file)
    (path,) = (tmp_path / "cache").iterdir()
    good = path.read_bytes()
    change(path)
    assert path.read_bytes() != good
    assert isinstance(opened(tokenizer_file), Tokenizer)
    assert path.read_bytes() == good


def test_a_cache_that_cannot_be_written_costs_no_more_than_time(
    tokenizer_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    for _ in range(2):
        assert ids(opened(tokenizer_file), "die katze") == ids(small(), "die katze")


def test_what_is_read_is_what_was_written(pieces: Pieces, tmp_path: Path) -> None:
    write_pieces(pieces, "of this", tmp_path / "pieces.bin")
    read = read_pieces(tmp_path / "pieces.bin", "of this")
    assert read.rules == pieces.rules
    assert read.longest == pieces.longest == 16
    for name, array in pieces.arrays().items():
        assert np.array_equal(read.arrays()[name], array)


def test_the_second_encoder_of_a_model_has_its_tokens_in_parts(
    e5: LocalEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTONGUE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    e5.tokens.tokenizer.save(str(folder / TOKENIZER_FILE))
    first, second = (TextTokens.open(E5_SMALL, folder) for _ in range(2))
    assert isinstance(second._tokenizer, PartTokenizer)
    texts = [*SCRIPTS.values(), "", "\ud800 half a pair", "Ein Satz. " * 900]
    assert second.ids(texts) == first.ids(texts)
    for one, other in zip(second.placed(texts), first.placed(texts), strict=True):
        assert one[0] == other[0]
        assert one[1].tolist() == other[1].tolist()
    assert second.words_stand_alone
    assert second.ends(texts[0]).tolist() == first.ends(texts[0]).tolist()
