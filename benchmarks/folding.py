"""How often folding is right: precision and recall of the pairs that are folded.

    python benchmarks/folding.py --index INDEX --manifest REALDOCS/manifest.tsv
    python benchmarks/folding.py --osguide OSGUIDE --cached

With `--index`, an index of documents whose manifest names groups of translations: all pairs of
passages in different languages are judged. A folded pair is right when its documents belong to one
group and the passages' places in them overlap; pairs that should be folded overlap by half at least
(passages are cut by length, so those of two languages seldom match). Pairs in one language are
judged as duplicates in the same way.

With `--osguide`, its sections are the passages and its articles the documents; a pair is right when
both are the same section. Vectors come from eval's cache; `--cached` leaves out what is not there.
"""

import argparse
import csv
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from encoder.language_offsets import language_offsets
from encoder.load import load_encoder
from indexer.language import detect_language
from indexer.store import StoredPassage, open_index
from retriever.balance import balance_passages, fit_means
from retriever.evaluation.beir import json_objects
from retriever.evaluation.collection import JudgedText
from retriever.evaluation.encoding import Cutting, encode_texts, make_passages
from retriever.evaluation.vector_cache import VectorCache, text_key
from retriever.folds import Likeness
from retriever.parallel import Documents
from retriever.state import SearchState


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Length of the intersection over that of the union."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, shared) / (max(one[1], other[1]) - min(one[0], other[0]))


def report(name: str, right: int, wrong: int, missed: int) -> None:
    precision = right / max(1, right + wrong)
    recall = right / max(1, right + missed)
    print(f"{name:<26} folded {right + wrong:<6} precision {precision:.4f}  recall {recall:.3f}")


def judge_index(folder: Path, manifest: Path) -> None:
    with manifest.open(encoding="utf-8") as file:
        group_of = {Path(row["file"]).name: row["group"] or row["file"]
                    for row in csv.DictReader(file, delimiter="\t")}  # fmt: skip
    index = open_index(folder)
    with index.reading() as database:
        state = SearchState(index, (0, 0), database)
        passages = index.passages(database, np.flatnonzero(state.snapshot.live).tolist())
    length = {p.source: max(q.end for q in passages if q.source == p.source) for p in passages}
    likeness = Likeness(state, passages)
    counts: dict[str, list[int]] = {}
    wrong_pairs = []
    for i, j in combinations(range(len(passages)), 2):
        one, other = passages[i], passages[j]
        if one.source == other.source:
            continue
        same_group = group_of[Path(one.source).name] == group_of[Path(other.source).name]
        shared = overlap(place(one, length), place(other, length)) if same_group else 0.0
        across = one.language.split("-")[0] != other.language.split("-")[0]
        count = counts.setdefault("translations" if across else "duplicates", [0, 0, 0])
        if likeness.kind(i, j) is not None:
            count[0 if shared > 0 else 1] += 1
            if shared == 0:
                wrong_pairs.append((one, other))
        elif shared >= 0.5:
            count[2] += 1
    for name, (right, wrong, missed) in sorted(counts.items()):
        report(name, right, wrong, missed)
    for one, other in wrong_pairs[:20]:
        print(
            f"  wrong: {one.source} {one.start}-{one.end}  {other.source} {other.start}-{other.end}"
        )


def place(passage: StoredPassage, length: dict[str, int]) -> tuple[float, float]:
    return passage.start / length[passage.source], passage.end / length[passage.source]


def sections(folder: Path) -> Iterator[tuple[JudgedText, str]]:
    for _, row in json_objects(folder / "corpus.jsonl.gz"):
        text = JudgedText(str(row["_id"]), str(row["text"]), str(row["lang"]), str(row["group"]))
        yield text, f"{row['article']} {row['lang']}"


def judge_osguide(folder: Path, *, cached: bool) -> None:
    held = sorted(sections(folder), key=lambda pair: (pair[1], pair[0].id))
    encoder = load_encoder("e5-small")
    cache = VectorCache.open(encoder)
    read = make_passages([text for text, _ in held], encoder, Cutting()).texts
    if cached:
        there = cache.get([text_key("passage", text) for text in read])
        kept = [i for i, text in enumerate(read) if text_key("passage", text) in there]
        held, read = [held[i] for i in kept], tuple(read[i] for i in kept)
    rows = encode_texts(read, "passage", encoder, cache, lambda done, total: None)
    names, language_of = np.unique([detect_language(t.text) for t, _ in held], return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]), np.float32)
    np.add.at(sums, language_of, rows)
    means = fit_means(sums, np.bincount(language_of), tuple(names), language_offsets("e5-small"))
    if means is None:
        raise SystemExit("There is one language only.")
    balanced = balance_passages(rows, language_of.astype(np.int32), means)
    sources, document_of = np.unique([source for _, source in held], return_inverse=True)
    members = [np.flatnonzero(document_of == i) for i in range(len(sources))]
    documents = Documents(members.__getitem__, balanced.__getitem__)
    right = wrong = missed = 0
    for i, j in combinations(range(len(held)), 2):
        if held[i][0].language == held[j][0].language:
            continue
        folded = documents.paired((int(document_of[i]), i), (int(document_of[j]), j))
        same = held[i][0].group == held[j][0].group
        right, wrong = right + bool(folded and same), wrong + bool(folded and not same)
        missed += bool(not folded and same)
    print(f"{len(held)} sections of {len(sources)} articles")
    report("translations", right, wrong, missed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--osguide", type=Path)
    parser.add_argument("--cached", action="store_true")
    args = parser.parse_args()
    if args.index and args.manifest:
        judge_index(args.index, args.manifest)
    if args.osguide:
        judge_osguide(args.osguide, cached=args.cached)


if __name__ == "__main__":
    main()
