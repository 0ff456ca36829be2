"""Where this program keeps what it can make again."""

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """Return the cache folder: CROSSTONGUE_CACHE if set, else the user's cache folder."""
    chosen = os.environ.get("CROSSTONGUE_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("crosstongue")
