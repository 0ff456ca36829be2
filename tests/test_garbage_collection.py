"""Garbage is not looked for while an encoder is loaded, and is again after that."""

import gc
from contextlib import suppress

import pytest

from encoder import load
from encoder.collection import without_collection
from encoder.errors import UnknownEncoder


def test_garbage_is_collected_again_whatever_happens_meanwhile() -> None:
    with suppress(KeyError), without_collection():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_who_has_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_loading_an_encoder_collects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def locate(*_: object, **__: object) -> None:
        seen.append(gc.isenabled())
        raise UnknownEncoder("none")

    monkeypatch.setattr(load, "locate", locate)
    with pytest.raises(UnknownEncoder):
        load.load_local("none")
    assert seen == [False]
    assert gc.isenabled()
