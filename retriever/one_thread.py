"""Small matrix products on one thread: several wait for each other longer than they compute."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

# Whoever sets the number reads first what it was: one at a time, else the last to go would put
# back the 1 of another.
_setting = Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let NumPy's matrix products have one thread meanwhile, whoever computes them.

    A product of 200 tokens' states takes a millisecond. With all of a processor's threads it took
    10 to 50 behind an encoder that had just used them, as OpenBLAS waits until all are awake; and
    as long wherever other programs have the processor.

    Two of these wait for each other, so it is for products alone and not for what is around them.
    """
    with _setting, _libraries().limit(limits=1):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
