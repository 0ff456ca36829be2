"""Folders drawn from a parallel collection, asked questions half of which have no answer there.

What the probability of an answer (retriever/confidence.py) is fitted and judged on. Folders are
drawn from some of the collection's groups, each in one random language ("mixed"), in all languages,
or all in one language ("one"); half of the groups are asked for but left out.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.alike_groups import alike_groups
from encoder.language_offsets import language_offsets
from encoder.spec import Encoder, Vectors
from indexer.language import detect_language
from retriever.balance import balance_passages, balance_queries, fit_means
from retriever.confidence import FIRST_ROWS, Background, Crowd, ScoreMode, features
from retriever.evaluation.beir import read_collection
from retriever.evaluation.collection import JudgedText
from retriever.evaluation.encoding import Cutting, encode_texts, make_passages
from retriever.evaluation.select import Selection, select
from retriever.evaluation.vector_cache import Kind, VectorCache, text_key
from retriever.sample import SAMPLE_ROWS

HITS, QUESTIONS = 5, 400
GROUPS = (30, 100, 300, 1000)


@dataclass(frozen=True, slots=True)
class Side:
    """Passages or questions: shape (texts, dim), with detected languages, groups and texts."""

    vectors: Vectors
    languages: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]
    scripts: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Cases:
    """Hits of questions, `HITS` each: features, which are right, and the questions behind them."""

    rows: npt.NDArray[np.float64]  # (questions, HITS, features)
    right: npt.NDArray[np.bool_]  # (questions, HITS)
    answered: npt.NDArray[np.bool_]  # (questions,): the answer is in the folder
    retold: npt.NDArray[np.bool_]  # (questions,): a group that tells the same is in the folder
    scripts: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]


def script(text: str) -> str:
    names = [unicodedata.name(ch, "?").split()[0] for ch in text if ch.isalpha()]
    name = Counter(names).most_common(1)[0][0] if names else "?"
    return {"HIRAGANA": "CJK", "KATAKANA": "CJK"}.get(name, name)


@dataclass(frozen=True, slots=True)
class Parallel:
    """A parallel collection whose passages and questions are encoded.

    Attributes:
        alike: For each group those that tell the same (alike_groups.py).
    """

    passages: Side
    questions: Side
    alike: Mapping[str, frozenset[str]]


def side(
    texts: list[JudgedText], kind: Kind, encoder: Encoder, cache: VectorCache, *, cached: bool
) -> Side:
    read = [text.text for text in texts]
    if kind == "passage":
        read = list(make_passages(texts, encoder, Cutting()).texts)
    if cached:
        there = cache.get([text_key(kind, text) for text in read])
        kept = [i for i, text in enumerate(read) if text_key(kind, text) in there]
        texts, read = [texts[i] for i in kept], [read[i] for i in kept]
    return Side(
        encode_texts(read, kind, encoder, cache, lambda done, total: None),
        np.array([detect_language(text.text) for text in texts]),
        np.array([text.group for text in texts]),
        np.array([script(text.text) for text in texts]),
    )


def read_parallel(
    folder: Path,
    languages: tuple[str, ...],
    encoder: Encoder,
    cache: VectorCache,
    *,
    cached: bool,
) -> Parallel:
    """Read a collection in BEIR's layout and encode it.

    Args:
        folder: Where it lies.
        languages: Those that are taken; all if none is given.
        encoder: What encodes it.
        cache: Where vectors are kept.
        cached: Whether to leave out what is not in the cache.
    """
    collection = read_collection(folder, "group")
    if languages:
        collection = select(collection, Selection(languages))
    english: dict[str, str] = {}
    for text in (*collection.documents, *collection.questions):
        if text.language == "en":
            english[text.group] = f"{english.get(text.group, '')} {text.text}"
    return Parallel(
        side([*collection.documents], "passage", encoder, cache, cached=cached),
        side([*collection.questions], "query", encoder, cache, cached=cached),
        alike_groups(english),
    )


def draw(
    passages: Side, kind: str, groups: int, rng: np.random.Generator
) -> tuple[Vectors, set[str]]:
    """Rows of one folder, and the groups that are asked for."""
    language = rng.choice(passages.languages) if kind == "one" else ""
    there = passages.languages == language if kind == "one" else np.ones(len(passages.groups), bool)
    chosen = rng.permutation(np.unique(passages.groups[there]))[:groups]
    kept = set(chosen[: len(chosen) // 2].tolist())
    rows = np.flatnonzero(there & np.isin(passages.groups, [*kept]))
    if kind == "mixed":
        order = rng.permutation(rows)
        rows = order[np.unique(passages.groups[order], return_index=True)[1]]
    return np.sort(rows), set(chosen.tolist())


def ask(
    parallel: Parallel, mode: ScoreMode, encoder: str, plan: tuple[str, int, int]
) -> Cases | None:
    """Ask the questions of one drawn folder."""
    kind, groups, seed = plan
    passages, questions = parallel.passages, parallel.questions
    rng = np.random.default_rng(seed)
    rows, wanted = draw(passages, kind, groups, rng)
    held, groups_of = passages.vectors[rows], passages.groups[rows]
    asked = np.flatnonzero(np.isin(questions.groups, [*wanted]))
    asked = rng.permutation(asked)[:QUESTIONS]
    vectors = questions.vectors[asked]
    if mode == "auto":
        names, language_of = np.unique(passages.languages[rows], return_inverse=True)
        counts = np.bincount(language_of).astype(np.int64)
        sums = np.zeros((len(names), held.shape[1]), np.float32)
        np.add.at(sums, language_of, held)
        means = fit_means(sums, counts, tuple(names.tolist()), language_offsets(encoder))
        if means is None:
            return None
        held = balance_passages(held, language_of.astype(np.int32), means)
        vectors = balance_queries(vectors, means)
    scores = vectors @ held.T
    sample = rng.permutation(len(rows))[:SAMPLE_ROWS]
    crowd = Crowd.of(held @ held[sample].T, np.arange(len(rows))[:, None] == sample)
    found = []
    for row, place in zip(scores, asked, strict=True):
        best = np.argsort(-row)[: max(HITS, FIRST_ROWS)]
        background = Background.of(row[sample], row[best[:FIRST_ROWS]], len(row))
        if background is None:
            return None
        best = best[:HITS]
        own = passages.languages[rows[best]] == questions.languages[place]
        around = Crowd(crowd.means[best], crowd.spreads[best])
        found.append((features(row[best], own, background, around),
                      groups_of[best] == questions.groups[place]))  # fmt: skip
    if not found:
        return None
    there = set(groups_of.tolist())
    asked_for = questions.groups[asked].tolist()
    return Cases(
        np.stack([rows for rows, _ in found]),
        np.stack([right for _, right in found]),
        np.array([group in there for group in asked_for]),
        np.array([bool(parallel.alike.get(group, frozenset()) & there) for group in asked_for]),
        questions.scripts[asked],
        questions.groups[asked],
    )


def all_cases(parallel: Parallel, mode: ScoreMode, encoder: str, draws: int) -> Cases:
    """Ask the questions of as many folders of each kind and size."""
    kinds = ("mixed", "all") if mode == "auto" else ("one",)
    plans = [(kind, groups, seed) for kind in kinds for groups in GROUPS for seed in range(draws)]
    found = [ask(parallel, mode, encoder, plan) for plan in plans]
    return joined([cases for cases in found if cases is not None])


def joined(parts: list[Cases]) -> Cases:
    names = ("rows", "right", "answered", "retold", "scripts", "groups")
    return Cases(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
