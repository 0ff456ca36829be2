"""Does a search from the shell that NumPy encodes alone find what other ways to encode find?

    python benchmarks/one_question.py INDEX [--queries queries.jsonl.gz] [--most 240]

Asks the questions of sample_docs, and those of a BEIR folder's file if one is named (spread evenly
over it), with NumPy in float32, as a search from the shell does it where no layers are compiled
(docs/decisions/026), with torch in float32, and with the encoder as it comes. Prints in how many
questions all ten hits and their order are the same, in how many the first is, and the least cosine
between the questions' vectors.
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy as np

from encoder.bundled import unpacked_folder
from encoder.load import load_encoder
from encoder.numpy_encoder import NumpyEncoder
from encoder.registry import E5_SMALL
from encoder.spec import Encoder, Vectors
from retriever.retriever import Retriever

QUESTIONS = Path(__file__).parent.parent / "sample_docs" / "questions.jsonl"
HITS = 10


def read_questions(queries: Path | None, most: int) -> dict[str, list[str]]:
    asked = {"sample_docs": QUESTIONS.read_text("utf-8").splitlines()}
    if queries is not None:
        with gzip.open(queries, "rt", encoding="utf-8") as file:
            lines = list(file)
        asked[queries.parent.name] = lines[:: max(1, len(lines) // most)]
    return {
        name: [row.get("question") or row["text"] for row in map(json.loads, filter(None, lines))]
        for name, lines in asked.items()
    }


def look(index: Path, encoder: Encoder, questions: list[str]) -> tuple[Vectors, list[list[int]]]:
    retriever = Retriever.open(index, encoder)
    rows = [[hit.passage.row for hit in retriever.search(q, HITS)] for q in questions]
    return np.concatenate([encoder.encode_queries([q]) for q in questions]), rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("index", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--most", type=int, default=240)
    given = parser.parse_args()
    shell = NumpyEncoder.open_numpy(E5_SMALL, unpacked_folder(), "asked for")
    if shell is None:
        raise SystemExit("e5-small needs torch here.")
    others = {name: load_encoder(name) for name in ("e5-small@dtype=float32", "e5-small")}
    for name, questions in read_questions(given.queries, given.most).items():
        vectors, hits = look(given.index, shell, questions)
        for other, encoder in others.items():
            other_vectors, other_hits = look(given.index, encoder, questions)
            same = np.mean([a == b for a, b in zip(hits, other_hits, strict=True)])
            first = np.mean([a[:1] == b[:1] for a, b in zip(hits, other_hits, strict=True)])
            cosine = float((vectors * other_vectors).sum(axis=1).min())
            print(
                f"{name:<12} n={len(questions)} beside {other:<23} same {HITS} hits {same:.3f}, "
                f"same first {first:.3f}, least cosine {cosine:.6f}"
            )


if __name__ == "__main__":
    main()
