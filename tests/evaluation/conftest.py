from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may read or leave vectors in the user's cache."""
    monkeypatch.setenv("CROSSTONGUE_CACHE", str(tmp_path / "cache"))
