"""Cut texts by parts of the vocabulary and by all of it, and compare every id and place.

    python -m benchmarks.part_tokens [FILE.jsonl.gz ...] [--random 100000] [--texts 20]

A file gives the strings of its lines, whole and in single words of `--texts` at a time (several
texts share a part). `--random` adds so many texts of random characters: of the letters of one
script each, of any characters, and of pieces of the vocabulary put together, where equals and
overlaps are many. All in parts of `--texts` texts; half of the random ones alone.
"""

import argparse
import random
import statistics
import sys
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.word_cut import strings_of
from encoder.bundled import unpacked_folder
from encoder.part_tokenizer import PartTokenizer
from encoder.pieces import Pieces, pieces_of

QUESTION = "query: Is damage caused by limescale covered by the warranty?"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("paths", type=Path, nargs="*")
    parser.add_argument("--random", type=int, default=0, metavar="TEXTS")
    parser.add_argument("--texts", type=int, default=20)
    given = parser.parse_args()
    whole = Tokenizer.from_file(str(unpacked_folder() / "tokenizer.json"))
    pieces = pieces_of(whole)
    different = 0
    for path in given.paths:
        texts = list(strings_of(path))
        different += compare(path.name, texts, given.texts, whole, pieces)
        words = sorted({word for text in texts for word in text.split()})
        different += compare(f"{path.name}, words", words, given.texts, whole, pieces)
    if given.random:
        texts = list(random_texts(given.random, whole))
        half = len(texts) // 2
        different += compare("random", texts[:half], given.texts, whole, pieces)
        different += compare("random, alone", texts[half:], 1, whole, pieces)
    for name, cut in (("part", PartTokenizer(pieces, lambda: whole)), ("whole", whole)):
        print(f"one question by the {name}: {milliseconds(cut):.2f} ms")
    return 1 if different else 0


def random_texts(number: int, whole: Tokenizer) -> Iterator[str]:
    scripts = defaultdict(list)
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) != "Cs"]
    for char in known:
        if unicodedata.category(char)[0] in "LM":
            scripts[unicodedata.name(char, "").split(" ")[0]].append(char)
    named = [letters for letters in scripts.values() if len(letters) > 20]
    chance = random.Random(0)
    size = whole.get_vocab_size()
    for at in range(number):
        if at % 3 == 0:
            letters = [*chance.choice(named), " ", " "]
            yield "".join(chance.choices(letters, k=chance.randint(1, 60)))
        elif at % 3 == 1:
            yield "".join(chance.choices(known, k=chance.randint(1, 60)))
        else:
            ids = chance.choices(range(size), k=chance.randint(1, 12))
            yield "".join(whole.id_to_token(i) or "" for i in ids).replace("▁", chance.choice("▁ "))


def compare(name: str, texts: Sequence[str], size: int, whole: Tokenizer, pieces: Pieces) -> int:
    """Print a line; return how many texts differ."""
    different, remaining = 0, iter(texts)
    while some := list(islice(remaining, size)):
        part = PartTokenizer(pieces, lambda: whole)
        for text, one, other in zip(
            some, part.encode_batch(some), whole.encode_batch(some), strict=True
        ):
            if (one.ids, one.offsets) != (other.ids, other.offsets):
                different += 1
                print(f"{text!r}: {one.ids} and {other.ids}", file=sys.stderr)
    print(f"{name}: {len(texts)} texts, {sum(map(len, texts))} characters, {different} differ")
    return different


def milliseconds(tokenizer: Tokenizer | PartTokenizer) -> float:
    times = []
    for _ in range(300):
        started = time.perf_counter()
        tokenizer.encode_batch([QUESTION])
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
