"""Fit and judge the probability that a hit answers (retriever/confidence.py).

    python benchmarks/tuning_sets.py OSGUIDE TLDR SETS
    python benchmarks/fit_confidence.py SETS/osguide-lead SETS/tldr-stripped OSGUIDE --out
        retriever/calibration/e5-small.json
    python benchmarks/fit_confidence.py --judge NTREX --languages en,ar,...

Each folder is a parallel collection in BEIR's layout. Folders are drawn from it: some of its
groups, each in one random language ("mixed"), in all languages, or all in one language; half of the
groups are asked for but left out, so that half of the questions have no answer. `--judge` prints,
for the shipped model, how many questions without an answer get a hit with each label, with 95%
bounds, how many right answers keep it, and how good the probabilities are, overall and by script.
Vectors come from eval's cache; `--cached` leaves out what is not there.
"""

import argparse
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import language_offsets
from encoder.load import load_encoder
from encoder.spec import Encoder, Vectors
from indexer.language import detect_language
from retriever.balance import balance_passages, balance_queries, fit_means
from retriever.confidence import (
    FIRST_ROWS,
    Background,
    ConfidenceModel,
    Crowd,
    ScoreMode,
    confidence_model,
    features,
    save_models,
    thresholds_for,
)
from retriever.evaluation.beir import read_collection
from retriever.evaluation.bootstrap import share_estimates
from retriever.evaluation.collection import JudgedText
from retriever.evaluation.encoding import Cutting, encode_texts, make_passages
from retriever.evaluation.select import Selection, select
from retriever.evaluation.vector_cache import Kind, VectorCache, text_key
from retriever.sample import SAMPLE_ROWS

STRONG_RATE, POSSIBLE_RATE = 0.05, 0.20
HITS, QUESTIONS = 5, 400
GROUPS = (30, 100, 300, 1000)
RIDGE = 1.0


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
    scripts: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]


def script(text: str) -> str:
    names = [unicodedata.name(ch, "?").split()[0] for ch in text if ch.isalpha()]
    name = Counter(names).most_common(1)[0][0] if names else "?"
    return {"HIRAGANA": "CJK", "KATAKANA": "CJK"}.get(name, name)


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
    passages: Side, questions: Side, mode: ScoreMode, encoder: str, plan: tuple[str, int, int]
) -> Cases | None:
    """Ask the questions of one drawn folder."""
    kind, groups, seed = plan
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
    found = []
    for row, place in zip(scores, asked, strict=True):
        best = np.argsort(-row)[: max(HITS, FIRST_ROWS)]
        background = Background.of(row[sample], row[best[:FIRST_ROWS]], len(row))
        if background is None:
            return None
        best = best[:HITS]
        own = passages.languages[rows[best]] == questions.languages[place]
        crowd = Crowd.of(held[best] @ held[sample].T, best[:, None] == sample)
        found.append((features(row[best], own, background, crowd),
                      groups_of[best] == questions.groups[place]))  # fmt: skip
    if not found:
        return None
    return Cases(
        np.stack([rows for rows, _ in found]),
        np.stack([right for _, right in found]),
        np.isin(questions.groups[asked], groups_of),
        questions.scripts[asked],
        questions.groups[asked],
    )


def all_cases(passages: Side, questions: Side, mode: ScoreMode, encoder: str, draws: int) -> Cases:
    kinds = ("mixed", "all") if mode == "auto" else ("one",)
    plans = [(kind, groups, seed) for kind in kinds for groups in GROUPS for seed in range(draws)]
    found = [ask(passages, questions, mode, encoder, plan) for plan in plans]
    return joined([cases for cases in found if cases is not None])


