"""The probability that a hit answers, and its names."""

import json
from pathlib import Path

import numpy as np
import pytest

import retriever.cli
from encoder.errors import UsageError
from retriever.confidence import (
    FEATURES,
    FOLDER,
    Background,
    ConfidenceModel,
    Crowd,
    confidence_model,
    features,
    save_models,
    thresholds_for,
)
from retriever.hit import Confidence
from retriever.retriever import Retriever
from retriever.shape import Shape
from tests.concept_encoder import ConceptEncoder
from tests.test_wrong_input import load

MODEL = ConfidenceModel((0.0, 0.0, 1.0) + (0.0,) * (len(FEATURES) - 3), 0.9, 0.5, 0.05, 0.2)


def test_a_background_is_the_mean_and_spread_of_random_scores_and_the_lead_of_the_best() -> None:
    scores = np.array([0.1, 0.3] * 5, np.float32)
    first = np.array([0.8, 0.7, 0.6, 0.55, 0.5], np.float32)
    background = Background.of(scores, first, 50)
    assert background is not None
    assert [background.mean, background.spread] == pytest.approx([0.2, 0.1])
    assert [background.best, background.lead] == pytest.approx([0.8, 0.3])
    assert background.passages == 50
    assert Background.of(scores[:9], first, 50) is None
    assert Background.of(scores, first, 9) is None


def test_a_crowd_is_what_a_passage_scores_with_others_and_not_with_itself() -> None:
    products = np.array([[1.0, 0.1, 0.3], [0.2, 0.2, 0.8]], np.float32)
    crowd = Crowd.of(products, np.array([[True, False, False], [False] * 3]))
    assert crowd.means == pytest.approx([0.2, 0.4])
    assert crowd.spreads == pytest.approx([0.1, (0.24 / 3) ** 0.5])


def test_what_the_probability_is_computed_from() -> None:
    rows = features(
        np.array([0.5, 0.3], np.float32),
        np.array([True, False]),
        Background(mean=0.2, spread=0.1, passages=8, best=0.6, lead=0.25),
        Crowd(np.array([0.1, 0.2]), np.array([0.2, 0.05])),
    )
    among = (2 * np.log(8)) ** 0.5
    expected = [[1, 0.5, 3, among, 1, 1, 2, 2.5, 0.2], [1, 0.3, 1, among, 3, 0, 2, 2.5, 0.2]]
    assert rows == pytest.approx(np.array(expected), abs=1e-6)
    assert len(FEATURES) == rows.shape[1]


def test_probabilities_have_names() -> None:
    rows = np.zeros((3, len(FEATURES)))
    rows[:, 2] = (3, 1, -1)  # odds, as logarithms
    assert MODEL.confidences(rows) == (
        Confidence(pytest.approx(0.952574), "strong"),  # type: ignore[arg-type]
        Confidence(pytest.approx(0.731059), "possible"),  # type: ignore[arg-type]
        Confidence(pytest.approx(0.268941, abs=1e-5), "weak"),  # type: ignore[arg-type]
    )


def test_the_threshold_of_one_collection_holds_its_rate() -> None:
    values = np.linspace(0, 1, 101)
    assert thresholds_for([values], 0.05) == pytest.approx(0.95)


def test_a_threshold_is_higher_the_more_collections_differ() -> None:
    def with_odds(logarithm: float) -> list[float]:
        return [1 / (1 + np.exp(-logarithm))] * 3

    # The mean 1, and 19 of 20 of the deviation of 0, 1 and 2, with that of their mean.
    expected = 1 + 2.920 * (4 / 3) ** 0.5
    least = thresholds_for([np.array(with_odds(logarithm)) for logarithm in (0, 1, 2)], 0.05)
    assert np.log(least / (1 - least)) == pytest.approx(expected, abs=1e-6)


def test_a_threshold_holds_its_rate_in_every_collection_that_was_seen() -> None:
    alike = [np.linspace(0, top, 101) for top in (0.6,) * 19 + (0.9,)]
    least = thresholds_for(alike, 0.05)
    assert [(values >= least).mean() <= 0.05 for values in alike] == [True] * 20
    assert (alike[-1] >= least).mean() > 0.04


def test_models_are_read_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_models(tmp_path / "e5-small.json", {"auto": MODEL})
    monkeypatch.setattr("retriever.confidence.FOLDER", tmp_path)
    confidence_model.cache_clear()
    assert confidence_model("e5-small", "auto") == MODEL
    assert confidence_model("e5-small", "off") is None
    assert confidence_model("concepts", "auto") is None
    confidence_model.cache_clear()


def test_the_shipped_models_prefer_what_stands_out_and_state_their_rates() -> None:
    for mode in json.loads((FOLDER / "e5-small.json").read_text("utf-8")):
        model = confidence_model("e5-small", mode)
        assert model is not None
        weight = dict(zip(FEATURES, model.weights, strict=True))
        assert weight["stands_out"] > 0
        assert weight["passages"] < 0
        assert 0 < model.possible < model.strong < 1
        assert (model.strong_rate, model.possible_rate) == (0.05, 0.2)


def test_nothing_is_said_where_nothing_was_fitted(index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    hits = retriever.search("cat", min_confidence=0.99)
    assert {hit.confidence for hit in hits} == {None}


@pytest.mark.parametrize("least", [-0.1, 1.5, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(least: float) -> None:
    with pytest.raises(UsageError, match="--min-confidence"):
        Shape(min_confidence=least)


@pytest.mark.parametrize(
    ("weight", "shown", "remarked"), [(-9.0, "", True), (0.1, "possible", False)]
)
def test_the_terminal_says_what_no_label_means_once_and_not_of_each_hit(
    weight: float,
    shown: str,
    remarked: bool,
    index_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = ConfidenceModel((weight,) + (0.0,) * (len(FEATURES) - 1), 0.9, 0.5, 0.05, 0.2)
    monkeypatch.setattr("retriever.sure.confidence_model", lambda encoder, mode: model)
    monkeypatch.setattr("retriever.confidence.LEAST_PASSAGES", 2)
    monkeypatch.setattr("retriever.sure.LEAST_PASSAGES", 2)
    question = ["search", "cat", "-k", "1", "--index", str(index_dir), "--encoder", "concepts"]
    assert retriever.cli.main(question, load) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"  1  1.000  {shown:<8}  ")
    assert ("Note: Scores alone do not tell whether one of these answers" in said.err) is remarked
    assert retriever.cli.main([*question, "--explain"], load) == 0
    assert ("weak" in capsys.readouterr().out) is remarked
