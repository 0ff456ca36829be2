"""How much of a document's text each reader recovers, how fast and in how much memory.

Needs a folder in which `html/NAME.html` is the exact text of every `FORMAT/NAME.FORMAT` beside it.
Of plain text the exact text is the file itself, of EPUB the chapters in its spine, of Markdown what
markdown-it makes of it (as our reader does, whose own part begins after that).

    python benchmarks/read_quality.py FOLDER [--markitdown PYTHON] [--limit SECONDS]
        [--formats pdf,docx] [--charsets FOLDER]

Recovered is the share of the exact text's words (as a multiset) that the reader also gives. Words
are runs of letters with their marks; where a script has no blanks between words, its characters in
runs of four stand for words. Whether two words that only an inline tag parts (<b>No</b>tice) are
one word or two, a page does not say: a reader is given the better of both countings. A document
without exact text is measured for speed alone.

`--markitdown` is an interpreter in which markitdown is installed (an environment of its own, since
its pins are not ours). Both then read file by file in turn, each in one process that has read a
first file of every format, so that no import is timed: times are processor time, peak memory is
that process's. A file that takes markitdown longer than the limit, on the clock, is given up, with
no text and the limit as its time. Ours
reads in a process of its own too, but without the supervision that a build adds
(benchmarks/isolation_cost.py measures that). `--charsets`
is a folder of text files in legacy encodings, decoded by our reader and by charset-normalizer alone
and compared with what the language's usual encodings give: see `CHARSETS`.
"""

import argparse
import json
import re
import resource
import select
import subprocess
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from benchmarks.exact_texts import exact_texts
from indexer.clean import clean
from indexer.errors import UnreadableDocument
from indexer.read import read_document, supported
from indexer.read.text import decode

_MARKS = "".join(c for c in map(chr, range(0x300, 0x1900)) if unicodedata.category(c)[0] == "M")
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}\u200c\u200d])*")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_RUN = 4
# Word in the file's name -> encodings in which such files are written: by the languages' own
# standards and Windows code pages. The right one is the first that decodes the bytes.
CHARSETS = {
    "arabic": ("utf-8", "cp1256"),
    "bulgarian": ("utf-8", "cp1251"),
    "chinese": ("utf-8", "big5"),
    "french": ("utf-8", "cp1252"),
    "greek": ("utf-8", "cp1253"),
    "hebrew": ("utf-8", "cp1255"),
    "korean": ("utf-8", "cp949"),
    "polish": ("utf-8", "cp1250"),
    "russian": ("utf-8", "cp1251"),
    "turkish": ("utf-8", "cp1254"),
}
# What the other interpreter runs: a path a line in, seconds, text and peak memory in KB out.
_MARKITDOWN = """
import json, resource, sys, time
from markitdown import MarkItDown
reader = MarkItDown(enable_plugins=False)
for line in sys.stdin:
    started = time.process_time()
    try:
        text = reader.convert_local(line.rstrip("\\n")).text_content
    except Exception as error:
        text = ""
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([seconds, text, peak]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader gave for one file."""

    seconds: float
    text: str
    recovered: float | None
    extra: float


class Ours:
    """Our readers, in this process."""

    name = "ours"
    peak_kb = 0

    def read(self, path: Path) -> tuple[float, str]:
        started = time.process_time()
        try:
            text = read_document(path, path.name).text
        except UnreadableDocument:
            text = ""
        seconds = time.process_time() - started
        self.peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return seconds, text


class Markitdown:
    """markitdown, in a process of its own."""

    name = "markitdown"
    peak_kb = 0

    def __init__(self, python: Path, limit_s: float) -> None:
        self._python, self._limit_s = python, limit_s
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self._python), "-c", _MARKITDOWN], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        )  # fmt: skip

    def read(self, path: Path) -> tuple[float, str]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ValueError("the process has no pipes")
        print(path.resolve(), file=stdin, flush=True)
        # It answers a whole line at a time, and nothing is left of the one before.
        if not select.select([stdout], [], [], self._limit_s)[0]:
            print(f"markitdown gave up on after {self._limit_s:.0f} s: {path.name}")
            self._process.kill()
            self._process.wait()
            self._process = self._started()
            return self._limit_s, ""
        seconds, text, peak_kb = json.loads(stdout.readline())
        self.peak_kb = max(self.peak_kb, peak_kb)
        return seconds, text


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Share of true words recovered, by file.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--markitdown", type=Path, metavar="PYTHON")
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--formats", default="", help="Only these, with commas between them.")
    parser.add_argument("--charsets", type=Path, metavar="FOLDER")
    given = parser.parse_args(argv)
    readers: list[Ours | Markitdown] = [Ours()]
    if given.markitdown:
        readers.append(Markitdown(given.markitdown, given.limit))
    formats = {f".{name}" for name in given.formats.split(",") if name}
    paths = [path for path in sorted(given.folder.rglob("*")) if path.is_file() and supported(path)]
    paths = [path for path in paths if path.parent != given.folder]
    compare(given.folder, [p for p in paths if not formats or p.suffix in formats], readers)
    if given.charsets:
        charsets(given.charsets)
    return 0


