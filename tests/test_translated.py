"""How many passages are there in another language, too, and what that does to the own language."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from encoder.language_offsets import LanguageOffsets
from encoder.spec import Vectors
from retriever.balance import OWN_LANGUAGE_EXCESS, OWN_LANGUAGE_EXCESS_BEHIND_ITSELF
from retriever.balanced_rows import BalancedRows, RowSource
from retriever.sample import sample_rows
from retriever.translated import COMPARED_ROWS, LEAST_COSINE, Translations
from tests.concept_encoder import SPEC

DIM = 32
LANGUAGES = ("de", "en", "und")


def turned(towards: Vectors, cosine: float, away: int) -> Vectors:
    """A unit row at a cosine of another one, the rest along an axis."""
    row = cosine * towards
    row[away] = np.sqrt(1 - cosine**2)
    return row.astype(np.float32)


def axis(place: int) -> Vectors:
    row: Vectors = np.eye(DIM, dtype=np.float32)[place]
    return row


def test_a_row_is_translated_if_one_in_another_language_is_near_enough() -> None:
    sample = np.stack([axis(0), axis(1), axis(2), axis(3)])
    counted = Translations(sample, np.array([0, 0, 0, 1], np.int32))
    assert counted.share() == 0.0
    rows = [
        turned(axis(0), LEAST_COSINE + 0.01, 8),  # near, in another language
        turned(axis(1), LEAST_COSINE - 0.01, 9),  # not near enough
        axis(2),  # the same, in its own language
    ]
    counted.add(np.stack(rows), np.array([1, 1, 0], np.int32))
    assert counted.share() == 0.25
    counted.add(np.stack([axis(3), axis(8)]), np.array([0, 0], np.int32))
    assert counted.share() == 0.5
    counted.add(np.zeros((0, DIM), np.float32), np.zeros(0, np.int32))
    assert counted.share() == 0.5


def test_where_nothing_was_sampled_nothing_is_translated() -> None:
    assert Translations(np.zeros((0, DIM), np.float32), np.zeros(0, np.int32)).share() == 0.0


def test_the_sample_is_spread_over_the_rows_of_known_languages() -> None:
    known = np.ones(1000, np.bool_)
    known[:500] = False
    places = sample_rows(known, COMPARED_ROWS)
    assert (len(places), places[0], places[-1]) == (COMPARED_ROWS, 500, 999)
    assert np.diff(places).max() <= 4
    assert sample_rows(known[490:510], COMPARED_ROWS).tolist() == list(range(10, 20))
    assert sample_rows(np.zeros(3, np.bool_), COMPARED_ROWS).tolist() == []


def nothing_leans() -> LanguageOffsets:
    zeros = np.zeros((2, DIM), np.float32)
    return LanguageOffsets(
        ("de", "en"), zeros, zeros, zeros[0], zeros[0], np.eye(DIM, dtype=np.float32),
        np.eye(DIM, dtype=np.float32),
    )  # fmt: skip


def pairs(versions: int) -> tuple[Vectors, npt.NDArray[np.int32]]:
    """Sixteen texts in German, the first so many of them in English, too, the others not."""
    german = np.eye(16, DIM, dtype=np.float32)
    english = np.eye(DIM, dtype=np.float32)[16:]
    english[:versions] = german[:versions]
    return np.concatenate([german, english]), np.repeat([0, 1], 16).astype(np.int32)


def balanced(
    rows: Vectors, language_of: npt.NDArray[np.int32], live: npt.NDArray[np.bool_] | None = None
) -> BalancedRows:
    live = np.ones(len(rows), np.bool_) if live is None else live
    source = RowSource(
        replace(SPEC, dim=DIM), LANGUAGES, language_of, live, lambda first, last: rows[first:last]
    )
    return BalancedRows(source, lambda name: nothing_leans())


@pytest.mark.parametrize("versions", [0, 4, 16])
def test_the_own_language_counts_for_less_the_more_is_translated(versions: int) -> None:
    rows = balanced(*pairs(versions))
    share = versions / 16
    assert rows.translated == share
    for mode in ("auto", "full"):
        for behind, excess in (
            (False, OWN_LANGUAGE_EXCESS),
            (True, OWN_LANGUAGE_EXCESS_BEHIND_ITSELF),
        ):
            part = rows.own_part(mode, behind_own=behind)
            assert part == pytest.approx(1 / (1 + excess * share))
            assert rows.own_part("off", behind_own=behind) == 1.0


def test_it_is_counted_while_the_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retriever.balanced_rows.BLOCK_ROWS", 7)
    monkeypatch.setattr("retriever.translated.BLOCK_ROWS", 3)
    rows = balanced(*pairs(8))
    assert len(np.concatenate([*rows.passages("auto")])) == 32
    monkeypatch.setattr(rows, "passages", None)  # they are not read again
    assert rows.translated == 0.5


def test_dead_rows_and_those_of_no_known_language_translate_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retriever.balanced_rows.BLOCK_ROWS", 7)
    vectors, language_of = pairs(16)
    live = np.ones(32, np.bool_)
    live[16:20] = False
    assert balanced(vectors, language_of, live).translated == pytest.approx(24 / 28)
    language_of[16:20] = LANGUAGES.index("und")
    assert balanced(vectors, language_of).translated == pytest.approx(24 / 28)


def test_without_fitted_means_it_is_not_asked_how_many_are_translated() -> None:
    vectors, language_of = pairs(16)
    rows = balanced(np.concatenate([vectors] * 4), np.concatenate([language_of] * 4))
    unfitted = BalancedRows(rows.source, lambda name: None)
    assert unfitted.means is not None
    assert unfitted.own_part("auto", behind_own=True) == 1.0
