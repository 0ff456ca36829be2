"""The questions of sample_docs: how often the right document is first, or among the first three.

    python -m indexer build sample_docs --index index
    python benchmarks/sample_questions.py index

Prints the shares for all questions, and for those that share no name and no number with their
answer, with and without language balance; then each question whose answer is not among the three.
"""

import argparse
import json
from pathlib import Path

from retriever.balance import BalanceMode
from retriever.retriever import Retriever

QUESTIONS = Path(__file__).parent.parent / "sample_docs" / "questions.jsonl"
MODES: tuple[BalanceMode, ...] = ("off", "auto")
HITS = 40


def place(retriever: Retriever, question: str, source: str, balance: BalanceMode) -> int:
    """The place of the right document, 1-based; one more than the documents found if it is none."""
    hits = retriever.search(question, k=HITS, balance=balance)
    sources = list(dict.fromkeys(hit.passage.source for hit in hits))
    return sources.index(source) + 1 if source in sources else len(sources) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("index", type=Path)
    retriever = Retriever.open(parser.parse_args().index)
    questions = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines() if line]
    shared = [question["shares_name_or_number"] for question in questions]
    for mode in MODES:
        places = [place(retriever, q["question"], q["source"], mode) for q in questions]
        hard = [found for found, easy in zip(places, shared, strict=True) if not easy]
        for name, chosen in (("all", places), ("nothing shared", hard)):
            first, three = (sum(x <= k for x in chosen) / len(chosen) for k in (1, 3))
            print(f"{mode:<5} {name:<15} n={len(chosen)} first {first:.3f} first three {three:.3f}")
    for found, q in zip(places, questions, strict=True):
        if found > 3:
            print(f"{found:>3}  {q['language']:<8} {q['question']}  ->  {q['source']}")


if __name__ == "__main__":
    main()