def compare(folder: Path, paths: Sequence[Path], readers: Sequence[Ours | Markitdown]) -> None:
    """Print a line for each file and one for each format."""
    by_size = sorted(paths, key=lambda path: path.stat().st_size, reverse=True)
    for path in {path.suffix: path for path in by_size}.values():
        for reader in readers:
            reader.read(path)
    print(f"{'file':45}" + "".join(f" {r.name:>10} extra   MB/s" for r in readers))
    found: dict[str, list[list[Reading]]] = defaultdict(list)
    for path in paths:
        readings = [measured(reader, path, folder) for reader in readers]
        found[path.suffix].append(readings)
        print(f"{path.relative_to(folder).as_posix():45}" + "".join(map(columns, readings)))
    print(f"\n{'format':8} documents" + "".join(f" {r.name:>10} docs/s   MB/s" for r in readers))
    for suffix, rows in sorted(found.items()):
        print(f"{suffix:8} {len(rows):9}" + "".join(map(total, zip(*rows, strict=True))))
    every = [row for rows in found.values() for row in rows]
    print(f"{'all':8} {len(every):9}" + "".join(map(total, zip(*every, strict=True))))
    print("peak memory: " + ", ".join(f"{r.name} {r.peak_kb / 1024:.0f} MB" for r in readers))


def measured(reader: Ours | Markitdown, path: Path, folder: Path) -> Reading:
    seconds, text = reader.read(path)
    exact = exact_texts(path, folder / "html" / f"{path.stem}.html")
    if not exact:
        return Reading(seconds, text, None, 0.0)
    given = words(text)
    wanted = max(map(words, exact), key=lambda wanted: share(wanted, given))
    extra = (given - wanted).total() / max(1, given.total())
    return Reading(seconds, text, share(wanted, given), extra)


def share(wanted: Counter[str], given: Counter[str]) -> float:
    return (wanted & given).total() / wanted.total()


def columns(reading: Reading) -> str:
    speed = len(reading.text.encode()) / 1e6 / reading.seconds
    if reading.recovered is None:
        return f" {'':10} {'':5} {speed:6.1f}"
    return f" {reading.recovered:10.3f} {reading.extra:5.3f} {speed:6.1f}"


def total(readings: Sequence[Reading]) -> str:
    """Mean share of the files whose text is known, and speed over all; MB of text that came out."""
    seconds = sum(reading.seconds for reading in readings)
    size = sum(len(reading.text.encode()) for reading in readings) / 1e6
    known = [reading.recovered for reading in readings if reading.recovered is not None]
    share = f"{sum(known) / len(known):10.3f}" if known else f"{'':10}"
    return f" {share} {len(readings) / seconds:6.1f} {size / seconds:6.2f}"


def charsets(folder: Path) -> None:
    """Print which files are decoded right, by our reader and by charset-normalizer alone."""
    right: Counter[str] = Counter()
    rows = 0
    for path in sorted(folder.iterdir()):
        names = next((CHARSETS[word] for word in CHARSETS if word in path.name), None)
        if names is None:
            continue
        data = path.read_bytes()
        true = clean(decoded_as(data, names))
        best = from_bytes(data).best()
        results = {
            "ours": clean(decode(data).text),
            "charset-normalizer": clean(str(best)) if best else "",
        }
        rows += 1
        for name, text in results.items():
            right[name] += text == true
        print(f"{path.name:40}" + "".join(f" {n} {t == true!s:5}" for n, t in results.items()))
    print(f"decoded right of {rows}: " + ", ".join(f"{n} {c}" for n, c in right.items()))


def decoded_as(data: bytes, names: Sequence[str]) -> str:
    for name in names:
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    raise ValueError(f"none of {names} fits")


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
