"""What 8-bit products change: recall by pair of languages, and how near the vectors stay.

    python -m benchmarks.rounding_cost FOLDER [--groups N] [--encoder e5-small] [--json FILE]

FOLDER holds corpus.jsonl.gz and queries.jsonl.gz with the fields _id, text, lang and group; a
passage answers a question where their groups are equal. Both are encoded twice, with 8-bit products
and without; then each question is searched in the passages of each language on its own. Prints one
JSON object: recall@1 in one language and across for both, and the cosine between the two vectors of
a passage for each language: the least, one in a hundred, the median.
"""

import argparse
import json
import logging
import random
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.xquad_recall import read_rows
from encoder.load import load_local
from encoder.spec import Vectors

PRODUCTS = ("float", "int8")
Rows = list[dict[str, str]]


def recall(questions: Vectors, passages: Vectors, asked: Rows, corpus: Rows) -> dict[str, float]:
    """recall@1, means over pairs of languages."""
    found: dict[bool, list[float]] = {True: [], False: []}
    question_languages = np.array([row["lang"] for row in asked])
    passage_languages = np.array([row["lang"] for row in corpus])
    wanted = np.array([row["group"] for row in asked])
    groups = np.array([row["group"] for row in corpus])
    for written in np.unique(passage_languages):
        at = np.flatnonzero(passage_languages == written)
        best = groups[at][(questions @ passages[at].T).argmax(axis=1)]
        for language in np.unique(question_languages):
            mine = (question_languages == language) & np.isin(wanted, groups[at])
            if mine.any():  # a part of the groups may lack a pair
                found[bool(language == written)].append(float((best == wanted)[mine].mean()))
    return {
        "same language": round(float(np.mean(found[True])), 4),
        "across": round(float(np.mean(found[False])), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="e5-small")
    parser.add_argument("--groups", type=int, help="of passages, drawn at random; all without it")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # passages that are cut
    corpus = read_rows(arguments.folder / "corpus.jsonl.gz")
    asked = read_rows(arguments.folder / "queries.jsonl.gz")
    groups = sorted({row["group"] for row in corpus})
    if arguments.groups:
        groups = random.Random(0).sample(groups, min(arguments.groups, len(groups)))
        corpus = [row for row in corpus if row["group"] in groups]
        asked = [row for row in asked if row["group"] in groups]
    figures: dict[str, Any] = {"folder": arguments.folder.name, "groups": len(groups)}
    figures |= {"passages": len(corpus), "questions": len(asked), "recall@1": {}}
    passages: dict[str, Vectors] = {}
    for products in PRODUCTS:
        encoder = load_local(f"{arguments.encoder}@products={products}")
        passages[products] = encoder.encode_passages([row["text"] for row in corpus])
        questions = encoder.encode_queries([row["text"] for row in asked])
        figures["recall@1"][products] = recall(questions, passages[products], asked, corpus)
    cosines = (passages["float"] * passages["int8"]).sum(axis=1)
    languages = np.array([row["lang"] for row in corpus])
    figures["cosine: least, 1 in 100, median"] = {
        str(language): np.percentile(cosines[languages == language], [0, 1, 50]).round(5).tolist()
        for language in np.unique(languages)
    }
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
