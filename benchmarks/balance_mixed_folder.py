"""Language balance in mixed folders: each text of a parallel set in one random language.

    python benchmarks/fit_language_offsets.py OSGUIDE TLDR --keep vectors.npz --out offsets.npz
    python -m benchmarks.balance_mixed_folder vectors.npz

Each set is judged with offsets fitted on the other ones. Questions come in all languages; figures
are means over random draws: recall@1 and MRR@10 of questions whose answer is in another language,
recall@1 of those whose answer is in their own, and the share of the first ten hits that is in the
question's language.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.fit_language_offsets import Texts, fit_offsets
from encoder.language_offsets import LanguageOffsets
from retriever.balance import STRENGTH, BalanceMode, balance_passages, balance_query, fit_means

DRAWS = 6
MODES: tuple[BalanceMode, ...] = ("off", "auto", "full")


def part(data: Any, kind: str, plural: str, chosen: npt.NDArray[np.bool_]) -> Texts:
    return (
        data[plural][chosen],
        data[f"{kind}_languages"][chosen].tolist(),
        data[f"{kind}_groups"][chosen].tolist(),
    )


def judge(
    passages: Texts, queries: Texts, offsets: LanguageOffsets, mode: BalanceMode, seed: int
) -> list[float]:
    rng = np.random.default_rng(seed)
    groups = np.array(passages[2])
    picked = [rng.choice(np.flatnonzero(groups == group)) for group in np.unique(groups)]
    rows, folder = passages[0][picked], groups[picked]
    names, language_of = np.unique(np.array(passages[1])[picked], return_inverse=True)
    asked, wanted = queries[0], np.array(queries[2])
    asked_in = np.array(queries[1])
    sums = np.zeros((len(names), rows.shape[1]), np.float32)
    np.add.at(sums, language_of, rows)
    means = fit_means(sums, np.bincount(language_of), tuple(names.tolist()), offsets)
    if mode != "off" and means is not None:
        rows = balance_passages(rows, language_of.astype(np.int32), means, STRENGTH[mode])
        asked = np.stack(
            [
                balance_query(vector, language, means, STRENGTH[mode])
                for vector, language in zip(asked, asked_in, strict=True)
            ]
        )
    top = np.argsort(-(asked @ rows.T), axis=1)[:, :10]
    language_of_group = dict(zip(folder, names[language_of], strict=True))
    own = np.array([language_of_group[group] for group in wanted]) == asked_in
    right = folder[top] == wanted[:, None]
    reciprocal = np.where(right.any(axis=1), 1 / (1 + right.argmax(axis=1)), 0)
    share = (names[language_of][top] == asked_in[:, None]).mean()
    return [right[~own, 0].mean(), reciprocal[~own].mean(), right[own, 0].mean(), share]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("vectors", type=Path)
    data = np.load(parser.parse_args().vectors, allow_pickle=False)
    set_of_passage = np.char.partition(data["passage_groups"], " ")[:, 0]
    set_of_query = np.char.partition(data["query_groups"], " ")[:, 0]
    print("set, mode: cross recall@1, cross MRR@10, same-language recall@1, own-language share")
    for name in np.unique(set_of_passage):
        others = fit_offsets(
            part(data, "passage", "passages", set_of_passage != name),
            part(data, "query", "queries", set_of_query != name),
        )
        passages = part(data, "passage", "passages", set_of_passage == name)
        queries = part(data, "query", "queries", set_of_query == name)
        print(f"{name}: {len(set(passages[2]))} groups, {len(set(passages[1]))} languages")
        for mode in MODES:
            draws = [judge(passages, queries, others, mode, seed) for seed in range(DRAWS)]
            print(f"  {mode:<5}", np.round(np.mean(draws, axis=0), 3).tolist())


if __name__ == "__main__":
    main()
