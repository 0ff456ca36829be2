"""Mixed folders: each group in one language, questions in all, balance modes side by side."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from encoder.spec import Vectors
from retriever.balance import BalanceMode
from retriever.errors import EvaluationError
from retriever.evaluation.candidates import Questions
from retriever.evaluation.collection import Collection, JudgedText
from retriever.evaluation.mixed import Encoded, MixedPlan, draw_folder, measure_mixed
from retriever.evaluation.options import Draw
from tests.concept_encoder import SPEC

LANGUAGES, GROUPS = ("de", "en", "es"), 60


def parallel_collection() -> Collection:
    texts = [(f"g{group:02}", name) for group in range(GROUPS) for name in LANGUAGES]
    documents = tuple(JudgedText(f"d-{g}-{name}", "", name, g) for g, name in texts)
    questions = tuple(JudgedText(f"q-{g}-{name}", "", name, g) for g, name in texts)
    return Collection("made", documents, questions, {})


def encoded(lean: float) -> Encoded:
    """Each group is an axis, each language another one that weighs `lean` times as much."""
    collection = parallel_collection()
    rows: Vectors = np.zeros((GROUPS * 3, GROUPS + 3), np.float32)
    for place in range(len(rows)):
        rows[place, place // 3] = 1
        rows[place, GROUPS + place % 3] = lean
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    languages = tuple(text.language for text in collection.documents)
    spec = replace(SPEC, name="leaning", dim=GROUPS + 3)
    return Encoded(
        collection, spec, rows, languages, np.arange(len(rows)), Questions(rows, languages)
    )


def nobody(done: int, total: int) -> None:
    pass


def plan(*modes: BalanceMode, seeds: int = 3, apart: tuple[str, ...] = ()) -> MixedPlan:
    return MixedPlan("uniform", tuple(range(seeds)), modes, frozenset(apart))


@pytest.mark.parametrize("draw", ["uniform", "zipf"])
def test_every_group_is_in_one_language(draw: Draw) -> None:
    collection = parallel_collection()
    for seed in range(5):
        chosen = [collection.documents[place] for place in draw_folder(collection, draw, seed)]
        assert sorted(text.group for text in chosen) == [f"g{i:02}" for i in range(GROUPS)]
        again = draw_folder(collection, draw, seed)
        assert [collection.documents[place] for place in again] == chosen


def test_zipf_makes_one_language_frequent_and_another_rare() -> None:
    collection = parallel_collection()
    first, shares = Counter[str](), []
    for seed in range(60):
        places = draw_folder(collection, "zipf", seed)
        counts = Counter(collection.documents[place].language for place in places)
        first[counts.most_common(1)[0][0]] += 1
        shares.append([number / GROUPS for _, number in counts.most_common()])
    # 1, 1/2 and 1/3 make 6/11, 3/11 and 2/11; each language is first about as often.
    assert np.mean(shares, axis=0) == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=0.03)
    assert all(8 <= first[name] <= 35 for name in LANGUAGES)


def test_without_a_lean_every_question_is_answered_first() -> None:
    (ranking,) = measure_mixed(encoded(lean=0.0), plan("off"), nobody)
    found = {part.kind: part.figures for part in ranking.parts}
    # 60 groups are asked for in three languages, one of which is the answer's, three times.
    assert (found["cross"].n, found["same"].n, found["cross"].groups) == (360, 180, 60)
    assert found["cross"].metrics["recall@1"].mean == found["same"].metrics["MRR@10"].mean == 1.0


def test_a_lean_puts_ones_own_language_first_and_balance_takes_it_away() -> None:
    off, full = measure_mixed(encoded(lean=1.5), plan("off", "full"), nobody)
    # Cosines: the answer elsewhere 1 / 3.25, wrong ones in the own language 2.25 / 3.25.
    raw = {part.kind: part for part in off.parts}
    balanced = {part.kind: part for part in full.parts}
    assert raw["cross"].figures.metrics["recall@1"].mean == 0.0
    assert raw["cross"].figures.metrics["own-language share"].mean == 1.0
    assert raw["cross"].figures.metrics["fair share"].mean == pytest.approx(1 / 3, abs=0.05)
    assert raw["same"].figures.metrics["recall@1"].mean == 1.0
    assert balanced["cross"].figures.metrics["recall@1"].mean == 1.0
    assert balanced["cross"].by_seed == (1.0, 1.0, 1.0)
    assert raw["cross"].gain is None
    assert balanced["cross"].gain is not None
    gain = balanced["cross"].gain["recall@1"]
    assert (gain.mean, gain.high) == (1.0, 1.0)
    assert 0.9 < gain.low < 1.0
    assert balanced["same"].gain is not None
    assert balanced["same"].gain["recall@1"].mean == 0.0


def test_languages_are_reported_apart() -> None:
    (ranking,) = measure_mixed(encoded(lean=0.0), plan("off", apart=("de", "en")), nobody)
    n = {(part.kind, part.languages): part.figures.n for part in ranking.parts}
    assert n["cross", "all"] == n["cross", "inside"] + n["cross", "between"] == 360
    assert n["same", "all"] == n["same", "inside"] + n["same", "outside"] == 180
    # One language alone has no pair of two.
    assert ("cross", "outside") not in n
    assert ("same", "between") not in n


def test_a_collection_in_one_language_makes_no_mixed_folder() -> None:
    whole = encoded(lean=0.0)
    one = tuple(replace(text, language="de") for text in whole.collection.documents)
    collection = replace(whole.collection, documents=one)
    with pytest.raises(EvaluationError, match="no mixed folder can be drawn"):
        measure_mixed(replace(whole, collection=collection), plan("off"), nobody)


def test_documents_of_many_passages_move_as_a_whole() -> None:
    whole = encoded(lean=0.0)
    # Each document has two passages: its own, and one that says nothing.
    rows = np.repeat(whole.rows, 2, axis=0)
    rows[1::2] = 0
    many = replace(
        whole,
        rows=rows,
        languages=tuple(np.repeat(whole.languages, 2).tolist()),
        document_of=np.repeat(whole.document_of, 2),
    )
    assert measure_mixed(many, plan("off"), nobody) == measure_mixed(whole, plan("off"), nobody)
