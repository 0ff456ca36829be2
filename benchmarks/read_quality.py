"""How much of a document's text each reader recovers, and how fast.

Needs a folder in which `html/NAME.html` is the exact text of every `FORMAT/NAME.FORMAT` beside it:

    python benchmarks/read_quality.py FOLDER

Recovered is the share of the exact text's words (as a multiset) that the reader also gives. Words
are runs of letters with their marks; where a script has no blanks between words, its characters in
runs of four stand for words.
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lxml import html

from indexer.clean import clean
from indexer.errors import UnreadableDocument
from indexer.read import read_document, supported

_WORD = re.compile(
    r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u0655]"
    r"|[\u0900-\u0dff\u0e00-\u0eff\u200c\u200d])*"
)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_RUN = 4


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line per file."""
    parser = argparse.ArgumentParser(description="Share of true words recovered, by file.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(argv).folder
    print(f"{'file':45} {'recovered':>9} {'extra':>6} {'MB/s':>6}")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and supported(path):
            print(line_for(path, folder))
    return 0


def line_for(path: Path, folder: Path) -> str:
    """Return the table line of one file."""
    name = path.relative_to(folder).as_posix()
    start = time.perf_counter()
    try:
        text = read_document(path, name).text
    except UnreadableDocument as error:
        return f"{name:45} not read: {error.reason}"
    speed = len(text.encode()) / 1e6 / (time.perf_counter() - start)
    exact = folder / "html" / f"{path.stem}.html"
    if not exact.exists():
        return f"{name:45} {'':9} {'':6} {speed:6.1f}"
    wanted, found = words(exact_text(exact)), words(text)
    recovered = (wanted & found).total() / wanted.total()
    extra = (found - wanted).total() / max(1, found.total())
    return f"{name:45} {recovered:9.3f} {extra:6.3f} {speed:6.1f}"


def exact_text(path: Path) -> str:
    """Return the text of an HTML page by a route that shares nothing with our reader but lxml."""
    body = html.parse(str(path), html.HTMLParser(encoding="utf-8")).getroot().find("body")
    return " ".join(body.itertext()) if body is not None else ""


def words(text: str) -> Counter[str]:
    """Return the words of a text with their counts."""
    return Counter(_words(clean(text)))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        if _UNSPACED.match(word):
            yield from (word[at : at + _RUN] for at in range(max(1, len(word) - _RUN + 1)))
        else:
            yield word.casefold()


if __name__ == "__main__":
    sys.exit(main())
