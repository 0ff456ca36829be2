"""Language balance: the right passage wins, in whatever language; one language pays nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoder.language_offsets import LanguageOffsets, language_offsets
from encoder.spec import Vectors
from indexer.build import build_index
from indexer.language import detect_language
from retriever.balance import (
    OWN_LANGUAGE_BONUS,
    BalanceMode,
    Means,
    balance_passages,
    balance_queries,
    fit_means,
)
from retriever.balanced_rows import BalancedRows
from retriever.retriever import Retriever
from retriever.shrinkage import believable
from tests.concept_encoder import SPEC, ConceptEncoder

LANGUAGES = ("de", "en", "es")
SENTENCES = {
    "de": "Heute {} wir in der großen Küche und sprechen über vieles. {}",
    "en": "Today we {} in the large kitchen and talk about many things. {}",
    "es": "Hoy {} en la cocina grande y hablamos de muchas cosas. {}",
}
WORDS = {
    "de": ("Katze", "Wasser", "Brot"),
    "en": ("cat", "water", "bread"),
    "es": ("gato", "agua", "pan "),
}


class LeaningEncoder(ConceptEncoder):
    """Adds to each vector an axis of its language that outweighs what the text says."""

    def __init__(self) -> None:
        super().__init__(replace(SPEC, name="leaning", dim=SPEC.dim + len(LANGUAGES)))

    def _encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.spec.dim), np.float32)
        rows[:, : SPEC.dim] = ConceptEncoder().encode_passages(texts)
        for i, text in enumerate(texts):
            language = detect_language(text)
            if language in LANGUAGES:
                rows[i, SPEC.dim + LANGUAGES.index(language)] = 1.5
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


def make_docs(folder: Path, languages: Sequence[str]) -> Path:
    """Sixty documents that say nothing in particular, and one about a cat in the last language."""
    folder.mkdir()
    for language in languages:
        for number in range(60 // len(languages)):
            other = WORDS[language][1 + number % 2]
            text = SENTENCES[language].format(other, "." * number)
            (folder / f"{language}{number:02}.txt").write_text(text, encoding="utf-8")
    text = SENTENCES[languages[-1]].format(WORDS[languages[-1]][0], "")
    (folder / "cat.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def leaning(tmp_path: Path) -> Retriever:
    docs = make_docs(tmp_path / "docs", ("de", "es"))
    build_index(docs, tmp_path / "index", LeaningEncoder())
    return Retriever.open(tmp_path / "index", LeaningEncoder())


QUESTION = "Wo ist die Katze in der großen Küche, und was macht sie heute?"


def test_without_balance_the_questions_own_language_wins(leaning: Retriever) -> None:
    hits = leaning.search(QUESTION, k=30, fold=False, mode="dense", balance="off")
    assert {hit.passage.language for hit in hits} == {"de"}
    assert {hit.score_kind for hit in hits} == {"cosine"}


@pytest.mark.parametrize("mode", ["auto", "full"])
def test_with_balance_the_answer_wins(mode: str, leaning: Retriever) -> None:
    hits = leaning.search(
        QUESTION, k=3, fold=False, mode="dense", balance="auto" if mode == "auto" else "full"
    )
    assert hits[0].passage.source == "cat.txt"
    assert hits[0].score_kind == "balanced"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_raw_cosine_stands_beside_the_balanced_score(leaning: Retriever) -> None:
    raw = {
        hit.passage.row: hit.cosine
        for hit in leaning.search(QUESTION, k=61, fold=False, balance="off")
    }
    balanced = {hit.passage.row: hit.cosine for hit in leaning.search(QUESTION, k=61, fold=False)}
    assert balanced == pytest.approx(raw, abs=1e-6)


def test_the_best_passage_in_the_questions_language_gets_a_bonus_that_makes_it_the_first(
    leaning: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = {
        hit.passage.row: hit for hit in leaning.search(QUESTION, k=61, fold=False, balance="full")
    }
    best = next(row for row, hit in full.items() if hit.passage.language == "de")
    behind = max(hit.score for hit in full.values()) - full[best].score
    assert behind > 0.1, "else nothing is shown"
    for bonus, lifted in ((0.0, False), (behind - 0.01, False), (behind + 0.01, True)):
        monkeypatch.setitem(OWN_LANGUAGE_BONUS, "auto", bonus)
        auto = {hit.passage.row: hit for hit in leaning.search(QUESTION, k=61, fold=False)}
        assert {row: hit.score for row, hit in auto.items()} == pytest.approx(
            {row: hit.score + bonus * (lifted and row == best) for row, hit in full.items()},
            abs=1e-6,
        )
        assert (next(iter(auto)) == best) == lifted


def test_the_best_passage_in_the_questions_language_is_found_wherever_it_stands(
    leaning: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OWN_LANGUAGE_BONUS, "auto", 2.0)
    whole = [hit.passage.row for hit in leaning.search(QUESTION, k=61, fold=False)]
    full = leaning.search(QUESTION, k=61, fold=False, balance="full")
    best = next(place for place, hit in enumerate(full) if hit.passage.language == "de")
    assert best > 0, "else nothing is shown"
    assert whole[0] == full[best].passage.row
    for k in range(1, 62):
        assert [hit.passage.row for hit in leaning.search(QUESTION, k=k, fold=False)] == whole[:k]


def test_the_choice_gives_its_reason(leaning: Retriever) -> None:
    choice = leaning.balance_choice(QUESTION)
    assert choice.mode == "auto"
    assert choice.reason == (
        "each language's mean is taken away (its own means); the best passage in German gets 0.035 "
        "more, or 0.028 where words count, if it then is the first"
    )
    assert leaning.balance_choice(QUESTION, "full").reason == (
        "each language's mean is taken away (its own means)"
    )
    assert leaning.balance_choice(QUESTION, "off").reason == "ranked by the raw cosine, as asked"


def test_the_choice_says_how_much_is_there_in_several_languages(
    leaning: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BalancedRows, "translated", 0.5)
    part = 0.87

    def own_part(rows: BalancedRows, mode: BalanceMode, *, behind_own: bool) -> float:
        return part - 0.3 if behind_own else part

    monkeypatch.setattr(BalancedRows, "own_part", own_part)
    assert leaning.balance_choice(QUESTION, "full").reason == (
        "each language's mean is taken away (its own means); 50% of the passages are there in "
        "another language, too, so behind the first those in German count 0.87 of their score, "
        "or 0.57 if it is one of them"
    )
    part = 0.999
    assert "another language" not in leaning.balance_choice(QUESTION, "full").reason


def test_one_language_is_ranked_as_if_there_were_no_balance(tmp_path: Path) -> None:
    docs = make_docs(tmp_path / "docs", ("de",))
    build_index(docs, tmp_path / "index", LeaningEncoder())
    retriever = Retriever.open(tmp_path / "index", LeaningEncoder())
    assert retriever.search(QUESTION, k=61, fold=False) == retriever.search(
        QUESTION, k=61, fold=False, balance="off"
    )
    assert retriever.balance_choice(QUESTION).mode == "off"


def test_few_passages_and_no_fitted_means_are_ranked_raw(index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    assert {hit.score_kind for hit in retriever.search("cat")} == {"cosine"}


def test_a_new_document_changes_the_means_of_an_open_retriever(tmp_path: Path) -> None:
    docs = make_docs(tmp_path / "docs", ("de",))
    build_index(docs, tmp_path / "index", LeaningEncoder())
    retriever = Retriever.open(tmp_path / "index", LeaningEncoder())
    (docs / "new.txt").write_text(SENTENCES["es"].format("gato", ""), encoding="utf-8")
    build_index(docs, tmp_path / "index", LeaningEncoder())
    assert retriever.search(QUESTION, k=1, mode="dense")[0].score_kind == "balanced"


# Contents vary by 0.1 along the first axis and by 0.21 along the second; times the 2 dimensions.
CONTENT = np.array([[0.2, 0], [0, 0.42]], np.float32)


def fitted_in_german() -> LanguageOffsets:
    """German leans along the second axis: leans vary by 0.05 and 1.05, 0.05 of that unseen."""
    return LanguageOffsets(
        languages=("de",),
        passages=np.array([[0, 1]], np.float32),
        queries=np.zeros((1, 2), np.float32),
        passage_mean=np.array([1, 0], np.float32),
        query_mean=np.array([1, 0], np.float32),
        whitening=np.eye(2, dtype=np.float32),
        content=CONTENT,
    )


def test_means_are_shrunk_toward_the_centre_and_the_fitted_lean() -> None:
    sums = np.array([[1, 0], [1, 0]], np.float32)  # one passage each, in "de" and "xx"
    means = fit_means(sums, np.array([1, 1]), ("de", "xx"), fitted_in_german())
    assert means is not None
    # The centre is (two passages less de's lean + 50 times the fitted mean) / 52 = (1, -1 / 52).
    # Of what lies beyond centre and lean along the second axis, where leans vary 5 times as much as
    # contents, 0.1 * 5 / (0.1 * 5 + 1) is believed of de, 2 * 5 / (2 * 5 + 1) of xx.
    assert means.passages[0] == pytest.approx([1, -1 / 52 + 1 + (1 / 52 - 1) / 3], abs=1e-5)
    assert means.passages[1] == pytest.approx([1, -1 / 52 + (1 / 52) * 10 / 11], abs=1e-5)
    # Questions follow the centre at half of its way, those in de its lean, too; that of xx, which
    # was not fitted, is its passages'.
    assert means.questions == pytest.approx(
        np.array([[1, -1 / 104 + (1 / 52 - 1) / 6], [1, -1 / 104 + (1 / 52) * 10 / 11]]), abs=1e-5
    )


def test_undetected_passages_say_nothing_about_questions() -> None:
    sums = np.array([[40, 0], [0, 40], [0, 0]], np.float32)
    means = fit_means(sums, np.array([40, 40, 0]), ("de", "und", "en"), None)
    assert means is not None
    assert means.questions == pytest.approx(means.passages[:1])


def test_more_passages_are_believed_more_and_none_not_at_all() -> None:
    seen = np.array([[0.3, 0.3]] * 3, np.float32)
    believed = believable(seen, np.array([0, 1, 10**9]), np.ones(3), fitted_in_german())
    assert believed[0] == pytest.approx([0, 0])
    assert believed[1] == pytest.approx([0.3 * 0.5 / 1.5, 0.3 * 5 / 6], abs=1e-6)
    assert believed[2] == pytest.approx(seen[2], abs=1e-6)


def test_without_fitted_leans_a_mean_is_shrunk_toward_that_of_all() -> None:
    sums = np.array([[40, 0], [0, 10]], np.float32)
    means = fit_means(sums, np.array([40, 10]), ("de", "en"), None)
    assert means is not None
    assert means.passages[1] == pytest.approx([10 * 0.8 / 20, (10 + 10 * 0.2) / 20], abs=1e-6)


def test_the_mean_of_its_language_is_taken_from_each_row_and_the_rest_is_scaled() -> None:
    sums = np.array([[30, 0], [0, 30]], np.float32)
    means = fit_means(sums, np.array([30, 30]), ("de", "en"), None)
    assert means is not None
    rows = balance_passages(
        np.array([[1, 0], [0.6, 0.8]], np.float32), np.array([0, 1], np.int32), means
    )
    # The means are (0.875, 0.125) and (0.125, 0.875).
    assert rows[0] == pytest.approx(np.array([0.125, -0.125]) / np.hypot(0.125, 0.125), abs=1e-6)
    assert rows[1] == pytest.approx(np.array([0.475, -0.075]) / np.hypot(0.475, 0.075), abs=1e-6)
    # A question that leans like German loses the mean of German, but for a tenth of (0.5, 0.5).
    queries = balance_queries(np.array([[1, 0]], np.float32), means)
    assert queries[0] == pytest.approx(np.array([0.175, -0.075]) / np.hypot(0.175, 0.075), abs=1e-6)


STRETCH = np.array([[2, 0], [0, 1]], np.float32)


def leaning_means() -> Means:
    """Questions in one language have the mean (0.5, 0.5), in another (0.5, -0.5)."""
    offsets = LanguageOffsets(
        languages=("de",),
        passages=np.array([[0, 0.5]], np.float32),
        queries=np.array([[0, 0.25]], np.float32),
        passage_mean=np.array([0.5, 0], np.float32),
        query_mean=np.array([0.25, 0], np.float32),
        whitening=STRETCH,
        content=CONTENT,
    )
    passages = np.array([[0.7, 0.5], [0.7, 0.4]], np.float32)
    questions = np.array([[0.5, 0.5], [0.5, -0.5]], np.float32)
    return Means(("de", "xx"), passages, questions, offsets)


@pytest.mark.parametrize(
    ("query", "mean"),
    [
        # What both share is (0.5, 0): a tenth of it stays.
        ((0.6, 0.8), (0.45, 0.5)),
        ((0.6, -0.8), (0.45, -0.5)),
        # Leaning to neither, it loses what both share.
        ((1.0, 0.0), (0.45, 0.0)),
        # A cosine of 0.03 times log 3 / 2 with the one makes 3 parts of it and 1 of the other.
        ((1.5, np.log(3) * 0.015), (0.45, 0.25)),
    ],
)
def test_a_question_loses_the_means_that_it_leans_to_and_is_whitened(
    query: tuple[float, float], mean: tuple[float, float]
) -> None:
    expected = STRETCH @ (np.array(query) - mean)
    found = balance_queries(np.array([query], np.float32), leaning_means())[0]
    assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-3)


def test_a_question_does_not_depend_on_those_beside_it() -> None:
    queries = np.array([[0.6, 0.8], [0.8, -0.6], [1, 0]], np.float32)
    together = balance_queries(queries, leaning_means())
    alone = [balance_queries(query[None], leaning_means())[0] for query in queries]
    assert together == pytest.approx(np.stack(alone), abs=1e-6)


def test_passages_are_whitened_after_their_mean_is_taken_away() -> None:
    rows = balance_passages(
        np.array([[0.6, 0.8]], np.float32), np.array([1], np.int32), leaning_means()
    )
    expected = STRETCH @ (0.6 - 0.7, 0.8 - 0.4)
    assert rows[0] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_the_shipped_whitening_is_symmetric_and_keeps_every_direction() -> None:
    offsets = language_offsets("e5-small")
    assert offsets is not None
    whitening = offsets.whitening.astype(np.float64)
    assert whitening == pytest.approx(whitening.T, abs=1e-3)
    scales = np.linalg.eigvalsh(whitening)
    assert scales.min() > 0.1
    assert scales.mean() == pytest.approx(1, abs=1e-3)


def test_the_shipped_offsets_cover_many_languages_and_are_centred() -> None:
    offsets = language_offsets("e5-small")
    assert offsets is not None
    assert len(offsets.languages) == 30
    assert offsets.passages.shape == offsets.queries.shape == (len(offsets.languages), 384)
    assert np.abs(offsets.passages.mean(axis=0)).max() < 1e-3
    assert language_offsets("concepts") is None
