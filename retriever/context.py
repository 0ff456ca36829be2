"""hits -> LLM context: numbered passages that an answer can cite."""

from collections.abc import Sequence

from indexer.store import StoredPassage
from retriever.hit import AlsoIn, Hit
from retriever.snippet import clean_line


def format_context(hits: Sequence[Hit]) -> str:
    """Write the hits as numbered, citable blocks for a prompt.

    Passages are data: each stands between markers that it cannot forge, without control or
    invisible characters, so that it is hard to smuggle instructions in.

    Returns:
        "[1] manual.ja.pdf, page 3 (ja)" and the passage below it, one block a hit, best first;
        an empty text for no hits. What says the same elsewhere is named behind the first line's
        language: "; the same in: manual.fr.pdf, page 3 (fr)".
    """
    return "\n\n".join(
        f"[{hit.rank}] {cite(hit.passage)} ({clean_line(hit.passage.language)}){_also(hit)}\n"
        + "\n".join(f"> {line}" for line in _lines(hit.passage.text))
        for hit in hits
    )


def cite(passage: StoredPassage | AlsoIn) -> str:
    """Where a passage stands, for a person: "manual.ja.pdf, page 3"."""
    page = "" if passage.page is None else f", page {passage.page}"
    return f"{clean_line(passage.source)}{page}"


def also_in(hit: Hit) -> str:
    """Where else a hit's text is to be found: "fr, de, ja, 2 copies"; empty for nowhere."""
    languages = dict.fromkeys(
        clean_line(other.language) for other in hit.also_in if other.kind == "translation"
    )
    copies = sum(other.kind == "duplicate" for other in hit.also_in)
    named = [*languages, *([f"{copies} {'copy' if copies == 1 else 'copies'}"] if copies else [])]
    return ", ".join(named)


def _also(hit: Hit) -> str:
    if not hit.also_in:
        return ""
    places = (f"{cite(other)} ({clean_line(other.language)})" for other in hit.also_in)
    return f"; the same in: {', '.join(places)}"


def _lines(text: str) -> list[str]:
    return [clean for line in text.split("\n") if (clean := clean_line(line))]
