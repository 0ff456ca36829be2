"""A search by meaning alone: all rows in the order of their scores, one of them lifted."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from encoder.spec import Vectors
from indexer.build import build_index
from indexer.card import Mask, Rows
from indexer.language import detect_language
from indexer.store import open_index
from indexer.vector_index import VectorIndex
from retriever import sample
from retriever.balance import OWN_LANGUAGE_BONUS, BalanceMode
from retriever.balanced_rows import BalancedRows
from retriever.dense_leg import DenseLeg, Question
from retriever.filters import Filters
from retriever.fusion import FIRST_DEPTH
from retriever.hit import SearchMode
from retriever.ranking import Ranking
from retriever.retriever import Retriever
from retriever.state import Ranked, SearchState
from tests.concept_encoder import SPEC, ConceptEncoder
from tests.test_balance import LANGUAGES, SENTENCES
from tests.test_sure import MODEL

ROWS = 300
# Enough to be the first from anywhere.
LIFT = 2.0
TEXT = "Wo ist die Katze in der großen Küche, und was macht sie heute?"


class ScatteringEncoder(ConceptEncoder):
    """Gives each text a direction by chance, always the same one: no two scores are equal."""

    def __init__(self) -> None:
        super().__init__(replace(SPEC, name="scattering", dim=16))

    def _encode(self, texts: Sequence[str]) -> Vectors:
        draws = [np.random.default_rng(crc32(text.encode())) for text in texts]
        rows = np.array([draw.normal(size=self.spec.dim) for draw in draws], np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


@pytest.fixture(scope="module")
def index_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred documents in each of three languages."""
    folder = tmp_path_factory.mktemp("scattered")
    docs = folder / "docs"
    docs.mkdir()
    for number in range(ROWS):
        text = SENTENCES[LANGUAGES[number % 3]].format(number, "")
        (docs / f"{number:03}.txt").write_text(text, encoding="utf-8")
    build_index(docs, folder / "index", ScatteringEncoder())
    return folder / "index"


@pytest.fixture(scope="module")
def state(index_dir: Path) -> Iterator[SearchState]:
    index = open_index(index_dir)
    with index.reading() as database:
        yield SearchState(index, (0, 0), database)


@pytest.fixture(scope="module")
def retriever(index_dir: Path) -> Retriever:
    return Retriever.open(index_dir, ScatteringEncoder())


@pytest.fixture(autouse=True)
def _large_lift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OWN_LANGUAGE_BONUS, "auto", LIFT)


@pytest.fixture
def question() -> Question:
    return Question(TEXT, ScatteringEncoder().encode_queries([TEXT])[0], detect_language(TEXT))


@pytest.fixture
def everything(state: SearchState) -> Mask:
    assert state.rows.rows_in("de").sum() == ROWS / 3
    return state.snapshot.live


def products(state: SearchState, question: Question, balance: BalanceMode) -> Vectors:
    """The scores of all rows, nothing lifted."""
    rows = np.concatenate([*state.rows.passages(balance)])
    scores: Vectors = rows @ state.rows.questions(question.vector[None], balance)[0]
    return scores


def searched(
    state: SearchState, question: Question, balance: BalanceMode, allowed: Mask, k: int
) -> Ranked:
    with state.index.reading() as database:
        searcher = Ranking("dense", balance).searcher(state, database, question, allowed)
        assert searcher.kind == ("cosine" if balance == "off" else "balanced")
        return searcher.best(k)


def by_hand(scores: Vectors, allowed: Mask, lifted: int | None) -> list[tuple[int, float]]:
    """All allowed rows with their scores, best first."""
    found = {
        int(row): float(scores[row]) + LIFT * (row == lifted) for row in np.flatnonzero(allowed)
    }
    return sorted(found.items(), key=lambda item: -item[1])


def best_own(scores: Vectors, own: Mask) -> int:
    return int(np.where(own, scores, -np.inf).argmax())


def same(found: Ranked, expected: list[tuple[int, float]]) -> None:
    assert found.rows.tolist() == [row for row, _ in expected]
    assert found.scores == pytest.approx([score for _, score in expected], abs=1e-6)


SIZES = (1, 2, 10, FIRST_DEPTH - 1, FIRST_DEPTH, FIRST_DEPTH + 1, 250, ROWS, 2 * ROWS)


