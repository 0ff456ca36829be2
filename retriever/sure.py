"""rows -> how likely each answers: a search asks the model of retriever/confidence.py."""

import numpy as np
import numpy.typing as npt

from indexer.card import Mask
from retriever.balance import BalanceMode
from retriever.confidence import SAMPLE_ROWS, Background, ScoreMode, confidence_model, features
from retriever.dense_leg import Question
from retriever.fusion import mask_of
from retriever.hit import Confidence
from retriever.state import SearchState


def confidences(
    state: SearchState,
    question: Question,
    balance: BalanceMode,
    rows: npt.NDArray[np.int64],
    allowed: Mask,
) -> tuple[Confidence | None, ...]:
    """Say of each row how likely it answers the question.

    Whatever ranked them, it is told by their dense scores.

    Args:
        state: The rows.
        question: What is asked.
        balance: As it was searched with.
        rows: Of the hits, shape (hits,).
        allowed: The rows that could have been found, shape (rows of the index,).

    Returns:
        None for each where nothing was fitted for the encoder and the balance, or where the
        passages are too few to tell.
    """
    unknown = (None,) * len(rows)
    # "full" and "auto" have the same scores but for the lift, which says nothing of an answer.
    fitted: ScoreMode = "off" if state.effective(balance) == "off" else "auto"
    model = confidence_model(state.index.manifest.encoder.name, fitted)
    if model is None or not len(rows):
        return unknown
    there = np.flatnonzero(allowed)
    # Evenly over the rows, which stand in the order of their documents.
    sample = there[np.linspace(0, len(there) - 1, min(SAMPLE_ROWS, len(there))).astype(np.int64)]
    background = Background.of(_scores(state, question, balance, sample), len(there))
    if background is None:
        return unknown
    languages = state.snapshot.languages
    own = np.array(
        [languages[state.snapshot.language_of[row]] == question.language for row in rows]
    )
    return model.confidences(features(_scores(state, question, balance, rows), own, background))


def _scores(
    state: SearchState, question: Question, balance: BalanceMode, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """The dense scores of rows, in their order."""
    among = mask_of(rows, len(state.snapshot.live))
    found, scores = state.search(question.vector, balance, len(rows), among)
    score_of = dict(zip(found.tolist(), scores.tolist(), strict=True))
    return np.array([score_of[row] for row in rows.tolist()], np.float32)
