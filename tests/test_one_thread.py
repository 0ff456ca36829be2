"""Small products of NumPy get one thread, and the number is put back."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from threadpoolctl import ThreadpoolController

import retriever.why
from retriever.balanced_rows import BalancedRows
from retriever.confidence import Crowd
from retriever.one_thread import one_thread
from retriever.retriever import Retriever
from tests.test_balance import QUESTION, leaning
from tests.test_sure import MODEL
from tests.test_why import hit
from tests.word_states import WordEncoder

__all__ = ["leaning"]  # a fixture
LIBRARIES = ThreadpoolController().select(user_api="blas")


def threads() -> set[int]:
    return {found["num_threads"] for found in LIBRARIES.info()}


def test_products_have_one_thread_meanwhile_and_their_own_number_afterwards() -> None:
    with LIBRARIES.limit(limits=2):
        with one_thread():
            assert threads() == {1}
        assert threads() == {2}
        with pytest.raises(KeyError), one_thread():
            raise KeyError
        assert threads() == {2}


def test_a_second_one_waits_and_puts_back_the_number_that_was_before_both() -> None:
    entered, leave = Event(), Event()

    def second() -> None:
        with one_thread():
            entered.set()
            leave.wait(10)

    with LIBRARIES.limit(limits=2), ThreadPoolExecutor(1) as pool:
        with one_thread():
            other = pool.submit(second)
            assert not entered.wait(0.2)
        assert entered.wait(10)
        leave.set()
        other.result()
        assert threads() == {2}


def watch(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[set[int]]:
    """Note how many threads products have whenever a function is called."""
    seen, function = [], getattr(owner, name)

    def watched(*args: object, **named: object) -> object:
        seen.append(threads())
        return function(*args, **named)

    monkeypatch.setattr(owner, name, watched)
    return seen


def test_a_hit_is_explained_by_products_on_one_thread_and_nothing_else_is_kept_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    products = watch(monkeypatch, retriever.why, "_product")
    sentences = watch(monkeypatch, retriever.why, "sentence_spans")
    words = watch(monkeypatch, retriever.why, "word_spans")
    with LIBRARIES.limit(limits=2):
        retriever.why.explain_hits("cat", [hit("Die Katze.")], WordEncoder())
    assert (products, sentences, words) == ([{1}], [{2}], [{2}])


def test_a_search_multiplies_the_few_rows_it_found_on_one_thread(
    leaning: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retriever.sure.confidence_model", lambda encoder, mode: MODEL)
    leaning.search(QUESTION)  # brings all rows into memory, which is worth every thread
    few = watch(monkeypatch, BalancedRows, "balanced")
    crowds = watch(monkeypatch, Crowd, "of")
    with LIBRARIES.limit(limits=2):
        leaning.search(QUESTION, fold=False)
        assert (few, crowds) == ([{1}], [{1}])  # the hits are compared with the sample
        leaning.search(QUESTION, k=1)
        assert (few[1:], crowds[1:]) == ([{1}, {1}], [{1}])  # before it, to be folded
        assert threads() == {2}
