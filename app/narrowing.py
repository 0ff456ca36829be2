"""The controls behind "More": how many results, of which files, found by what."""

from dataclasses import dataclass
from datetime import date, datetime, time

import streamlit as st

from retriever.hit import Label, SearchMode
from retriever.retriever import Retriever

MOST_HITS, DEFAULT_HITS = 50, 10
EARLIEST = date(1970, 1, 1)
MODES: dict[SearchMode, str] = {
    "hybrid": "meaning and words",
    "dense": "meaning",
    "lexical": "words",
}
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
    """Draw the controls, and read them."""
    path = st.text_input(
        "Only files that match",
        placeholder="manuals/ or *.pdf",
        help="A pattern in gitignore syntax.",
        key="path",
        bind="query-params",
    )
    k = st.number_input("Most results", 1, MOST_HITS, DEFAULT_HITS, key="k", bind="query-params")
    per_document = st.number_input(
        "Most results of one file",
        1,
        MOST_HITS,
        None,
        placeholder="any number",
        key="each",
        bind="query-params",
    )
    formats = st.multiselect(
        "Formats",
        retriever.formats(),
        placeholder="All formats",
        key="format",
        bind="query-params",
    )
    # Without a least date Streamlit refuses those of more than ten years ago.
    after = st.date_input(
        "Files written to since", None, EARLIEST, key="after", bind="query-params"
    )
    before = st.date_input(
        "Files written to before", None, EARLIEST, key="before", bind="query-params"
    )
    mode = st.selectbox(
        "Find by", [*MODES], format_func=lambda name: MODES[name], key="mode", bind="query-params"
    )
    least = st.selectbox(
        "Show", [*LEAST], format_func=lambda name: LEAST[name], key="least", bind="query-params"
    )
    fold = st.checkbox(
        "One result for translations and copies", value=True, key="fold", bind="query-params"
    )
    return Narrowing(
        int(k), path or None, tuple(formats), after, before,
        None if per_document is None else int(per_document), mode,
        least, fold,
    )  # fmt: skip


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time())
