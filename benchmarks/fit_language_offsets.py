"""Fit the language offsets that are shipped in encoder/offsets.

    python benchmarks/fit_language_offsets.py OSGUIDE TLDR --out encoder/offsets/e5-small.npz

Each folder holds a parallel set: corpus.jsonl.gz and queries.jsonl.gz with the fields text, lang
and group, where texts of one group say the same in different languages. A vector is taken as the
mean of its group plus the offset of its language, so what a language happens to write about does
not count. Groups in few languages are left out; offsets from few texts are shrunk toward zero.
What is left of a passage's vector after both means is how translations of one text differ; the
inverse root of its covariance is the whitening. `--keep` writes the vectors to a file, `--vectors`
fits from such a file without encoding.
"""

import argparse
import gzip
import json
import random
from collections import defaultdict
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import LanguageOffsets
from encoder.load import load_encoder
from encoder.spec import Encoder, Vectors

LEAST_LANGUAGES = 5
ROUNDS = 8
# Pseudo-texts without any offset: what few texts say about a language is believed less.
SHRINK_TEXTS = 5
# Added to the covariance's eigenvalues, in units of their mean: what few texts say about a
# direction is believed less.
RIDGE = 1.0
# The names that sets give to what the index's detector calls otherwise.
RENAMED = {"nb": "no"}


def read_rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def primary(language: str) -> str:
    code = language.split("-")[0]
    return RENAMED.get(code, code)


Texts = tuple[Vectors, list[str], list[str]]
"""Vectors, and the language and group of each."""


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


def _sum_by(place: npt.NDArray[np.int64], rows: Vectors, places: int) -> Vectors:
    sums = np.zeros((places, rows.shape[1]), np.float32)
    np.add.at(sums, place, rows)
    return sums


def _mean_by(place: npt.NDArray[np.int64], rows: Vectors, places: int) -> Vectors:
    counts = np.bincount(place, minlength=places)[:, None]
    return (_sum_by(place, rows, places) / counts).astype(np.float32)


def encode_set(folder: Path, groups: int, encoder: Encoder) -> tuple[Texts, Texts]:
    """Encode passages and queries of some groups that exist in several languages."""
    corpus, asked = read_rows(folder / "corpus.jsonl.gz"), read_rows(folder / "queries.jsonl.gz")
    languages = defaultdict(set)
    for row in corpus:
        languages[row["group"]].add(row["lang"])
    names = sorted(name for name, found in languages.items() if len(found) >= LEAST_LANGUAGES)
    chosen = set(random.Random(0).sample(names, min(groups, len(names))))
    encoded = []
    for rows, encode in ((corpus, encoder.encode_passages), (asked, encoder.encode_queries)):
        rows = [row for row in rows if row["group"] in chosen]
        # A passage of an index has about 256 tokens; whole sections would be longer.
        vectors = encode([first_tokens(row["text"], encoder) for row in rows])
        names = [f"{folder.name} {row['group']}" for row in rows]
        encoded.append((vectors, [primary(row["lang"]) for row in rows], names))
    return encoded[0], encoded[1]


def joined(parts: list[Texts]) -> Texts:
    vectors, languages, groups = zip(*parts, strict=True)
    return np.concatenate(vectors), [*chain(*languages)], [*chain(*groups)]


def first_tokens(text: str, encoder: Encoder, tokens: int = 256) -> str:
    ends = encoder.token_ends(text[: 16 * tokens])
    return text if len(ends) <= tokens else text[: ends[tokens - 1]]


def keep(path: Path, passages: Texts, queries: Texts) -> None:
    np.savez(
        path,
        passages=passages[0],
        passage_languages=np.array(passages[1]),
        passage_groups=np.array(passages[2]),
        queries=queries[0],
        query_languages=np.array(queries[1]),
        query_groups=np.array(queries[2]),
    )


def kept(path: Path) -> tuple[Texts, Texts]:
    with np.load(path, allow_pickle=False) as data:
        passages, queries = (
            (data[plural], data[f"{kind}_languages"].tolist(), data[f"{kind}_groups"].tolist())
            for kind, plural in (("passage", "passages"), ("query", "queries"))
        )
    return passages, queries


def encoded(folders: list[Path], groups: int) -> tuple[Texts, Texts]:
    encoder = load_encoder("e5-small")
    sets = [encode_set(folder, groups, encoder) for folder in folders]
    return joined([p for p, _ in sets]), joined([q for _, q in sets])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--groups", type=int, default=150)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="Write the vectors here, for experiments.")
    parser.add_argument("--vectors", type=Path, help="Fit from a file that --keep wrote.")
    arguments = parser.parse_args()
    if arguments.vectors:
        passages, queries = kept(arguments.vectors)
    else:
        passages, queries = encoded(arguments.folders, arguments.groups)
    if arguments.keep:
        keep(arguments.keep, passages, queries)
    fitted = fit_offsets(passages, queries)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    fitted.save(arguments.out)
    print(json.dumps({name: passages[1].count(name) for name in fitted.languages}))


if __name__ == "__main__":
    main()
