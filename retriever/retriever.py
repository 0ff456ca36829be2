"""question -> hits, every step in order.

check -> encode_queries -> look: Filters.allowed -> Ranking.searcher (meaning, words, fusion)
-> Shape.bounded -> folded; -> Shape.hits
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np

from encoder.spec import Encoder, Reranker
from indexer.card import CardChoice
from indexer.errors import IndexNotFound, StorageError
from indexer.language import detect_language, language_name
from indexer.lexical_index import LexicalDamage
from indexer.lexical_terms import Wanted
from indexer.manifest import FILE_NAME, Manifest, check_encoder, recorded_encoder
from indexer.store import Index, open_index
from retriever.ahead import read_ahead
from retriever.balance import BalanceMode, own_language_bonus
from retriever.dense_leg import Question
from retriever.errors import BlankQuery
from retriever.filters import Filters
from retriever.hit import Hit, SearchMode
from retriever.look import Asked, Looked, look
from retriever.question_words import quoted_phrases
from retriever.ranking import Ranking
from retriever.shape import Shape
from retriever.state import SearchState
from retriever.sure import ConfidenceChoice, choose_confidence
from retriever.words import WordsReplaced

# A score that counts for more than this part is not worth a word.
LEAST_WORTH_SAYING = 0.99


@dataclass(frozen=True, slots=True)
class BalanceChoice:
    """What language balance does for a question, and why."""

    mode: BalanceMode
    reason: str


class Retriever:
    """Finds passages in every language; several threads may use one."""

    def __init__(self, index_dir: Path, encoder: Encoder, state: SearchState) -> None:
        self.index_dir = index_dir
        self.encoder = encoder
        self._state = state
        # FAISS may not be added to, nor on a GPU be searched, by two threads at once.
        self._lock = threading.Lock()

    @classmethod
    def open(cls, index_dir: str | Path, encoder: Encoder | None = None) -> Self:
        """Open an index for searching.

        Args:
            index_dir: The folder that a build has made.
            encoder: The encoder it was made with; None loads it by the name that the index
                records, if that is a name of the registry.

        Raises:
            IndexNotFound: There is no index.
            IndexMismatch: The index and the encoder or this version of the program do not fit.
            IndexDamaged: The index contradicts itself.
            EncoderNotAvailable: The encoder cannot be loaded here.
        """
        index_dir = Path(index_dir)
        stamp = _stamp(index_dir)
        index = open_index(index_dir)
        read_ahead()
        if encoder is None:
            from encoder.load import load_encoder

            encoder = load_encoder(recorded_encoder(index.manifest))
        check_encoder(index.manifest, encoder)
        with index.reading() as database:
            return cls(index_dir, encoder, SearchState(index, stamp, database))

    @property
    def manifest(self) -> Manifest:
        """What the index says about itself."""
        return self._state.index.manifest

    @property
    def index(self) -> Index:
        """The index, for its documents and facts."""
        return self._state.index

    def languages(self) -> dict[str, int]:
        """Number of passages by language, the most frequent first."""
        snapshot = self._state.snapshot
        counts = np.bincount(snapshot.language_of[snapshot.live], minlength=len(snapshot.languages))
        pairs = zip(snapshot.languages, counts.tolist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    def formats(self) -> tuple[str, ...]:
        """The formats of the documents, by name."""
        return tuple(sorted(set(self._state.snapshot.formats)))

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        languages: Sequence[str] = (),
        path: str | None = None,
        formats: Sequence[str] = (),
        modified_after: datetime | None = None,
        modified_before: datetime | None = None,
        min_score: float | None = None,
        min_confidence: float | None = None,
        per_document: int | None = None,
        instruction: str | None = None,
        mode: SearchMode = "hybrid",
        balance: BalanceMode = "auto",
        rerank: Reranker | None = None,
        fold: bool = True,
    ) -> tuple[Hit, ...]:
        """Find the passages that answer a question, in whatever language they are written.

        Args:
            query: The question, in any language. What exceeds the encoder's limit is not read, and
                the encoder logs a warning.
            k: Most hits wanted, at least 1.
            languages: Only passages in these languages (BCP 47 codes, as in `Hit.passage`).
            path: Only sources that match this pattern in gitignore syntax: "manuals/", "*.pdf".
            formats: Only documents of these formats: "pdf", "md".
            modified_after: Only files last written to at this time or later.
            modified_before: Only files last written to before this time.
            min_score: Only hits of at least this score.
            min_confidence: Only hits that answer with at least this probability, in [0, 1]; those
                of which nothing is known pass.
            per_document: Most hits of one document, at least 1.
            instruction: The task put before the question; None takes the encoder's own.
            mode: "dense" ranks by meaning, "lexical" by the question's words, "hybrid" by both, so
                that names, numbers and rare words count. docs/search.md explains it.
            balance: "auto" takes the languages' own lean out of the ranking and lets the best
                passage in the question's language up to the first place if a little is enough for
                that; "full" does not let it up; "off" ranks by the raw cosine.
                docs/language-balance.md explains it.
            rerank: Ranks the first 50 hits, or k if that is more, by reading each passage together
                with the question; `encoder.reranker.load_reranker` loads one.
            fold: Near-duplicates and translations of one passage become one hit, which lists them
                (`Hit.also_in`); docs/folding.md explains it.

        Returns:
            Hits, best first. A filter never costs recall: the k best of what it lets through.

        Raises:
            BlankQuery: There is nothing to search for.
            UsageError: A number is below 1, the pattern or the times make no sense, or the encoder
                takes no instruction.
            WordsDamaged: Words alone are asked for, and the index has none that can be searched.
        """
        if not query.strip():
            raise BlankQuery
        filters = Filters(languages, path, formats, modified_after, modified_before)
        shape = Shape(k, min_score, per_document, min_confidence)
        ranking = Ranking(mode, balance)
        vector = self.encoder.encode_queries([query], instruction)[0]
        question = Question(query, vector, detect_language(query))
        asked = Asked(question, filters, shape, ranking, fold, reranked=rerank is not None)
        with self._lock:
            looked = None
            while looked is None:
                with suppress(WordsReplaced):  # a build has finished meanwhile: look again
                    looked = self._look(asked)
        found, scores, kind = looked.found, looked.scores, looked.kind
        if rerank is not None and found:
            scores = rerank.scores(query, [hit.passage.text for hit in found])
            kind = "reranked"
        found = tuple(replace(hit, confidence=c) for hit, c in zip(found, looked.sure, strict=True))
        return shape.hits(found, scores, looked.cosines, kind)

    def _look(self, asked: Asked) -> Looked:
        """Search the latest committed state."""
        self._follow_generation()
        with self._state.index.reading() as database:
            if self._state.index.commit_id(database) != self._state.snapshot.commit_id:
                self._state = SearchState(self._state.index, self._state.stamp, database)
            return look(self._state, database, asked)

    def balance_choice(self, query: str, balance: BalanceMode = "auto") -> BalanceChoice:
        """Say what `search` does about languages for this question."""
        if balance == "off":
            return BalanceChoice("off", "ranked by the raw cosine, as asked")
        if self._state.means is None:
            return BalanceChoice(
                "off", "ranked by the raw cosine: one language, or too few passages to tell"
            )
        fitted = "its own" if self._state.means.offsets is None else "its own and fitted"
        reason = f"each language's mean is taken away ({fitted} means)"
        language, rows = detect_language(query), self._state.rows
        if not rows.rows_in(language).any():
            return BalanceChoice(balance, reason)
        name = language_name(language)
        bonus, beside = (own_language_bonus(balance, beside_words=some) for some in (False, True))
        if bonus:
            reason += (
                f"; the best passage in {name} gets {bonus} more, or {beside:.3f} where words "
                "count, if it then is the first"
            )
        part, behind = (rows.own_part(balance, behind_own=own) for own in (False, True))
        if part < LEAST_WORTH_SAYING:
            reason += (
                f"; {rows.translated:.0%} of the passages are there in another language, too, so "
                f"behind the first those in {name} count {part:.2f} of their score, or "
                f"{behind:.2f} if it is one of them"
            )
        return BalanceChoice(balance, reason)

    def confidence_choice(
        self, filters: Filters, balance: BalanceMode = "auto"
    ) -> ConfidenceChoice:
        """Say whether `search` knows how likely its hits answer, and why."""
        with self._lock:
            passages = np.count_nonzero(filters.allowed(self._state.snapshot))
            return choose_confidence(self._state, balance, int(passages))

    def missing_phrases(self, query: str, filters: Filters) -> tuple[str, ...]:
        """The quoted phrases of a question that stand in no passage that the filters leave.

        Only its first phrases are looked for (`MOST_PHRASES`). None where the words of the index
        cannot be searched.
        """
        quoted = tuple(quoted_phrases(query))
        if not quoted:
            return ()
        with self._lock, self._state.index.reading() as database:
            if self._state.index.commit_id(database) != self._state.snapshot.commit_id:
                return ()  # a build has committed since the search; the next one will know
            allowed = filters.allowed(self._state.snapshot)
            try:
                words = self._state.words(database)
                if words.missing:
                    return ()
                return tuple(
                    written
                    for written, term in quoted
                    if not len(words.search(Wanted(((term, 1.0),)), 1, allowed).rows)
                )
            except (WordsReplaced, LexicalDamage):
                return ()

    def card_choice(self, balance: BalanceMode = "auto") -> CardChoice:
        """Say whether `search` scans the rows on a GPU, and why."""
        with self._lock:
            return self._state.choice(balance)

    def _follow_generation(self) -> None:
        """Change over to a new generation if a build has published one."""
        stamp = _stamp(self.index_dir)
        if stamp == self._state.stamp:
            return
        index = open_index(self.index_dir)
        check_encoder(index.manifest, self.encoder)
        with index.reading() as database:
            self._state = SearchState(index, stamp, database)


def _stamp(index_dir: Path) -> tuple[int, int]:
    """Changes whenever the manifest is replaced."""
    try:
        status = (index_dir / FILE_NAME).stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexNotFound(index_dir) from error
    except OSError as error:
        raise StorageError.refused(index_dir, error.strerror or str(error)) from error
    return status.st_mtime_ns, status.st_ino
