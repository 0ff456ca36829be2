"""The figures of `eval` beside those of ranx, which shares no code with trec_eval.

    python -m retriever eval SET --balance off,auto --save-run FOLDER
    pip install ranx
    python benchmarks/beside_ranx.py FOLDER

Reads the judgements and rankings that `--save-run` wrote, computes each figure by trec_eval's code
(pytrec_eval-terrier, which `eval` uses) and by ranx, question by question, and prints both means
and the largest difference of a question. ranx does not order equal scores by id, as trec_eval does,
so scores are replaced by ranks in trec_eval's order before.
"""

import argparse
from pathlib import Path

import numpy as np
import pytrec_eval
from ranx import Qrels, Run, evaluate

Table = dict[str, dict[str, float]]

# trec_eval's names of the figures, and ranx's.
MEASURES = {
    "recall_1": "recall@1",
    "recall_5": "recall@5",
    "recall_10": "recall@10",
    "ndcg_cut_10": "ndcg@10",
    "recip_rank": "mrr",
    "Rprec": "r-precision",
}


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in path.read_text("utf-8").splitlines():
        question, _, document, grade = line.split()
        found.setdefault(question, {})[document] = int(grade)
    return found


def read_run(path: Path) -> Table:
    found: Table = {}
    for line in path.read_text("utf-8").splitlines():
        question, _, document, _, score, _ = line.split()
        found.setdefault(question, {})[document] = float(score)
    return found


def as_ranks(run: Table) -> Table:
    """Scores without ties, in the order in which trec_eval puts them."""
    ranks: Table = {}
    for question, scores in run.items():
        order = sorted(scores, key=lambda name: (np.float32(scores[name]), name), reverse=True)
        ranks[question] = {name: float(len(order) - rank) for rank, name in enumerate(order)}
    return ranks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    qrels = read_qrels(folder / "qrels.trec")
    for path in sorted(folder.glob("run-*.trec")):
        run = read_run(path)
        judged = {question: qrels[question] for question in run}
        measures = {"recall.1,5,10", "ndcg_cut.10", "recip_rank", "Rprec"}
        ours = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)
        other = Run(as_ranks(run))
        evaluate(Qrels(judged), other, list(MEASURES.values()), make_comparable=True)
        print(f"{path.name}: {len(run):,} questions")
        for name, theirs in MEASURES.items():
            here = np.array([ours[question][name] for question in run])
            there = np.array([other.scores[theirs][question] for question in run])
            print(
                f"  {theirs:<12} {here.mean():.6f} beside {there.mean():.6f}, "
                f"largest difference {np.abs(here - there).max():.1e}"
            )


if __name__ == "__main__":
    main()
