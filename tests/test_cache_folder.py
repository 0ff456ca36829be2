"""Where the cache folder is, and what "~" stands for."""

from pathlib import Path

import pytest

from encoder.cache import cache_dir
from encoder.errors import UsageError
from encoder.load import load_encoder


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("CROSSTONGUE_CACHE", "~/cache")
    assert cache_dir() == Path("/home/me/cache")


def test_the_home_of_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTONGUE_CACHE", "~no-such-user/cache")
    with pytest.raises(UsageError, match="~no-such-user/cache begins with the home folder"):
        cache_dir()
    with pytest.raises(UsageError, match="~no-such-user/model begins with the home folder"):
        load_encoder("~no-such-user/model")
