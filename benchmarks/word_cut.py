"""Cut words all at once and one after another, and compare every token's end.

    python benchmarks/word_cut.py FILE_OR_FOLDER... [--random 500000]

A folder gives the texts of its documents, `.jsonl.gz` the strings of its lines, cleaned as a
document's text is. `--random` adds so many words of random characters: a half of the letters of one
script each, a half of any characters. Each side gets all words, 50,000 characters at a time; the
tokeniser uses all cores (one with TOKENIZERS_PARALLELISM=false).
"""

import argparse
import gzip
import json
import random
import sys
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from benchmarks.chunking import read_all
from encoder.bundled import unpacked_folder
from encoder.token_ends import tokenised
from encoder.unigram import ManyWords, trie_of
from indexer.clean import clean

CALL_CHARS = 50_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("paths", type=Path, nargs="*")
    parser.add_argument("--random", type=int, default=0, metavar="WORDS")
    given = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(unpacked_folder() / "tokenizer.json"))
    many_words = ManyWords(trie_of(tokenizer), tokenizer)
    print(f"{'':24} {'words':>9} {'characters':>10} left over differ  at once, singly in s")
    different = 0
    for path in given.paths:
        different += compare(path.name, words_of(path), tokenizer, many_words)
    if given.random:
        words = list(random_words(given.random))
        different += compare("random", words, tokenizer, many_words)
    return 1 if different else 0


def words_of(path: Path) -> list[str]:
    texts = (d.text for d in read_all(path)) if path.is_dir() else map(clean, strings_of(path))
    words: set[str] = set()
    for text in texts:
        words.update(text.split())
    return sorted(words)


def strings_of(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield " ".join(value for value in json.loads(line).values() if isinstance(value, str))


def random_words(number: int) -> Iterator[str]:
    scripts = defaultdict(list)
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) != "Cs"]
    visible = [char for char in known if not char.isspace()]
    for char in visible:
        name = unicodedata.name(char, "")
        if unicodedata.category(char)[0] in "LM":
            scripts[name.split(" ")[0]].append(char)
    named = [letters for letters in scripts.values() if len(letters) > 20]
    chance = random.Random(0)
    for at in range(number):
        letters = chance.choice(named) if at % 2 else visible
        yield "".join(chance.choices(letters, k=chance.randint(1, 24)))


def compare(name: str, words: Sequence[str], tokenizer: Tokenizer, many_words: ManyWords) -> int:
    """Print a line; return how many words differ."""
    left_over = different = 0
    seconds = [0.0, 0.0]
    for start, end in calls(words):
        part = words[start:end]
        began = time.perf_counter()
        cut = many_words.cut(part)
        between = time.perf_counter()
        counts, ends = tokenised(tokenizer, part)
        seconds[0] += between - began
        seconds[1] += time.perf_counter() - between
        left_over += int((~cut.known).sum())
        ours = np.split(cut.ends, np.cumsum(cut.counts))
        exact = np.split(ends, np.cumsum(counts))
        for own, at in zip(ours[:-1], np.flatnonzero(cut.known), strict=True):
            if not np.array_equal(own, exact[at]):
                different += 1
                print(f"{part[at]!r}: {own} and {exact[at]}", file=sys.stderr)
    size = sum(map(len, words))
    print(
        f"{name:24} {len(words):9} {size:10} {left_over:9} {different:6} "
        f"{seconds[0]:8.2f} {seconds[1]:7.2f}"
    )
    return different


def calls(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = size = 0
    for at, word in enumerate(words):
        size += len(word)
        if size >= CALL_CHARS:
            yield start, at + 1
            start, size = at + 1, 0
    if start < len(words):
        yield start, len(words)


if __name__ == "__main__":
    sys.exit(main())
