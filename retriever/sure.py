"""rows -> how likely each answers: a search asks the model of retriever/confidence.py."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from retriever.balance import BalanceMode
from retriever.confidence import (
    FIRST_ROWS,
    LEAST_PASSAGES,
    Background,
    ConfidenceModel,
    Crowd,
    ScoreMode,
    confidence_model,
    features,
)
from retriever.dense_leg import DenseLeg
from retriever.hit import Confidence
from retriever.one_thread import one_thread
from retriever.state import SearchState


@dataclass(frozen=True, slots=True)
class ConfidenceChoice:
    """Whether hits say how likely they answer, and why not: too few passages, or no model."""

    name: Literal["known", "few", "unfitted"]
    reason: str


def choose_confidence(state: SearchState, balance: BalanceMode, passages: int) -> ConfidenceChoice:
    """Say whether `confidences` knows anything of a search.

    Args:
        state: The rows.
        balance: As it was searched with.
        passages: How many could have been found.
    """
    encoder = state.index.manifest.encoder.name
    if _model(state, balance) is None:
        return ConfidenceChoice("unfitted", f"nothing was fitted for {encoder}")
    if passages < LEAST_PASSAGES:
        few = "1 passage" if passages == 1 else f"{passages} passages"
        return ConfidenceChoice(
            "few", f"among {few} none can stand out; it takes {LEAST_PASSAGES} to tell"
        )
    return ConfidenceChoice("known", f"by what was fitted for {encoder}")


def confidences(leg: DenseLeg, rows: npt.NDArray[np.int64]) -> tuple[Confidence | None, ...]:
    """Say of each row how likely it answers the question.

    Whatever ranked them, it is told by their dense scores.

    Args:
        leg: The leg of meaning of the search that found them.
        rows: Of the hits, shape (hits,).

    Returns:
        None for each where nothing was fitted for the encoder and the balance, or where the
        passages are too few to tell.
    """
    unknown = (None,) * len(rows)
    state, question, balance = leg.state, leg.question, leg.balance
    model = _model(state, balance)
    if model is None or not len(rows):
        return unknown
    passages = int(np.count_nonzero(leg.allowed))
    background = Background.of(leg.usual(leg.allowed), leg.first(FIRST_ROWS).scores, passages)
    if background is None:
        return unknown
    # What a passage scores with others does not depend on the filters.
    sample, around = state.sample(balance)
    with one_thread():
        held = state.rows.balanced(rows, balance)
        crowd = Crowd.of(held @ around.T, rows[:, None] == sample)
        asked = state.rows.questions(question.vector[None], balance)[0]
    snapshot = state.snapshot
    languages = [snapshot.languages[place] for place in snapshot.language_of[rows]]
    own = np.array([language == question.language for language in languages])
    return model.confidences(features(held @ asked, own, background, crowd))


def _model(state: SearchState, balance: BalanceMode) -> ConfidenceModel | None:
    # "full" and "auto" have the same scores but for the lift, which says nothing of an answer.
    fitted: ScoreMode = "off" if state.effective(balance) == "off" else "auto"
    return confidence_model(state.index.manifest.encoder.name, fitted)
