"""What cutting does to retrieval: our chunker and langchain's, three sizes, with titles or not.

    python -m benchmarks.chunking_retrieval OSGUIDE --cache CACHE [--groups 40]

OSGUIDE holds corpus.jsonl.gz and queries.jsonl.gz: sections of articles in many languages, and
their headings as queries. Every section is cut alone, so both chunkers see the same text, and
sections are ranked by their best passage. Two figures: nDCG@10 of every query among the sections of
all languages (those of its group are right), and the mean of every pair of languages on its own,
where one section is right: nDCG@10 and recall@1. Cosines are raw; with `--balance` they are those
that a search ranks by. Behind each variant stands how far its pairs' nDCG@10 is from that of the
variant above it, with the 95% interval of a bootstrap over groups.

The section's own heading is the query, so it never stands before the text. `--titles` repeats our
chunker with what stands above the section: the article's title, which osguide has in English only
(its file name). Vectors are kept under CACHE, so an interrupted run goes on where it was.
"""

import argparse
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from benchmarks.chunking import langchain_splitter
from encoder.bundled import unpacked_folder
from encoder.language_offsets import language_offsets
from encoder.load import load_encoder
from encoder.spec import Encoder, Vectors
from indexer.chunk import Chunking, chunk_document
from indexer.document import Document
from retriever.balance import balance_passages, balance_queries, fit_means

LANGUAGES = "en,de,ru,ar,hi,ja,ko,zh-Hans"
SIZES = "128,256,448"
SLICE = 128

Cut = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Text:
    """A section or a query; its group names what it says, in whatever language."""

    text: str
    language: str
    group: str
    article: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("osguide", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--languages", default=LANGUAGES)
    parser.add_argument("--groups", type=int, default=40)
    parser.add_argument("--sizes", default=SIZES, help="tokens of a passage; an eighth overlaps")
    parser.add_argument("--titles", action="store_true")
    parser.add_argument("--balance", action="store_true")
    given = parser.parse_args()
    sections, queries = subset(given.osguide, given.languages.split(","), given.groups)
    encoder = load_encoder("e5-small", offline=True)
    vectors_of = Cached(encoder, given.cache)
    asked = vectors_of.queries([query.text for query in queries])
    print(f"{len(sections)} sections, {len(queries)} queries, languages {given.languages}")
    print(f"{'':32} {'passages':>8} {'all nDCG@10':>11} {'pairs nDCG@10':>13} {'recall@1':>8}")
    sizes = [int(size) for size in given.sizes.split(",")]
    above = None
    for name, cut, title in variants(encoder, sizes, titles=given.titles):
        parts = [cut(section.text) for section in sections]
        texts = [
            f"{heading(section)}\n{part}" if title else part
            for section, some in zip(sections, parts, strict=True)
            for part in some
        ]
        rows, questions = vectors_of.passages(texts), asked
        if given.balance:
            spoken = [s.language for s, some in zip(sections, parts, strict=True) for _ in some]
            rows, questions = balanced(encoder, rows, spoken, asked)
        scores = best_of_sections(questions @ rows.T, [len(p) for p in parts])
        whole, pairs, first = judge(scores, sections, queries)
        change = "" if above is None else interval(pairs - above, queries)
        above = pairs
        print(
            f"{name:32} {len(texts):8} {whole:11.4f} {pairs.mean():13.4f} {first:8.4f}  {change}",
            flush=True,
        )


def balanced(
    encoder: Encoder,
    rows: Vectors,
    spoken: Sequence[str],
    asked: Vectors,
) -> tuple[Vectors, Vectors]:
    """Passages and queries as a search compares them in a folder of these passages."""
    names, language_of = np.unique([short(language) for language in spoken], return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]), np.float32)
    np.add.at(sums, language_of, rows)
    offsets = language_offsets(encoder.spec.name)
    means = fit_means(sums, np.bincount(language_of), tuple(names.tolist()), offsets)
    if means is None:
        return rows, asked
    return (
        balance_passages(rows, language_of.astype(np.int32), means),
        balance_queries(asked, means),
    )


def short(language: str) -> str:
    """The code as the language detector gives it."""
    return language.partition("-")[0]


def interval(changes: npt.NDArray[np.float64], queries: Sequence[Text]) -> str:
    groups = np.array([query.group for query in queries])
    means = np.array([changes[groups == group].mean() for group in np.unique(groups)])
    draws = np.random.default_rng(0).choice(means, (10_000, len(means))).mean(axis=1)
    low, high = np.percentile(draws, (2.5, 97.5))
    return f"{changes.mean():+.4f} ({low:+.4f} to {high:+.4f})"


