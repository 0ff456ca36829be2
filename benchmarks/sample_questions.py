"""The questions of sample_docs: how often the right document is first, or among the first three.

    python -m indexer build sample_docs --index index
    python benchmarks/sample_questions.py index

Prints the shares for all questions, and for those that share no name and no number with their
answer, with and without language balance; the same by the best label of confidence that a hit of
the question has; then each question whose answer is not among the three.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from retriever.balance import BalanceMode
from retriever.hit import Label
from retriever.retriever import Retriever

QUESTIONS = Path(__file__).parent.parent / "sample_docs" / "questions.jsonl"
MODES: tuple[BalanceMode, ...] = ("off", "auto")
LABELS: tuple[Label, ...] = ("strong", "possible", "weak")
HITS = 40


def place(
    retriever: Retriever, question: str, source: str, balance: BalanceMode
) -> tuple[int, Label | None]:
    """The place of the right document, 1-based, and the best label of the first ten hits.

    The place is one more than the documents found if it is none of them.
    """
    hits = retriever.search(question, k=HITS, balance=balance)
    sources = list(dict.fromkeys(hit.passage.source for hit in hits))
    given = {hit.confidence.label for hit in hits[:10] if hit.confidence is not None}
    label = next((label for label in LABELS if label in given), None)
    return sources.index(source) + 1 if source in sources else len(sources) + 1, label


def print_shares(name: str, places: Sequence[int]) -> None:
    first, three = (sum(x <= k for x in places) / max(1, len(places)) for k in (1, 3))
    print(f"{name:<21} n={len(places):<3} first {first:.3f} first three {three:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("index", type=Path)
    retriever = Retriever.open(parser.parse_args().index)
    questions = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines() if line]
    shared = [question["shares_name_or_number"] for question in questions]
    for mode in MODES:
        found_at = [place(retriever, q["question"], q["source"], mode) for q in questions]
        places = [found for found, _ in found_at]
        hard = [found for found, easy in zip(places, shared, strict=True) if not easy]
        print_shares(f"{mode:<5} all", places)
        print_shares(f"{mode:<5} nothing shared", hard)
        for label in (*LABELS, None):
            if chosen := [found for found, best in found_at if best == label]:
                print_shares(f"{mode:<5} best {label}", chosen)
    for found, q in zip(places, questions, strict=True):
        if found > 3:
            print(f"{found:>3}  {q['language']:<8} {q['question']}  ->  {q['source']}")


if __name__ == "__main__":
    main()
