"""The tantivy structure over the words of passages. The only module that knows tantivy.

A document of it is a passage: its row, the words of its text in order, further forms of them, pairs
of characters (words.py), the words of what stands above it, its title and headings, and its
language.
"""

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from math import log as ln
from pathlib import Path
from typing import Self

import numpy as np
import tantivy

from indexer.card import Mask
from indexer.lexical_terms import Field, Found, LexicalText, Spelling, Term, Wanted
from indexer.words import WORDS_VERSION, Words, find_words

# Fields in which it counts how often a token stands; the others hold each once.
COUNTED = ("words", "grams")
# Of BM25 as tantivy has it, and what it then gives, as a share of the most, for a token that stands
# once in a passage of average length.
K1 = 1.2
ONCE = 1 / (1 + K1)

# What an index was made with: another version reads it wrongly or not at all.
RECIPE = f"words {WORDS_VERSION}, tantivy {version('tantivy')}"
WRITER_BYTES = 64_000_000
# Filters are applied to what is found: rare words stand in few passages, and naming the allowed
# rows to tantivy took longer (50 ms for 1,000 of them, 2 to 10 ms for reading all that is found).
FIRST_HITS = 1024


# Stands in every passage: so it is seen whether deleted ones still count.
IN_ALL = "|"


class LexicalDamage(Exception):
    """The files are not those of such an index."""


class LexicalIndex:
    """Finds the passages in which terms stand."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        index.config_reader("manual")
        self._searcher = index.searcher()
        self._has_deleted = self._searcher.doc_freq("above", IN_ALL) != self._searcher.num_docs

    @classmethod
    def in_memory(cls, texts: Iterable[LexicalText]) -> Self:
        """Index texts without writing anything."""
        index = tantivy.Index(_schema())
        _write(index, texts, ())
        index.reload()
        return cls(index)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder; tantivy puts a lock file into it. Its files must have been checked.

        Raises:
            LexicalDamage: It is not the folder of such an index.
        """
        with _damage():
            index = tantivy.Index.open(str(folder))
            return cls(index)

    @property
    def passages(self) -> int:
        """How many passages are in it."""
        return int(self._searcher.num_docs)

    def frequency(self, term: Term) -> int:
        """How many passages hold a term; at least so many, where it has several spellings."""
        with _damage():
            return max(
                min(self._live(spelling.field, token) for token in spelling.tokens)
                for spelling in term.spellings
            )

    def frequency_above(self, term: Term) -> int:
        """Above how many passages a term stands; at least so many, if it has several spellings."""
        tokens = [spelt.tokens[0] for spelt in term.spellings if spelt.field == "above"]
        with _damage():
            return max((self._live("above", token) for token in tokens), default=0)

    def elsewhere(self, term: Term, language: str) -> int:
        """How many passages hold a term and are not in a language."""
        queries = [_spelling_query(self._index.schema, spelling) for spelling in term.spellings]
        holding = _any(queries)
        own = tantivy.Query.term_query(self._index.schema, "language", language, "basic")
        elsewhere = tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, holding), (tantivy.Occur.MustNot, own)]
        )
        with _damage():
            return self._count(elsewhere)

    def passages_in(self, language: str) -> int:
        """How many passages are in a language."""
        with _damage():
            return self._live("language", language)

    def _live(self, field: Field, token: str) -> int:
        """How many passages hold a token, deleted ones left out."""
        if not self._has_deleted:
            return int(self._searcher.doc_freq(field, token))
        return self._count(_spelling_query(self._index.schema, Spelling(field, (token,))))

    def _count(self, query: tantivy.Query) -> int:
        result = self._searcher.search(query, limit=1, count=True)
        return int(result.count)  # type: ignore[attr-defined] # not in its stub (0.27.0)

    def search(self, wanted: Wanted, limit: int, allowed: Mask | None = None) -> Found:
        """Find the passages in which the terms found count most.

        Args:
            wanted: What is looked for.
            limit: Most passages wanted.
            allowed: Shape (rows,); False keeps a row out.
        """
        queries = [query for term, weight in wanted.terms for query in self._term(term, weight)]
        above = [
            tantivy.Query.const_score_query(_spelling_query(self._index.schema, spelling), weight)
            for term, weight in wanted.above
            for spelling in term.spellings
            if spelling.field == "above"
        ]
        if above:
            queries.append(tantivy.Query.disjunction_max_query(above))
        return self._search(_any(queries), limit, allowed)

    def _term(self, term: Term, weight: float) -> Iterator[tantivy.Query]:
        """What a passage gets for its text, and for what stands above it."""
        spelt = [
            (spelling, _spelling_query(self._index.schema, spelling)) for spelling in term.spellings
        ]
        text = [
            tantivy.Query.boost_query(query, weight * spelling.weight / self._most(spelling))
            if spelling.field in COUNTED
            else tantivy.Query.const_score_query(query, weight * spelling.weight * ONCE)
            for spelling, query in spelt
            if spelling.field != "above"
        ]
        above = [
            tantivy.Query.const_score_query(query, weight * spelling.weight)
            for spelling, query in spelt
            if spelling.field == "above"
        ]
        yield from (tantivy.Query.disjunction_max_query(part) for part in (text, above) if part)

    def _most(self, spelling: Spelling) -> float:
        """What BM25 gives at most for it, so that its score becomes a share of 1."""
        everything = self._searcher.doc_freq("above", IN_ALL)
        held = (self._searcher.doc_freq(spelling.field, token) for token in spelling.tokens)
        rarity = sum(ln(1 + (everything - n + 0.5) / (n + 0.5)) for n in held)
        return (1 + K1) * max(rarity, 1e-6)

    def bm25(self, terms: Sequence[Term], limit: int, allowed: Mask | None = None) -> Found:
        """Find the passages that BM25 ranks first."""
        schema = self._index.schema
        queries = [
            tantivy.Query.boost_query(_spelling_query(schema, spelling), spelling.weight)
            for term in terms
            for spelling in term.spellings
        ]
        return self._search(_any(queries), limit, allowed)

    def _search(self, query: tantivy.Query, limit: int, allowed: Mask | None) -> Found:
        wanted = min(limit, FIRST_HITS)
        while True:
            with _damage():
                hits = self._searcher.search(query, limit=wanted, count=False).hits
                values = self._searcher.fast_field_values("row", [hit[1] for hit in hits])
            rows = np.array(values, np.int64)
            scores = np.array([hit[0] for hit in hits], np.float32)
            if allowed is not None and rows.size:
                if rows.min() < 0 or rows.max() >= len(allowed):
                    raise LexicalDamage("it names rows that are not there")
                rows, scores = rows[allowed[rows]], scores[allowed[rows]]
            at_end = len(hits) < wanted
            if at_end or len(rows) >= limit:
                return Found(rows[:limit], scores[:limit], at_end and len(rows) <= limit)
            wanted *= 8