def subset(folder: Path, languages: Sequence[str], groups: int) -> tuple[list[Text], list[Text]]:
    """Evenly spaced groups that every language has, as a section and as a query."""
    sections, queries = (
        [text for text in texts(folder / name) if text.language in languages]
        for name in ("corpus.jsonl.gz", "queries.jsonl.gz")
    )
    common = [
        group
        for group in dict.fromkeys(section.group for section in sections)
        if all(
            {text.language for text in kind if text.group == group} == set(languages)
            for kind in (sections, queries)
        )
    ]
    step = max(1.0, len(common) / groups)
    chosen = {common[int(at * step)] for at in range(min(groups, len(common)))}
    return (
        [section for section in sections if section.group in chosen],
        [query for query in queries if query.group in chosen],
    )


def texts(path: Path) -> Iterator[Text]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row: dict[str, Any] = json.loads(line)
            yield Text(row["text"], row["lang"], row["group"], row.get("article", ""))


def variants(
    encoder: Encoder, sizes: Sequence[int], *, titles: bool
) -> Iterator[tuple[str, Cut, bool]]:
    tokenizer = Tokenizer.from_file(str(unpacked_folder() / "tokenizer.json"))
    for size in sizes:
        chunking = Chunking(size, size // 8)

        def ours(text: str, chunking: Chunking = chunking) -> list[str]:
            document = Document("", "txt", "", text)
            return [passage.text for passage in chunk_document(document, encoder, chunking)]

        yield f"ours {size}", ours, False
        if titles:
            yield f"ours {size}, title before it", ours, True
        else:
            yield f"langchain {size}", langchain_splitter(tokenizer, chunking).split_text, False


def heading(section: Text) -> str:
    return section.article.replace("-", " ").capitalize()


def best_of_sections(cosines: Vectors, counts: Sequence[int]) -> Vectors:
    """From (queries, passages) to (queries, sections)."""
    starts = np.cumsum([0, *counts[:-1]])
    best: Vectors = np.maximum.reduceat(cosines, starts, axis=1)
    return best


def judge(
    scores: Vectors, sections: Sequence[Text], queries: Sequence[Text]
) -> tuple[float, npt.NDArray[np.float64], float]:
    """NDCG@10 among all sections; among those of one language: nDCG@10 of each query, recall@1."""
    groups, languages = (
        np.array([getattr(section, name) for section in sections]) for name in ("group", "language")
    )
    wanted = np.array([query.group for query in queries])[:, np.newaxis]
    whole = float(ndcg(scores, groups == wanted).mean())
    pairs, first = [], []
    for language in np.unique(languages):
        there = languages == language
        right = groups[there] == wanted
        pairs.append(ndcg(scores[:, there], right))
        first.append(right[np.arange(len(right)), scores[:, there].argmax(axis=1)].mean())
    return whole, np.mean(pairs, axis=0), float(np.mean(first))


def ndcg(scores: Vectors, right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """NDCG@10 of each query."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    discounts = 1 / np.log2(np.arange(order.shape[1]) + 2)
    gained = np.take_along_axis(right, order, axis=1) @ discounts
    most = np.array([discounts[:count].sum() for count in right.sum(axis=1)])
    return np.asarray(gained / most)


class Cached:
    """The encoder, with its vectors on disk by the text's hash."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._encoder, self._folder = encoder, folder

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._vectors("query", texts, self._encoder.encode_queries)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._vectors("passage", texts, self._encoder.encode_passages)

    def _vectors(
        self, kind: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors]
    ) -> Vectors:
        # Equal texts of several variants are encoded once.
        names = [hashlib.sha256(f"{kind} {text}".encode()).hexdigest() for text in texts]
        known = self._known()
        missing = sorted(
            {name: t for name, t in zip(names, texts, strict=True) if name not in known}.items(),
            key=lambda item: len(item[1]),
        )
        for start in range(0, len(missing), SLICE):
            some = missing[start : start + SLICE]
            rows = encode([text for _, text in some])
            np.savez(
                self._folder / f"{some[0][0]}.npz", names=[name for name, _ in some], rows=rows
            )
            known.update(zip((name for name, _ in some), rows, strict=True))
        return np.stack([known[name] for name in names])

    def _known(self) -> dict[str, npt.NDArray[np.float32]]:
        known: dict[str, npt.NDArray[np.float32]] = {}
        for path in sorted(self._folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as data:
                known.update(zip(data["names"].tolist(), data["rows"], strict=True))
        return known


if __name__ == "__main__":
    main()
