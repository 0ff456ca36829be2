"""Recall of an encoder on XQuAD: is tokeniser, prefix, pooling or unpacking broken?

    python benchmarks/xquad_recall.py FOLDER [--encoder e5-small] [--json FILE]

FOLDER holds corpus.jsonl.gz and queries.jsonl.gz with the fields _id, text, lang and group; a
passage answers a question where their groups are equal. Passages are encoded whole. Every pair of
languages is searched on its own: recall@1 of 1,190 questions in 240 passages.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np

from encoder.load import load_local
from encoder.spec import Vectors
from indexer.vector_index import VectorIndex


def read_rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def recall_at_1(
    questions: Vectors, asked: list[str], passages: Vectors, groups: list[str]
) -> float:
    index = VectorIndex(passages.shape[1], "float32")
    index.add(passages)
    found = [groups[index.search(question, 1)[0][0]] for question in questions]
    return float(np.mean([a == b for a, b in zip(found, asked, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="e5-small")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    encoder = load_local(arguments.encoder)
    corpus = read_rows(arguments.folder / "corpus.jsonl.gz")
    queries = read_rows(arguments.folder / "queries.jsonl.gz")
    started = time.perf_counter()
    passages = encoder.encode_passages([row["text"] for row in corpus])
    passage_s = time.perf_counter() - started
    started = time.perf_counter()
    questions = encoder.encode_queries([row["text"] for row in queries])
    query_s = time.perf_counter() - started
    languages = sorted({row["lang"] for row in corpus})
    matrix = np.zeros((len(languages), len(languages)))
    for i, asked in enumerate(languages):
        q = [n for n, row in enumerate(queries) if row["lang"] == asked]
        for j, written in enumerate(languages):
            p = [n for n, row in enumerate(corpus) if row["lang"] == written]
            matrix[i, j] = recall_at_1(
                questions[q],
                [queries[n]["group"] for n in q],
                passages[p],
                [corpus[n]["group"] for n in p],
            )
    same = np.eye(len(languages), dtype=bool)
    figures = {
        "encoder": arguments.encoder,
        "device": encoder.choice.reason,
        "languages": languages,
        "same_language_recall@1": round(float(matrix[same].mean()), 4),
        "cross_language_recall@1": round(float(matrix[~same].mean()), 4),
        "passages_per_s": round(len(corpus) / passage_s, 2),
        "questions_per_s": round(len(queries) / query_s, 2),
        "recall@1": {
            asked: dict(zip(languages, np.round(matrix[i], 4).tolist(), strict=True))
            for i, asked in enumerate(languages)
        },
    }
    print(json.dumps({k: v for k, v in figures.items() if k != "recall@1"}, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