def update(folder: Path, texts: Iterable[LexicalText], gone: Sequence[int]) -> None:
    """Add passages to the index in a folder, made if it is empty, and take those rows out.

    Raises:
        OSError: It cannot be written; most often the disk is full, but tantivy does not say.
    """
    try:
        _write(tantivy.Index(_schema(), str(folder)), texts, gone)
    except ValueError as error:
        raise OSError(errno.EIO, f"its words could not be written ({error})") from error


def _write(index: tantivy.Index, texts: Iterable[LexicalText], gone: Sequence[int]) -> None:
    # One thread: the same passages make the same index.
    with index.writer(WRITER_BYTES, 1) as writer:
        if gone:
            named = tantivy.Query.term_set_query(index.schema, "row", [*gone])
            writer.delete_documents_by_query(named)
        for text in texts:
            writer.add_document(_document(text))
        writer.commit()
        writer.wait_merging_threads()


def _document(text: LexicalText) -> tantivy.Document:
    words = find_words(text.text)
    document = tantivy.Document()
    document.add_unsigned("row", text.row)
    document.add_text("words", " ".join(words.words))
    document.add_text("forms", " ".join(words.forms))
    document.add_text("grams", " ".join(words.grams))
    document.add_text("language", text.language)
    document.add_text("above", " ".join((IN_ALL, *_all_forms(find_words(text.above)))))
    return document


def _all_forms(words: Words) -> Iterator[str]:
    yield from dict.fromkeys((*words.words, *words.forms))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    for name, option in (
        ("words", "position"), ("forms", "freq"), ("grams", "position"), ("above", "freq"),
        ("language", "basic"),
    ):  # fmt: skip
        # The texts are words already, with spaces between them.
        builder.add_text_field(name, tokenizer_name="whitespace", index_option=option)
    return builder.build()


def _any(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _spelling_query(schema: tantivy.Schema, spelling: Spelling) -> tantivy.Query:
    if len(spelling.tokens) > 1:
        return tantivy.Query.phrase_query(schema, spelling.field, [*spelling.tokens])
    option = {"words": "position", "grams": "position", "language": "basic"}.get(
        spelling.field, "freq"
    )
    return tantivy.Query.term_query(schema, spelling.field, spelling.tokens[0], option)


@contextmanager
def _damage() -> Iterator[None]:
    """Tell damage from what else may go wrong; tantivy says it in many ways."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise LexicalDamage(str(error)) from error
    except BaseException as error:
        # Rust's panics come as an exception that has no name of its own to catch.
        if type(error).__name__ != "PanicException":
            raise
        raise LexicalDamage(str(error)) from error
