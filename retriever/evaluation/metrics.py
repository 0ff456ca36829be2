"""Ranked documents -> figures of retrieval, computed by trec_eval itself (pytrec_eval-terrier)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retriever.errors import LibraryMissing

METRICS = ("recall@1", "recall@5", "recall@10", "nDCG@10", "MRR@10", "R-precision")
"""The columns of `Values`. R-precision is the recall of the R relevant documents in the first R."""

_MEASURES = {
    "recall@1": "recall_1",
    "recall@5": "recall_5",
    "recall@10": "recall_10",
    "nDCG@10": "ndcg_cut_10",
    "MRR@10": "recip_rank",
    "R-precision": "Rprec",
}
CUTOFF = 10

Values = npt.NDArray[np.float64]
"""Shape (cases, metrics)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question asked of one pool of documents.

    Attributes:
        grades: Of the judged documents in the pool.
        scores: Of the relevant documents and of the best of the others; trec_eval orders them.
    """

    grades: Mapping[str, int]
    scores: Mapping[str, float]


def trec_eval() -> Any:
    """The module that computes the metrics.

    Raises:
        LibraryMissing: It is not installed.
    """
    try:
        import pytrec_eval
    except ImportError as error:
        raise LibraryMissing("pytrec-eval-terrier", "eval") from error
    return pytrec_eval


def judge(cases: list[Case]) -> Values:
    """Compute every metric for every case.

    Documents of equal score are ordered as trec_eval does, by descending id.
    """
    qrels = {str(i): dict(case.grades) for i, case in enumerate(cases)}
    run = {str(i): dict(case.scores) for i, case in enumerate(cases)}
    measures = {"recall.1,5,10", "ndcg_cut.10", "recip_rank", "Rprec"}
    found = trec_eval().RelevanceEvaluator(qrels, measures).evaluate(run)
    values = np.zeros((len(cases), len(METRICS)))
    for i in range(len(cases)):
        got = found.get(str(i), {})  # a question for which nothing was retrieved counts as 0
        values[i] = [got.get(_MEASURES[name], 0.0) for name in METRICS]
    reciprocal = values[:, METRICS.index("MRR@10")]
    reciprocal[reciprocal < 1 / CUTOFF - 1e-9] = 0.0  # the first relevant one stands below ten
    return values
