"""Fit the language offsets that are shipped in encoder/offsets.

    python -m benchmarks.fit_language_offsets OSGUIDE-LEAD TLDR-STRIPPED \\
        --out encoder/offsets/e5-small.npz

Each folder holds a parallel set, as benchmarks/tuning_sets.py makes them: texts of one group say
the same in different languages. A vector is taken as the mean of its group plus the offset of its
language, so what a language happens to write about does not count. Offsets from few texts are
shrunk toward zero. What is left of a passage's vector after both means is how translations of one
text differ; the inverse root of its covariance is the whitening.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.parallel_sets import ParallelSet, Texts, joined, load_set
from encoder.language_offsets import LanguageOffsets
from encoder.load import load_encoder
from encoder.spec import Vectors
from retriever.evaluation.select import Selection

ROUNDS = 8
# Pseudo-texts without any offset: what few texts say about a language is believed less.
SHRINK_TEXTS = 5
# Added to the covariance's eigenvalues, in units of their mean: what few texts say about a
# direction is believed less.
RIDGE = 3.0


def fit(texts: Texts) -> tuple[list[str], Vectors, Vectors]:
    """Fit vector = mean of its group + offset of its language, by alternating least squares.

    Returns:
        Languages, their offsets, and the mean of all groups.
    """
    vectors, languages, groups = texts
    names, language_of = np.unique(languages, return_inverse=True)
    group_names, group_of = np.unique(groups, return_inverse=True)
    counts = np.bincount(language_of)[:, None].astype(np.float32)
    offsets: Vectors = np.zeros((len(names), vectors.shape[1]), np.float32)
    for _ in range(ROUNDS):
        means = _mean_by(group_of, vectors - offsets[language_of], len(group_names))
        sums = _sum_by(language_of, vectors - means[group_of], len(names))
        offsets = (sums / (counts + SHRINK_TEXTS)).astype(np.float32)
        offsets -= offsets.mean(axis=0, dtype=np.float32)
    return names.tolist(), offsets, means.mean(axis=0)


def fit_whitening(texts: Texts) -> Vectors:
    """Fit the inverse root of the covariance of translations: shape (dim, dim).

    Scaled so that a row keeps its length on average; only the directions' proportions matter.
    """
    vectors, languages, groups = texts
    names, offsets, mean = fit(texts)
    content = vectors - mean - offsets[np.searchsorted(names, languages)]
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    group_names, group_of = np.unique(groups, return_inverse=True)
    differing = content - _mean_by(group_of, content, len(group_names))[group_of]
    values, directions = np.linalg.eigh(differing.T.astype(np.float64) @ differing)
    scales = (values + RIDGE * values.mean()) ** -0.5
    whitening: Vectors = ((directions * (scales / scales.mean())) @ directions.T).astype(np.float32)
    return whitening


def fit_content(texts: Texts) -> Vectors:
    """Fit the covariance of passages around the mean of their language, times dim."""
    vectors, languages, _ = texts
    names, offsets, mean = fit(texts)
    content = (vectors - mean - offsets[np.searchsorted(names, languages)]).astype(np.float64)
    covariance: Vectors = (content.T @ content * (content.shape[1] / len(content))).astype("f4")
    return covariance


def fit_offsets(passages: Texts, queries: Texts) -> LanguageOffsets:
    """Fit everything that is shipped for an encoder."""
    languages, passage_offsets, passage_mean = fit(passages)
    query_languages, query_offsets, query_mean = fit(queries)
    if languages != query_languages:
        raise SystemExit("passages and queries are not in the same languages")
    return LanguageOffsets(
        tuple(languages),
        passage_offsets,
        query_offsets,
        passage_mean,
        query_mean,
        fit_whitening(passages),
        fit_content(passages),
    )


def fit_sets(sets: Sequence[ParallelSet]) -> LanguageOffsets:
    """Fit everything that is shipped for an encoder on these sets."""
    return fit_offsets(
        joined([one.passages() for one in sets]), joined([one.queries() for one in sets])
    )


def _sum_by(place: npt.NDArray[np.int64], rows: Vectors, places: int) -> Vectors:
    sums = np.zeros((places, rows.shape[1]), np.float32)
    np.add.at(sums, place, rows)
    return sums


def _mean_by(place: npt.NDArray[np.int64], rows: Vectors, places: int) -> Vectors:
    counts = np.bincount(place, minlength=places)[:, None]
    return (_sum_by(place, rows, places) / counts).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--groups", type=int, default=0, help="Most groups of a set; 0: all.")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    encoder = load_encoder("e5-small")
    selection = Selection(groups=arguments.groups)
    sets = [load_set(folder, encoder, selection) for folder in arguments.folders]
    fitted = fit_sets(sets)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    fitted.save(arguments.out)
    counts = Counter(joined([one.passages() for one in sets])[1])
    print(json.dumps({name: counts[name] for name in fitted.languages}))


if __name__ == "__main__":
    main()
