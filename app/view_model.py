"""hits -> cards: what the page shows, as plain values. Nothing in here knows Streamlit.

Every text that comes from a document, a file name or an index is cleaned here: one line, no control
characters, no bidi overrides. It stays plain text; app/markup.py turns it into text nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from app.examples import Example, read_examples
from indexer.language import language_name
from indexer.store import Unread
from retriever.context import also_in, cite
from retriever.hit import Hit, Label
from retriever.retriever import Retriever
from retriever.snippet import Snippet, Snippets, clean_line, clean_spans, without_rules
from retriever.why import Why

# More sentences than these say nothing more about why a hit was found.
MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Card:
    """A hit as the page shows it.

    Attributes:
        rank: 1 is the best.
        score: Three decimals.
        score_kind: Names the score: "cosine".
        language: Its code: "ja".
        language_name: Its English name: "Japanese".
        source: Path of the file in its folder.
        page: 1-based; None where the format knows no pages.
        heading: The heading above the passage, else the document's title; may be empty.
        before, best, after: The snippet; `best` is the sentence that carried most of the score, but
            for those that cards above show.
        paragraphs: The whole passage.
        confidence: How likely it answers; None where that is unknown.
        also_in: The languages of translations that were folded into it: "fr, de, ja".
        also_at: Each of these passages: "manual.fr.pdf, page 3 (French)".
        why: The sentences that carried most, the first one first.
        words_known: Whether the encoder shows which words carried the score.
    """

    rank: int
    score: str
    score_kind: str
    language: str
    language_name: str
    source: str
    page: int | None
    heading: str
    before: str
    best: str
    after: str
    paragraphs: tuple[str, ...]
    confidence: Label | None = None
    also_in: str = ""
    also_at: tuple[str, ...] = ()
    why: tuple["Reason", ...] = ()
    words_known: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence that carried a hit's score.

    Attributes:
        score: Two decimals.
        parts: The sentence in pieces; True for words that carried much.
    """

    score: str
    parts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class LanguageCount:
    """A language of the index and its number of passages."""

    code: str
    name: str
    passages: int


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What the page says about the index.

    Attributes:
        folder: The folder of documents.
        languages: The most frequent first.
        commercial_use: Whether the licence of the encoder allows it.
        dim: Length of a vector.
        built: When the last build finished: "2026-11-23 15:23 UTC"; empty while unfinished.
        unread: The files that are not in the index, and why.
        unfinished: A build is running, or was interrupted.
        examples: Questions to begin with; none where the folder brings none.
    """

    folder: str
    documents: int
    passages: int
    languages: tuple[LanguageCount, ...]
    encoder: str
    licence: str
    commercial_use: bool
    dim: int
    built: str
    unread: tuple[Unread, ...]
    unfinished: bool
    examples: tuple[Example, ...] = ()


def cards(hits: Sequence[Hit], whys: Sequence[Why], snippets: Snippets) -> tuple[Card, ...]:
    """Make the cards of hits and what explains them, in the same order.

    Args:
        hits: Some of one search, the next after those that there are cards of.
        whys: What explains them.
        snippets: Of this search.
    """
    pairs = zip(hits, whys, strict=True)
    return tuple(_card(hit, why, snippets.show(hit, why)) for hit, why in pairs)


def language_counts(passages_in: dict[str, int]) -> tuple[LanguageCount, ...]:
    """Name the languages of an index; the order is kept."""
    return tuple(
        LanguageCount(clean_line(code), clean_line(language_name(code)), number)
        for code, number in passages_in.items()
    )


def index_facts(retriever: Retriever) -> IndexFacts:
    """Read what the page says about an index.

    Raises:
        RagError: The index cannot be read.
    """
    index = retriever.index
    with index.reading() as database:
        sources = {document.source for document in index.documents(database)}
        unread = index.unread(database)
        finished = index.finished_at_utc(database)
    languages = language_counts(retriever.languages())
    spec = retriever.encoder.spec  # not the manifest's: that one may come from a stranger
    return IndexFacts(
        folder=clean_line(index.manifest.corpus_root),
        documents=len(sources),
        passages=sum(language.passages for language in languages),
        languages=languages,
        encoder=clean_line(spec.name),
        licence=clean_line(spec.licence),
        commercial_use=spec.commercial_use,
        dim=spec.dim,
        built=_minute(finished),
        unread=tuple(Unread(clean_line(u.source), clean_line(u.reason)) for u in unread),
        unfinished=not finished,
        examples=read_examples(Path(index.manifest.corpus_root), sources),
    )


def _card(hit: Hit, why: Why, snippet: Snippet) -> Card:
    passage, text = hit.passage, snippet.text
    paragraphs = (clean_line(line) for line in passage.text.split("\n"))
    return Card(
        rank=hit.rank,
        score=f"{hit.score:.3f}",
        score_kind=hit.score_kind,
        language=clean_line(passage.language),
        language_name=clean_line(language_name(passage.language)),
        source=clean_line(passage.source),
        page=passage.page,
        heading=clean_line(passage.heading) or clean_line(passage.title),
        before=text[: snippet.best_start],
        best=text[snippet.best_start : snippet.best_end],
        after=text[snippet.best_end :],
        paragraphs=tuple(paragraph for paragraph in paragraphs if paragraph),
        confidence=None if hit.confidence is None else hit.confidence.label,
        also_in=also_in(hit),
        also_at=tuple(
            f"{cite(other)} ({clean_line(language_name(other.language))})" for other in hit.also_in
        ),
        why=_reasons(passage.text, why),
        words_known=why.by == "tokens",
    )


def _reasons(text: str, why: Why) -> tuple[Reason, ...]:
    first = sorted(why.sentences, key=lambda sentence: -sentence.score)[:MOST_REASONS]
    reasons = []
    for sentence in first:
        words = [
            (word.start - sentence.start, word.end - sentence.start)
            for word in why.words
            if sentence.start <= word.start and word.end <= sentence.end
        ]
        line, spans = clean_spans(*without_rules(text[sentence.start : sentence.end], words))
        cuts = [0, *(at for span in spans for at in span), len(line)]
        parts = [(line[a:b], bool(i % 2)) for i, (a, b) in enumerate(pairwise(cuts)) if a < b]
        reasons.append(Reason(f"{sentence.score:.2f}", tuple(parts)))
    return tuple(reasons)


def _minute(at_utc: str) -> str:
    try:
        moment = datetime.fromisoformat(at_utc)
    except ValueError:
        return clean_line(at_utc)
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
