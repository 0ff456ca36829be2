"""Small products of NumPy get one thread, and the number is put back."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from threadpoolctl import ThreadpoolController

import retriever.why
from retriever.one_thread import one_thread
from tests.test_why import hit
from tests.word_states import WordEncoder

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


def test_a_hit_is_explained_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    explain = retriever.why.explain_by_tokens

    def watched(*args: object) -> object:
        seen.append(threads())
        return explain(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("retriever.why.explain_by_tokens", watched)
    with LIBRARIES.limit(limits=2):
        retriever.why.explain_hits("cat", [hit("Die Katze.")], WordEncoder())
    assert seen == [{1}]
