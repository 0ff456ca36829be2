"""Which passages may be found: what the user narrows a search to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from encoder.errors import UsageError
from indexer.card import Mask
from indexer.patterns import compile_patterns
from indexer.store import Snapshot


def format_name(text: str) -> str:
    """The name of a format as the build lists it; people write ".PDF" too."""
    return text.lower().removeprefix(".")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a passage must be; the empty filters let everything through.

    Attributes:
        languages: BCP 47 codes, as in `Hit.passage`.
        path: Pattern in gitignore syntax that the source must match.
        formats: As the build lists them: "pdf", "md".
        modified_after, modified_before: When the file was last written to, in a half-open span;
            without a time zone, in that of this machine.
    """

    languages: Sequence[str] = ()
    path: str | None = None
    formats: Sequence[str] = ()
    modified_after: datetime | None = None
    modified_before: datetime | None = None

    def options(self) -> list[str]:
        """Those that are used, as the command line names them."""
        used = {
            "--lang": bool(self.languages),
            "--path": self.path is not None,
            "--format": bool(self.formats),
            "--after": self.modified_after is not None,
            "--before": self.modified_before is not None,
        }
        return [option for option, is_used in used.items() if is_used]

    def allowed(self, snapshot: Snapshot) -> Mask:
        """Say of each row whether it may be found, shape (rows,).

        Raises:
            UsageError: The pattern makes no sense, or no time lies between the two.
        """
        allowed = snapshot.live
        if self.languages:
            wanted = [i for i, name in enumerate(snapshot.languages) if name in self.languages]
            allowed = allowed & np.isin(snapshot.language_of, wanted)
        documents = self._documents(snapshot)
        # Where there are no documents there are no rows to ask for.
        return allowed & documents[snapshot.document_of] if len(documents) else allowed

    def _documents(self, snapshot: Snapshot) -> npt.NDArray[np.bool_]:
        """Say of each document whether its passages may be found, shape (documents,)."""
        kept = np.ones(len(snapshot.sources), np.bool_)
        if self.path is not None:
            spec = compile_patterns([self.path], "--path")
            kept &= np.array([spec.match_file(source) for source in snapshot.sources], np.bool_)
        if self.formats:
            wanted = {format_name(name) for name in self.formats}
            kept &= np.array([name in wanted for name in snapshot.formats], np.bool_)
        after, before = self.modified_after, self.modified_before
        if after is not None and before is not None and after.timestamp() >= before.timestamp():
            raise UsageError(
                f"No time lies between {after:%Y-%m-%d %H:%M} and {before:%Y-%m-%d %H:%M}.",
                "Give the earlier one to --after: --after 2026-01-01 --before 2026-02-01",
            )
        if after is not None:
            kept &= snapshot.modified_s >= after.timestamp()
        if before is not None:
            kept &= snapshot.modified_s < before.timestamp()
        return kept