@pytest.mark.parametrize("k", SIZES)
def test_any_number_of_rows_is_found_in_the_order_of_the_scores(
    k: int, state: SearchState, question: Question, everything: Mask
) -> None:
    scores = products(state, question, "auto")
    best = best_own(scores, state.rows.rows_in("de"))
    found = searched(state, question, "auto", everything, k)
    same(found, by_hand(scores, everything, best)[:k])


@pytest.mark.parametrize("k", SIZES)
def test_the_best_of_the_language_is_lifted_from_below_the_first_rows(
    k: int, state: SearchState, question: Question, everything: Mask
) -> None:
    scores = products(state, question, "auto")
    own = state.rows.rows_in("de")
    # Of German only what lies below all that is found at once: there are better ones, not allowed.
    last = [row for row, _ in by_hand(scores, everything, None)[-60:] if own[row]]
    allowed = everything & ~own
    allowed[last] = True
    best = best_own(scores, own & allowed)
    plain = [row for row, _ in by_hand(scores, allowed, None)]
    assert plain.index(best) >= FIRST_DEPTH, "else nothing is shown"
    same(searched(state, question, "auto", allowed, k), by_hand(scores, allowed, best)[:k])


def test_none_is_lifted_that_does_not_become_the_first(
    state: SearchState, question: Question, everything: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = products(state, question, "auto")
    own = state.rows.rows_in("de")
    behind = float(scores[everything].max() - scores[best_own(scores, own)])
    assert behind > 0, "else nothing is shown"
    for bonus, lifted in ((behind - 1e-4, []), (behind + 1e-4, [best_own(scores, own)])):
        monkeypatch.setitem(OWN_LANGUAGE_BONUS, "auto", bonus)
        found = searched(state, question, "auto", everything, 1)
        expected = lifted or [int(np.where(everything, scores, -np.inf).argmax())]
        assert found.rows.tolist() == expected
        assert found.scores == pytest.approx([scores[expected[0]] + (bonus if lifted else 0)])


def test_where_none_of_the_language_is_allowed_none_is_lifted(
    state: SearchState, question: Question, everything: Mask
) -> None:
    allowed = everything & ~state.rows.rows_in("de")
    found = searched(state, question, "auto", allowed, ROWS)
    same(found, by_hand(products(state, question, "auto"), allowed, None))


@pytest.mark.parametrize(
    ("balance", "language"), [("off", "de"), ("full", "de"), ("auto", "und"), ("auto", "ja")]
)
def test_without_a_lift_the_scores_are_the_products(
    balance: BalanceMode, language: str, state: SearchState, question: Question, everything: Mask
) -> None:
    found = searched(state, replace(question, language=language), balance, everything, ROWS)
    same(found, by_hand(products(state, question, balance), everything, None))


@pytest.mark.parametrize("k", SIZES)
def test_the_leg_itself_lifts_nothing(
    k: int, state: SearchState, question: Question, everything: Mask
) -> None:
    scores = products(state, question, "auto")
    leg = DenseLeg(state, question, "auto", everything)
    same(leg.search(k, everything), by_hand(scores, everything, None)[:k])
    among = np.arange(ROWS) % 2 == 0
    among[best_own(scores, state.rows.rows_in("de"))] = True
    same(leg.search(k, among), by_hand(scores, among, None)[:k])


@pytest.mark.parametrize("k", [10, 200])
@pytest.mark.parametrize("languages", [(), ("de",), ("en", "es")])
@pytest.mark.parametrize("balance", ["off", "auto", "full"])
@pytest.mark.parametrize("mode", ["dense", "hybrid", "lexical"])
def test_a_search_scans_its_rows_once(
    mode: SearchMode,
    balance: BalanceMode,
    languages: tuple[str, ...],
    k: int,
    retriever: Retriever,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 16)  # so that it is not all of them
    monkeypatch.setattr("retriever.sure.confidence_model", lambda encoder, mode: MODEL)
    allowed = Filters(languages).allowed(retriever._state.snapshot)
    scans, search = [], VectorIndex.search

    def counted(index: VectorIndex, query: Vectors, most: int, mask: Mask) -> tuple[Rows, Vectors]:
        scans.append((most, int(mask.sum())))
        return search(index, query, most, mask)

    monkeypatch.setattr(VectorIndex, "search", counted)
    hits = retriever.search(f"{TEXT} 17", k, mode=mode, balance=balance, languages=languages)
    kinds = {"hybrid": "fused", "lexical": "lexical"}
    assert hits[0].score_kind == kinds.get(mode, "cosine" if balance == "off" else "balanced")
    assert all(hit.confidence for hit in hits)
    wide = [most for most, rows in scans if rows == allowed.sum()]
    # Words alone rank without any; then it is for the labels, which ask for five rows.
    assert wide == [20 if mode == "lexical" else 4 * max(FIRST_DEPTH, 3 * k)]
    # The sample that words and labels count by is scored once where it is the same.
    filtered = bool(languages) and mode == "hybrid"
    assert [rows for _, rows in scans].count(16) == 1 + filtered


def test_a_scan_is_made_when_it_is_needed_and_again_only_for_more(
    state: SearchState, question: Question, everything: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, search = [], SearchState.search

    def counted(
        state: SearchState, query: Vectors, mode: BalanceMode, k: int, allowed: Mask
    ) -> Ranked:
        asked.append(k)
        return search(state, query, mode, k, allowed)

    monkeypatch.setattr(SearchState, "search", counted)
    leg = DenseLeg(state, question, "auto", everything)
    assert asked == []
    expected = by_hand(products(state, question, "auto"), everything, None)
    for k in (5, 20, 7, 21, 84, 85, 40, ROWS, 2 * ROWS):
        same(leg.first(k), expected[:k])
    assert asked == [20, 84, 340]  # the last of which found all there are


PART, PART_BEHIND = 0.7, 0.4


@pytest.fixture
def _counts_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        BalancedRows,
        "own_part",
        lambda rows, mode, behind_own: PART_BEHIND if behind_own else PART,
    )


@pytest.mark.usefixtures("_counts_for_less")
@pytest.mark.parametrize("k", SIZES)
@pytest.mark.parametrize("bonus", [LIFT, 0.0])
def test_others_in_the_language_count_a_part_of_their_score(
    k: int,
    bonus: float,
    state: SearchState,
    question: Question,
    everything: Mask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OWN_LANGUAGE_BONUS, "auto", bonus)
    scores, own = products(state, question, "auto"), state.rows.rows_in("de")
    # With the bonus one of them is the first, without it none.
    part = PART_BEHIND if bonus else PART
    lowered = np.where(own & (scores > 0), part * scores, scores)
    best = best_own(scores, own)
    if bonus:
        lowered[best] = scores[best]
    found = searched(state, question, "auto", everything, k)
    same(found, by_hand(lowered, everything, best if bonus else None)[:k])


@pytest.mark.usefixtures("_counts_for_less")
def test_what_is_the_first_without_a_bonus_stays_the_first(
    state: SearchState, question: Question, everything: Mask
) -> None:
    scores, own = products(state, question, "full"), state.rows.rows_in("de")
    best = best_own(scores, own)
    allowed = everything & (own | (scores < scores[best]))
    first, second = (searched(state, question, "full", allowed, k) for k in (1, 2))
    assert (first.rows.tolist(), first.scores[0]) == ([best], pytest.approx(scores[best]))
    assert second.scores[1] == pytest.approx(
        np.where(own, PART_BEHIND * scores, scores)[allowed & (np.arange(ROWS) != best)].max()
    )


@pytest.mark.usefixtures("_counts_for_less")
def test_what_stands_below_the_first_rows_rises_above_those_that_count_for_less(
    state: SearchState, question: Question, everything: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retriever.fusion.FIRST_DEPTH", 16)
    scores, own = products(state, question, "full"), state.rows.rows_in("de")
    last = np.sort(scores[own])[-16]
    # All of the first rows are in the language; others score less than they do.
    allowed = everything & (own | (scores < last))
    behind = own & (scores > 0) & (scores < scores[own].max())
    lowered = np.where(behind, PART_BEHIND * scores, scores)
    expected = by_hand(lowered, allowed, None)
    assert not own[[row for row, _ in expected[1:16]]].all(), "else nothing is shown"
    for k in (4, 16, 40):
        same(searched(state, question, "full", allowed, k), expected[:k])


def test_in_one_language_or_none_every_score_counts_whole(
    state: SearchState, question: Question, everything: Mask
) -> None:
    assert state.rows.own_part("off", behind_own=True) == 1.0
    # Nothing was fitted for this encoder: how near translations are to one another is not known.
    assert state.rows.own_part("auto", behind_own=True) == 1.0
