"""What language balance costs at 100,000 passages: a search, and an update of one document.

    python benchmarks/balance_cost.py [--passages 100000] [--searches 300]

The index is filled with random unit rows that lean by language, in 16 languages, and with documents
that say the same sentence again and again: exact search costs the same whatever rows hold. Then one
document is edited, and everything is real: the update reads, cuts and encodes it, and the next
search estimates the means again.
"""

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from encoder.load import load_encoder
from encoder.spec import Encoder, Vectors
from indexer.build import build_index
from indexer.chunk import Passage
from indexer.document import Document
from indexer.generation import manifest_for
from indexer.options import BuildOptions
from indexer.store import IndexWriter, Part, lock_for_writing
from retriever.balance import BalanceMode
from retriever.retriever import Retriever

PASSAGES_PER_DOCUMENT = 100
LANGUAGES = (
    "ar",
    "bg",
    "de",
    "el",
    "en",
    "es",
    "fa",
    "fi",
    "fr",
    "he",
    "hi",
    "it",
    "ja",
    "ko",
    "pl",
    "th",
)
# How far a language lies from the mean of all, beside contents of length 1.
LEAN = 0.5
SENTENCE = "This sentence stands for a passage. "
QUESTION = "How long is the warranty of the coffee machine?"


def fill(corpus: Path, index_dir: Path, encoder: Encoder, passages: int) -> None:
    """Write documents and their index without encoding anything."""
    rng = np.random.default_rng(0)
    leans = rng.standard_normal((len(LANGUAGES), encoder.spec.dim)) * LEAN / encoder.spec.dim**0.5
    width = len(SENTENCE)
    manifest = manifest_for(corpus, index_dir, encoder, BuildOptions())
    with IndexWriter.open(index_dir, manifest, lock_for_writing(index_dir)) as writer:
        writer.publish()
        parts = []
        for number in range(passages // PASSAGES_PER_DOCUMENT):
            place = number % len(LANGUAGES)
            title = f"Document {number}.".ljust(width)
            text = title + SENTENCE * (PASSAGES_PER_DOCUMENT - 1)
            path = corpus / f"{number:05}.txt"
            path.write_text(text, encoding="utf-8")
            spans = [
                Passage(
                    start, start + width, None, "", LANGUAGES[place], 8,
                    text[start : start + width].strip(),
                )
                for start in range(0, len(text), width)
            ]  # fmt: skip
            rows = rng.standard_normal((len(spans), encoder.spec.dim)) / encoder.spec.dim**0.5
            rows += leans[place]
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            data = path.read_bytes()
            parts.append(
                Part(
                    Document(path.name, "txt", "", text), hashlib.sha256(data).hexdigest(),
                    len(data), 0, LANGUAGES[place], spans, rows.astype(np.float32),
                    complete=True,
                )
            )  # fmt: skip
            if len(parts) == 50:
                writer.commit(parts)
                parts = []
        writer.commit(parts)
        writer.finish([], "now")


def percentiles(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2)}


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Fixed:
    """Gives random questions for nothing, so that only the search is timed."""

    def __init__(self, encoder: Encoder, vectors: Vectors) -> None:
        self._encoder, self._vectors, self._at = encoder, vectors, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)

    def encode_queries(self, texts: list[str], instruction: str | None = None) -> Vectors:
        self._at = (self._at + 1) % len(self._vectors)
        vectors: Vectors = self._vectors[self._at : self._at + 1]
        return vectors


def search_times(
    index_dir: Path, encoder: Encoder, rows: npt.NDArray[np.float32], searches: int
) -> dict[str, object]:
    """Searches of each kind in turn, so that all see the same machine."""
    rng = np.random.default_rng(1)
    asked = rng.standard_normal((searches, rows.shape[1])).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    plain = faiss.IndexFlatIP(rows.shape[1])
    plain.add(rows)
    modes: tuple[BalanceMode, ...] = ("off", "auto", "full")
    open_ = {mode: Retriever.open(index_dir, encoder) for mode in modes}
    for mode, retriever in open_.items():
        retriever.encoder = Fixed(encoder, asked)  # type: ignore[assignment]
        retriever.search(QUESTION, balance=mode)  # makes the structure
    seconds: dict[str, list[float]] = {"plain FAISS": [], **{mode: [] for mode in modes}}
    for query in asked:
        seconds["plain FAISS"].append(timed(lambda query=query: plain.search(query[None], 10)))  # type: ignore[misc]
        for mode, retriever in open_.items():
            seconds[mode].append(
                timed(lambda r=retriever, m=mode: r.search(QUESTION, balance=m))  # type: ignore[misc]
            )
    found: dict[str, object] = {name: percentiles(values) for name, values in seconds.items()}
    base = np.median(seconds["plain FAISS"])
    found["auto / plain FAISS"] = round(float(np.median(seconds["auto"]) / base), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=300)
    arguments = parser.parse_args()
    encoder = load_encoder("e5-small")
    figures: dict[str, object] = {"passages": arguments.passages}
    with tempfile.TemporaryDirectory() as temporary:
        corpus, index_dir = Path(temporary) / "docs", Path(temporary) / "index"
        corpus.mkdir()
        fill(corpus, index_dir, encoder, arguments.passages)
        retriever = Retriever.open(index_dir, encoder)
        rows = retriever.index.rows(0, arguments.passages).astype(np.float32)
        figures["search, without encoding"] = search_times(
            index_dir, encoder, rows, arguments.searches
        )
        retriever.search(QUESTION)
        edited = corpus / "00007.txt"
        edited.write_text("The warranty lasts two years. " + edited.read_text("utf-8"), "utf-8")
        figures["update of one document, s"] = round(
            timed(lambda: build_index(corpus, index_dir, encoder)), 2
        )
        figures["first search after it, s"] = round(timed(lambda: retriever.search(QUESTION)), 2)
        figures["opening anew and first search, s"] = round(
            timed(lambda: Retriever.open(index_dir, encoder).search(QUESTION)), 2
        )
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
