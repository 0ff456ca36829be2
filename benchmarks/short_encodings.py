"""How often a short text in a legacy encoding is decoded right, by our reader and by the library.

    python benchmarks/short_encodings.py CORPUS.jsonl.gz [--chars 40,80,160] [--texts 100]

The corpus has lines with "lang" and "text". Of each language and encoding below, beginnings of so
many texts are encoded (those that fit the encoding and are not plain ASCII), as is a text cut at
the next blank. Right is the same text, or one that differs in white space alone.
"""

import argparse
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from charset_normalizer import from_bytes

from indexer.clean import one_line
from indexer.errors import UnreadableDocument
from indexer.read.text import decode

ENCODINGS = {
    "ru": ("koi8_r", "cp1251", "iso8859_5", "cp866"),
    "uk": ("koi8_u", "cp1251"),
    "bg": ("koi8_r", "cp1251"),
    "sr": ("cp1251",),
    "mk": ("cp1251",),
    "el": ("cp1253",),
    "he": ("cp1255",),
    "ar": ("cp1256",),
    "fa": ("cp1256",),
    "tr": ("cp1254",),
    "th": ("cp874",),
    "de": ("cp1252", "cp850"),
    "fr": ("cp1252",),
    "es": ("cp1252", "cp850"),
    "pl": ("cp1250",),
    "cs": ("cp1250",),
    "hu": ("cp1250",),
    "zh": ("gb18030", "big5"),
    "ja": ("cp932", "euc_jp"),
    "ko": ("cp949",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--chars", default="40,80,160")
    parser.add_argument("--texts", type=int, default=100)
    given = parser.parse_args()
    lengths = [int(length) for length in given.chars.split(",")]
    texts = texts_of(given.corpus, given.texts)
    print(f"{'':14}" + "".join(f" {n:>5} chars: ours, alone" for n in lengths))
    for language, encodings in ENCODINGS.items():
        for encoding in encodings:
            shares = [share(texts[language], encoding, length) for length in lengths]
            if any(shares):
                print(f"{language} {encoding:11}" + "".join(shown(pair) for pair in shares))
    return 0


def texts_of(corpus: Path, number: int) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = defaultdict(list)
    with gzip.open(corpus, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            entry = json.loads(line)
            own = texts[entry["lang"].split("-")[0]]
            if len(own) < number:
                own.append(" ".join(entry["text"].split()))
    return texts


def share(texts: Sequence[str], encoding: str, length: int) -> tuple[float, float] | None:
    rights = [
        (ours(data) == text, alone(data) == text) for text, data in encoded(texts, encoding, length)
    ]
    if not rights:
        return None
    return tuple(sum(column) / len(rights) for column in zip(*rights, strict=True))  # type: ignore[return-value]


def encoded(texts: Sequence[str], encoding: str, length: int) -> Iterator[tuple[str, bytes]]:
    for text in texts:
        head = text[: length + 20]
        end = head.find(" ", length)
        part = head[: end if end > 0 else length]
        try:
            data = part.encode(encoding)
        except UnicodeEncodeError:
            continue
        if not data.isascii():
            yield one_line(part), data


def ours(data: bytes) -> str:
    try:
        return one_line(decode(data).text)
    except UnreadableDocument:
        return ""


def alone(data: bytes) -> str:
    best = from_bytes(data).best()
    return one_line(str(best)) if best else ""


def shown(pair: tuple[float, float] | None) -> str:
    return f" {pair[0]:14.2f} {pair[1]:10.2f}" if pair else " " * 26


if __name__ == "__main__":
    sys.exit(main())
