"""How often the first ten hits show one sentence twice, since neighbouring passages share it.

    python -m benchmarks.shared_sentences index [--every 1]

INDEX is one of sample_docs, and its questions are asked. Printed are pairs of hits of one file that
overlap and how much of the shorter one that is; and the questions with a sentence that two hits of
one file are shown for, if each is shown by its best sentence, and as the program shows them.
"""

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from encoder.load import load_encoder
from retriever.evaluation.beir import json_objects
from retriever.hit import Hit
from retriever.retriever import Retriever
from retriever.snippet import Snippets
from retriever.why import Why, explain_hits

QUESTIONS = Path(__file__).parent / "sample_answers.jsonl"


def shared(one: Hit, other: Hit) -> float:
    """The part of the shorter passage that stands in the other one, too."""
    if one.passage.source != other.passage.source:
        return 0.0
    spans = [(hit.passage.start, hit.passage.end) for hit in (one, other)]
    both = min(end for _, end in spans) - max(start for start, _ in spans)
    return max(0.0, both / min(end - start for start, end in spans))


def twice(hits: Sequence[Hit], sentences: Sequence[str]) -> bool:
    """Whether two hits of one file are shown for the same words."""
    named = [(hit.passage.source, text) for hit, text in zip(hits, sentences, strict=True)]
    return len(set(named)) < len(named)


def by_best(hits: Sequence[Hit], whys: Sequence[Why]) -> list[str]:
    """For each hit a snippet as if it were the only one: the text of its best sentence."""
    return _shown(hits, whys, [Snippets() for _ in hits])


def as_shown(hits: Sequence[Hit], whys: Sequence[Why]) -> list[str]:
    """The same of one search."""
    return _shown(hits, whys, [Snippets()] * len(hits))


def _shown(hits: Sequence[Hit], whys: Sequence[Why], showing: Sequence[Snippets]) -> list[str]:
    snippets = [one.show(hit, why) for one, hit, why in zip(showing, hits, whys, strict=True)]
    return [snippet.text[snippet.best_start : snippet.best_end] for snippet in snippets]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("index", type=Path)
    parser.add_argument("--every", type=int, default=1)
    arguments = parser.parse_args()
    encoder = load_encoder("e5-small")
    retriever = Retriever.open(arguments.index, encoder)
    questions = [str(row["question"]) for _, row in json_objects(QUESTIONS)][:: arguments.every]
    overlaps, overlapping, best, program = [], 0, 0, 0
    for question in questions:
        hits = retriever.search(question)
        whys = explain_hits(question, hits, encoder)
        parts = [part for pair in combinations(hits, 2) if (part := shared(*pair))]
        overlaps += parts
        overlapping += bool(parts)
        best += twice(hits, by_best(hits, whys))
        program += twice(hits, as_shown(hits, whys))
    print(f"{len(questions)} questions, {overlapping} with hits that overlap")
    if overlaps:
        median, most = np.median(overlaps), max(overlaps)
        print(f"{len(overlaps)} pairs overlap by {median:.0%} of the shorter (median), {most:.0%}")
    print(f"one sentence twice among ten: {best} by the best sentence, {program} as shown")


if __name__ == "__main__":
    main()
