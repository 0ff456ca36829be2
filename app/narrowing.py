"""The controls behind "More": how many results, of which files, found by what."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

import streamlit as st

from app.link import choice, is_day, is_number
from app.markup import group_html
from encoder.errors import UsageError
from indexer.patterns import compile_patterns
from retriever.hit import Label, SearchMode
from retriever.retriever import Retriever

MOST_HITS, DEFAULT_HITS = 50, 10
# Without them Streamlit silently refuses what is more than ten years away.
EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)
MODES: dict[SearchMode, str] = {
    "hybrid": "meaning and words",
    "dense": "meaning",
    "lexical": "words",
}
MATCHING, SINCE = "Only those that match", "Written to since"
LEAST: dict[Label, str] = {
    "weak": "everything",
    "possible": "what may answer the question",
    "strong": "what very likely answers it",
}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the controls hold; they are in the URL too.

    Attributes:
        path: Pattern in gitignore syntax.
        after, before: When files were last written to, a half-open span of days.
        per_document: Most results of one file; None for any number.
        least: Least label of a result, where the encoder's are known.
        fold: Translations and copies are one result.
    """

    k: int
    path: str | None
    formats: tuple[str, ...]
    after: date | None
    before: date | None
    per_document: int | None
    mode: SearchMode
    least: Label
    fold: bool

    @property
    def since(self) -> datetime | None:
        """When the span begins, in the time zone of this machine."""
        return _midnight(self.after)

    @property
    def until(self) -> datetime | None:
        """When the span ends."""
        return _midnight(self.before)

    def check(self) -> None:
        """Check what the search would refuse, so that the message names the page's own fields.

        Raises:
            UsageError: The pattern makes no sense, or no time lies between the days.
        """
        if self.path:
            compile_patterns([self.path], f"“{MATCHING}”")
        if self.after and self.before and self.after >= self.before:
            raise UsageError(
                f"No day lies between {self.after} and {self.before}.",
                f"Give the earlier one to “{SINCE}”.",
            )

    def filters(self) -> list[str]:
        """What may leave no passage, in words."""
        found = []
        if self.path:
            found.append(f"only files that match: {self.path}")
        if self.formats:
            found.append(f"formats: {', '.join(self.formats)}")
        if self.after or self.before:
            found.append("dates of the files")
        return found


def draw_narrowing(retriever: Retriever) -> Narrowing:
    """Draw the controls in two groups, and read them."""
    results, files = st.columns(2, gap="large")
    with results:
        st.html(group_html("Results"))
        mode = choice("mode", "Find by", MODES)
        least = choice("least", "Show", LEAST)
        most, each = st.columns(2)
        k = most.number_input(
            "Most results", 1, MOST_HITS, DEFAULT_HITS, key="k", bind="query-params"
        )
        per_document = each.number_input(
            "Most of one file",
            1,
            MOST_HITS,
            None,
            placeholder="any",
            key="each",
            bind="query-params",
        )
        fold = st.checkbox(
            "One for all translations and copies", value=True, key="fold", bind="query-params"
        )
    with files:
        st.html(group_html("Files"))
        path = st.text_input(
            MATCHING,
            placeholder="manuals/ or *.pdf",
            help="A pattern in gitignore syntax.",
            key="path",
            bind="query-params",
        )
        formats = st.multiselect(
            "Formats",
            retriever.formats(),
            placeholder="All formats",
            key="format",
            bind="query-params",
        )
        since, until = st.columns(2)
        after = since.date_input(SINCE, None, EARLIEST, LATEST, key="after", bind="query-params")
        before = until.date_input(
            "And before", None, EARLIEST, LATEST, key="before", bind="query-params"
        )
    return Narrowing(
        int(k), path or None, tuple(formats), after, before,
        None if per_document is None else int(per_document), mode,
        least, fold,
    )  # fmt: skip


def url_checks(retriever: Retriever) -> dict[str, Callable[[str], bool]]:
    """For each parameter that the controls have in the URL, which values make sense."""
    return {
        "k": lambda text: is_number(text, MOST_HITS),
        "each": lambda text: is_number(text, MOST_HITS),
        "format": retriever.formats().__contains__,
        "after": lambda text: is_day(text, EARLIEST, LATEST),
        "before": lambda text: is_day(text, EARLIEST, LATEST),
        "mode": MODES.__contains__,
        "least": LEAST.__contains__,
        "fold": ("true", "false").__contains__,
    }


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time())
