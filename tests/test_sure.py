"""What a search asks the model of confidence, beside the same numbers worked out from all rows."""

from pathlib import Path

import numpy as np
import pytest

from indexer.build import build_index
from indexer.language import detect_language
from retriever import balanced_rows, sample
from retriever.balance import BalanceMode
from retriever.confidence import FEATURES, Background, ConfidenceModel, Crowd, features
from retriever.filters import Filters
from retriever.hit import SearchMode
from retriever.retriever import Retriever
from tests.test_balance import QUESTION, LeaningEncoder, make_docs

WEIGHTS = tuple(0.1 * (place + 1) for place in range(len(FEATURES)))
ASKED = f"{QUESTION} Cocina?"  # a word that there is in Spanish, too
MODEL = ConfidenceModel(WEIGHTS, 0.9, 0.5, 0.05, 0.2)


@pytest.mark.parametrize(
    ("balance", "languages", "mode"),
    [
        ("auto", (), "hybrid"),
        ("auto", (), "lexical"),
        ("auto", ("es",), "dense"),
        ("off", (), "dense"),
        ("off", ("es",), "hybrid"),
        ("off", ("es",), "lexical"),
    ],
)
def test_a_hit_is_told_by_its_question_and_by_its_own_passage(
    balance: BalanceMode,
    languages: tuple[str, ...],
    mode: SearchMode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 16)  # so that it is not all of them
    monkeypatch.setattr(balanced_rows, "BLOCK_ROWS", 10)  # and not all in one block
    monkeypatch.setattr("retriever.sure.confidence_model", lambda encoder, mode: MODEL)
    encoder = LeaningEncoder()
    docs = make_docs(tmp_path / "docs", ("de", "es"))
    build_index(docs, tmp_path / "index", encoder)
    (docs / "de03.txt").unlink()  # its row is dead
    build_index(docs, tmp_path / "index", encoder)
    retriever = Retriever.open(tmp_path / "index", encoder)
    hits = retriever.search(ASKED, 7, mode=mode, balance=balance, languages=languages, fold=False)
    state = retriever._state
    allowed = Filters(languages).allowed(state.snapshot)
    rows = np.concatenate([*state.rows.passages(balance)]).astype(np.float32)
    scores = rows @ state.rows.questions(encoder.encode_queries([ASKED]), balance)[0]
    background = Background.of(
        scores[sample.sample_rows(allowed)], -np.sort(-scores[allowed])[:5], int(allowed.sum())
    )
    assert background is not None
    found = np.array([hit.passage.row for hit in hits])
    others = sample.sample_rows(state.snapshot.live)
    crowd = Crowd.of(rows[found] @ rows[others].T, found[:, None] == others)
    own = np.array([hit.passage.language == detect_language(ASKED) for hit in hits])
    expected = MODEL.probabilities(features(scores[found], own, background, crowd))
    assert len(hits) == 7
    assert [hit.confidence.probability for hit in hits if hit.confidence] == pytest.approx(
        expected.tolist(), abs=1e-4
    )
