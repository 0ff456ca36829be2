"""Where this program keeps what it can make again."""

import os
from pathlib import Path

import platformdirs

from encoder.errors import UsageError


def cache_dir() -> Path:
    """Return the cache folder: CROSSTONGUE_CACHE if set, else the user's cache folder.

    Raises:
        UsageError: It begins with the home of a user whom there is not.
    """
    chosen = os.environ.get("CROSSTONGUE_CACHE")
    return expanded(chosen) if chosen else platformdirs.user_cache_path("crosstongue")


def expanded(path: str) -> Path:
    """Put a user's home in the place of "~" or "~name" at the beginning.

    Raises:
        UsageError: There is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"{path} begins with the home folder of a user who is not known here.",
            "Write the whole path.",
        ) from error