def joined(parts: list[Cases]) -> Cases:
    names = ("rows", "right", "answered", "scripts", "groups")
    return Cases(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def fit(sets: list[Cases]) -> ConfidenceModel:
    """Logistic regression by Newton's method; every set counts alike."""
    x = np.concatenate([cases.rows.reshape(-1, cases.rows.shape[2]) for cases in sets])
    y = np.concatenate([cases.right.ravel() for cases in sets]).astype(np.float64)
    weight = np.concatenate([np.full(cases.right.size, 1e4 / cases.right.size) for cases in sets])
    beta = np.zeros(x.shape[1])
    penalty = RIDGE * np.eye(len(beta))
    penalty[0, 0] = 0
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (weight * (y - p)) - penalty @ beta
        bend = (x * (weight * p * (1 - p))[:, None]).T @ x + penalty
        beta = beta + np.linalg.solve(bend, slope)
    model = ConfidenceModel(tuple(np.round(beta, 6).tolist()), 1.0, 1.0, STRONG_RATE, POSSIBLE_RATE)
    without = [model.probabilities(cases.rows[~cases.answered]).max(axis=1) for cases in sets]
    strong, possible = (thresholds_for(without, rate) for rate in (STRONG_RATE, POSSIBLE_RATE))
    return ConfidenceModel(
        model.weights, round(strong, 4), round(possible, 4), STRONG_RATE, POSSIBLE_RATE
    )


def judge(name: str, cases: Cases, model: ConfidenceModel) -> Iterator[str]:
    chances = model.probabilities(cases.rows)
    best = chances.max(axis=1)
    for label, least, rate in (("strong", model.strong, model.strong_rate),
                               ("possible", model.possible, model.possible_rate)):  # fmt: skip
        parts = [("all", np.ones(len(best), bool))]
        parts += [(s, cases.scripts == s) for s in sorted(set(cases.scripts.tolist()))]
        for part, here in parts:
            empty, right = here & ~cases.answered, cases.right & here[:, None]
            if empty.sum() < 50 or right.sum() < 50:
                continue
            _, numbers = np.unique(cases.groups[empty], return_inverse=True)
            false = share_estimates((best[empty] >= least)[:, None].astype(float), numbers)[0]
            kept = float((chances[right] >= least).mean())
            verdict = "kept" if false.high <= rate + 0.04 else "MISSED"
            yield (f"{name} {label:<9}{part:<12} n={int(empty.sum()):<6} false found "
                   f"{false.mean:.3f} [{false.low:.3f}, {false.high:.3f}] of {rate:.2f} {verdict}; "
                   f"right answers that keep it {kept:.3f}")  # fmt: skip
    edges = np.quantile(chances, np.linspace(0, 1, 11))
    place = np.clip(np.searchsorted(edges, chances, side="right") - 1, 0, 9)
    off = sum(
        (place == i).mean() * abs(chances[place == i].mean() - cases.right[place == i].mean())
        for i in range(10) if (place == i).any()
    )  # fmt: skip
    yield f"{name} expected calibration error {off:.3f} over {chances.size} hits"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--languages", default="")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--cached", action="store_true")
    args = parser.parse_args()
    encoder = load_encoder("e5-small")
    cache = VectorCache.open(encoder)
    sets: dict[str, tuple[Side, Side]] = {}
    for folder in [*args.folders, *([args.judge] if args.judge else [])]:
        collection = read_collection(folder, "group")
        if folder == args.judge and args.languages:
            collection = select(collection, Selection(tuple(args.languages.split(","))))
        sets[folder.name] = (
            side([*collection.documents], "passage", encoder, cache, cached=args.cached),
            side([*collection.questions], "query", encoder, cache, cached=args.cached),
        )
        print(folder.name, *(len(one.vectors) for one in sets[folder.name]), flush=True)
    modes: tuple[ScoreMode, ...] = ("auto", "off")
    if args.judge:
        for mode in modes:
            model = confidence_model("e5-small", mode)
            if model is not None:
                cases = all_cases(*sets[args.judge.name], mode, "e5-small", args.draws)
                print(*judge(f"{args.judge.name} {mode}", cases, model), sep="\n")
        return
    models: dict[ScoreMode, ConfidenceModel] = {}
    for mode in modes:
        found = {name: all_cases(*two, mode, "e5-small", args.draws) for name, two in sets.items()}
        for name, cases in found.items():  # each with what was fitted on the others
            others = [other for key, other in found.items() if key != name]
            if others:
                print(*judge(f"{name} {mode}, fitted on the others", cases, fit(others)), sep="\n")
        models[mode] = fit([*found.values()])
        print(mode, models[mode], flush=True)
    if args.out:
        save_models(args.out, models)


if __name__ == "__main__":
    main()
