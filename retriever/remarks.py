"""What is worth saying of a search beside its hits, for the terminal and the page.

Each remark is a sentence without its full stop. Texts of the question and of the index are in it as
they are: whoever shows it cleans it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retriever.balance import BalanceMode
from retriever.filters import Filters, format_name
from retriever.hit import Hit, SearchMode
from retriever.retriever import Retriever


@dataclass(frozen=True, slots=True)
class Asked:
    """What `Retriever.search` was asked, as far as something may be said of it."""

    question: str
    filters: Filters
    mode: SearchMode
    balance: BalanceMode


def missing_phrases(retriever: Retriever, asked: Asked) -> Iterator[str]:
    """Name the quoted phrases that stand nowhere; meaning alone has no use for quotes."""
    if asked.mode == "dense":
        return
    where = " that the filters leave" if asked.filters.options() else ""
    for phrase in retriever.missing_phrases(asked.question, asked.filters):
        yield f"“{phrase}” stands in no passage{where}"


def absent(retriever: Retriever, filters: Filters) -> Iterator[str]:
    """Say which languages and formats are asked for and not in the index at all."""
    languages, formats = retriever.languages(), retriever.formats()
    strange = [code for code in filters.languages if code not in languages]
    if strange:
        held = ", ".join(f"{code} ({number})" for code, number in languages.items())
        yield f"no passage is in {', '.join(strange)}; the index holds {held}"
    strange = [name for name in filters.formats if format_name(name) not in formats]
    if strange:
        held = ", ".join(formats)
        yield f"no document has the format {', '.join(strange)}; the index holds {held}"


def unknown_confidence(retriever: Retriever, asked: Asked, *, wanted: bool) -> Iterator[str]:
    """Say why no hit says how likely it answers, if that is so.

    Args:
        retriever: Where it was searched.
        asked: What was searched for.
        wanted: Whether the user has asked for it. Who has not is told only where it may come and
            go with the filters, and not of each search with an encoder that nothing was fitted for.
    """
    choice = retriever.confidence_choice(asked.filters, asked.balance)
    if choice.name == "few" or (choice.name == "unfitted" and wanted):
        yield f"How sure the hits are is not known: {choice.reason}"


def only_weak(hits: Sequence[Hit]) -> Iterator[str]:
    """Say what it means that no hit has a label, where their labels are known.

    Most right answers of a small encoder have none (docs/confidence.md), so this is no warning.
    """
    if hits and all(hit.confidence and hit.confidence.label == "weak" for hit in hits):
        yield (
            "Scores alone do not tell whether one of these answers; if the documents hold the "
            "answer, it is often among the first"
        )


def nothing_found(retriever: Retriever, asked: Asked, used: Sequence[str]) -> str:
    """Say why there may be no hit, and what to do.

    Args:
        retriever: Where it was searched.
        asked: What was searched for.
        used: The options that left passages out.
    """
    strange = [*absent(retriever, asked.filters)]
    if not retriever.languages():
        return "Nothing found: the index holds no passages. See: python -m indexer ls"
    if strange:
        return f"Nothing found: {'; '.join(strange)}."
    if used:
        *first, last = used
        options = f"{', '.join(first)} or {last}" if first else last
        return f"Nothing found: loosen {options}."
    if asked.mode == "lexical":
        return (
            "Nothing found: no passage holds a word of the question that counts. "
            "Search by meaning too: --mode hybrid"
        )
    return "Nothing found."
