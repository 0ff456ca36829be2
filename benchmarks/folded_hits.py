"""What a person sees of a folder that holds its texts in several languages, translations folded.

    python -m benchmarks.folded_hits SET [--groups 110] [--questions 400]

From a parallel set in BEIR's layout every version becomes a file, the folder is indexed as a build
does it, and questions of all languages are asked by `Retriever.search`. For each balance mode, with
hits folded as they are by default (retriever/folding.py) and without: how often the text that is
asked for is among the first 1, 5, 10 hits, in whatever language; how often its version in the
question's language is; and the share of the hits that is shown in that language, beside the fair
one; and how many further versions are named by the ten.
"""

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoder.load import load_encoder
from indexer.build import build_index
from retriever.balance import BalanceMode
from retriever.evaluation.beir import read_collection
from retriever.evaluation.collection import Collection, JudgedText, primary
from retriever.evaluation.select import Selection, select
from retriever.hit import Hit
from retriever.retriever import Retriever

SHOWN = 10
MODES: tuple[BalanceMode, ...] = ("off", "auto", "full")
FIGURES = ("text@1", "text@5", "text@10", "own version@10", "own-language share", "folded")


def write_files(collection: Collection, folder: Path) -> dict[str, JudgedText]:
    """Write each document as a file; returns them by source."""
    written = {}
    for number, document in enumerate(collection.documents):
        written[f"{number:05}.txt"] = document
        (folder / f"{number:05}.txt").write_text(document.text, encoding="utf-8")
    return written


def seen(hits: Sequence[Hit], question: JudgedText, of: dict[str, JudgedText]) -> list[float]:
    """The figures of one question."""
    right = [any(of[name].group == question.group for name in sources(hit)) for hit in hits]
    own = [primary(hit.passage.language) == primary(question.language) for hit in hits]
    named = [of[name] for hit in hits for name in sources(hit)]
    version = any(
        text.group == question.group and primary(text.language) == primary(question.language)
        for text in named
    )
    counts = [float(any(right[:k])) for k in (1, 5, SHOWN)]
    folded = sum(len(hit.also_in) for hit in hits)
    return [*counts, float(version), float(np.mean(own)) if own else 0.0, float(folded)]


def sources(hit: Hit) -> list[str]:
    """The documents that a hit shows: its own, and those that are folded into it."""
    return [hit.passage.source, *(also.source for also in hit.also_in)]


def fair_share(retriever: Retriever, asked: Sequence[JudgedText]) -> float:
    """The share of the passages that is in the question's language, a mean over questions."""
    counts: Counter[str] = Counter()
    for language, passages in retriever.languages().items():
        counts[primary(language)] += passages
    return sum(counts[primary(one.language)] for one in asked) / counts.total() / len(asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", type=int, default=110)
    parser.add_argument("--questions", type=int, default=400)
    arguments = parser.parse_args()
    whole = select(read_collection(arguments.folder, "group"), Selection(groups=arguments.groups))
    asked = random.Random(0).sample(whole.questions, min(arguments.questions, len(whole.questions)))
    encoder = load_encoder("e5-small")
    with tempfile.TemporaryDirectory() as name:
        docs, index = Path(name) / "docs", Path(name) / "index"
        docs.mkdir()
        of = write_files(whole, docs)
        build_index(docs, index, encoder)
        retriever = Retriever.open(index, encoder)
        fair = fair_share(retriever, asked)
        print(f"{whole.name}: {len(of)} files, {len(asked)} questions, fair share {fair:.3f}")
        for fold in (True, False):
            for mode in MODES:
                found = [
                    seen(retriever.search(q.text, SHOWN, balance=mode, fold=fold), q, of)
                    for q in asked
                ]
                means = dict(zip(FIGURES, np.mean(found, axis=0).round(3).tolist(), strict=True))
                times = means["own-language share"] / fair
                print(f"fold {fold}, balance {mode}: {json.dumps(means)}, {times:.1f} times fair")


if __name__ == "__main__":
    main()
