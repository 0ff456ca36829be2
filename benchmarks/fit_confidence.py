"""Fit and judge the probability that a hit answers (retriever/confidence.py).

    python benchmarks/tuning_sets.py OSGUIDE TLDR SETS
    python -m benchmarks.fit_confidence SETS/osguide-lead SETS/tldr-stripped OSGUIDE --out
        retriever/calibration/e5-small.json
    python -m benchmarks.fit_confidence --judge NTREX --languages en,ar,... --draws 10

Each folder is a parallel collection in BEIR's layout; `confidence_cases.py` says what is drawn from
it. `--judge` prints, for the shipped model, how many questions without an answer get a hit with
each label, how many right answers keep it, and how good the probabilities are, overall and by
script. Where a folder has a document of another group that tells the same (`alike_groups.py`, by
the English versions), a question whose own answer was taken out has an answer all the same, so the
share is given a second time without these questions.

The 95% intervals take together all questions that were made of one group, in whatever language and
drawn folder: more draws narrow what the choice of the folder adds, not what so few groups leave
open. tests/test_bootstrap.py shows how often they cover the truth.

Vectors come from eval's cache; `--cached` leaves out what is not there.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.confidence_cases import Cases, Parallel, all_cases, read_parallel
from encoder.load import load_encoder
from retriever.confidence import (
    ConfidenceModel,
    ScoreMode,
    confidence_model,
    save_models,
    thresholds_for,
)
from retriever.evaluation.bootstrap import share_estimates
from retriever.evaluation.vector_cache import VectorCache

STRONG_RATE, POSSIBLE_RATE = 0.05, 0.20
RIDGE = 1.0


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
            kept = float((chances[right] >= least).mean())
            yield (f"{name} {label:<9}{part:<12} n={int(empty.sum()):<6} false found "
                   f"{false_found(best >= least, cases, empty, rate)}; right answers that keep it "
                   f"{kept:.3f}; where nothing tells the same "
                   f"{false_found(best >= least, cases, empty & ~cases.retold, rate)}")  # fmt: skip
    edges = np.quantile(chances, np.linspace(0, 1, 11))
    place = np.clip(np.searchsorted(edges, chances, side="right") - 1, 0, 9)
    off = sum(
        (place == i).mean() * abs(chances[place == i].mean() - cases.right[place == i].mean())
        for i in range(10) if (place == i).any()
    )  # fmt: skip
    yield f"{name} expected calibration error {off:.3f} over {chances.size} hits"


def false_found(
    labelled: npt.NDArray[np.bool_], cases: Cases, empty: npt.NDArray[np.bool_], rate: float
) -> str:
    """How many of some questions without an answer have a labelled hit."""
    _, numbers = np.unique(cases.groups[empty], return_inverse=True)
    false = share_estimates(labelled[empty][:, None].astype(float), numbers)[0]
    verdict = "kept" if false.high <= rate + 0.04 else "MISSED"
    return f"{false.mean:.3f} [{false.low:.3f}, {false.high:.3f}] of {rate:.2f} {verdict}"


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
    sets: dict[str, Parallel] = {}
    for folder in [*args.folders, *([args.judge] if args.judge else [])]:
        chosen = args.languages if folder == args.judge else ""
        languages = tuple(filter(None, chosen.split(",")))
        found = read_parallel(folder, languages, encoder, cache, cached=args.cached)
        sets[folder.name] = found
        print(folder.name, len(found.passages.vectors), len(found.questions.vectors), flush=True)
    modes: tuple[ScoreMode, ...] = ("auto", "off")
    if args.judge:
        for mode in modes:
            model = confidence_model("e5-small", mode)
            if model is not None:
                cases = all_cases(sets[args.judge.name], mode, "e5-small", args.draws)
                print(*judge(f"{args.judge.name} {mode}", cases, model), sep="\n")
        return
    models: dict[ScoreMode, ConfidenceModel] = {}
    for mode in modes:
        asked = {name: all_cases(one, mode, "e5-small", args.draws) for name, one in sets.items()}
        for name, cases in asked.items():  # each with what was fitted on the others
            others = [other for key, other in asked.items() if key != name]
            if others:
                print(*judge(f"{name} {mode}, fitted on the others", cases, fit(others)), sep="\n")
        models[mode] = fit([*asked.values()])
        print(mode, models[mode], flush=True)
    if args.out:
        save_models(args.out, models)


if __name__ == "__main__":
    main()
