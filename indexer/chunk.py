"""document -> passages: spans that an encoder can read whole, cut where a reader would cut."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from encoder.errors import UsageError
from encoder.spec import Encoder, TokenEnds
from indexer.boundaries import (
    Offsets,
    last_grapheme_end,
    last_word_end,
    paragraph_ends,
    sentence_ends,
)
from indexer.document import Document
from indexer.language import detect_languages

# How much emptier a passage may be so that it ends at a better place, as a share of its size.
PARAGRAPH_BONUS, HEADING_BONUS, LINE_BONUS = 0.25, 0.4, 0.05
# A heading at the end of a passage is worse than any other sentence end.
AFTER_HEADING_BONUS = -1.0
# Text that is tokenised at once; keeps the memory for a 64 MB document small.
BLOCK_CHARS = 262_144
# Tokens by which a passage on its own may differ from the same span inside its document: a word
# that was cut gives other pieces. Where words stand alone and none was cut, only the mark of a
# word's start may be counted on the other side.
CUT_SLACK_TOKENS, WHOLE_WORDS_SLACK_TOKENS = 8, 1
# What every tokeniser of words takes for white space.
BLANKS = " \n\t"


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents are cut into passages, in tokens of the encoder.

    Attributes:
        max_tokens: Most tokens of a passage; special tokens and template are not counted.
        overlap_tokens: At most this many tokens of whole sentences are repeated in the next one.
    """

    max_tokens: int = 256
    overlap_tokens: int = 32

    def check(self, encoder: Encoder) -> None:
        """Refuse settings that no passage could satisfy.

        Raises:
            UsageError: A value is out of range for this encoder.
        """
        if not 8 <= self.max_tokens <= encoder.passage_room:
            raise UsageError(
                f"--max-tokens is {self.max_tokens}; {encoder.spec.name} takes 8 to "
                f"{encoder.passage_room}.",
                "Choose a value in this range; 256 suits most documents.",
            )
        if not 0 <= self.overlap_tokens <= self.max_tokens // 2:
            raise UsageError(
                f"--overlap is {self.overlap_tokens}; with --max-tokens {self.max_tokens} it can "
                f"be 0 to {self.max_tokens // 2}.",
                "Choose a value in this range; 32 suits most documents.",
            )


@dataclass(frozen=True, slots=True)
class Passage:
    """A half-open span [start, end) of its document's text: what is embedded, ranked and shown.

    Attributes:
        start, end: Code points in the document's text.
        page: 1-based page where it starts; None where the format knows no pages.
        heading: Text of the heading that it stands under; may be empty.
        language: BCP 47 code, or "und" where it cannot be told.
        tokens: Its length in tokens of the encoder, counted inside the document.
        text: The span's text, without white space at its ends.
    """

    start: int
    end: int
    page: int | None
    heading: str
    language: str
    tokens: int
    text: str


def chunk_document(document: Document, encoder: Encoder, chunking: Chunking) -> tuple[Passage, ...]:
    """Cut a document into passages whose spans together cover its text, in order."""
    page_starts = [page.start for page in document.pages]
    heading_starts = [heading.start for heading in document.headings]
    spans = _Cutter(document, encoder, chunking).spans()
    texts = [document.text[start:end].strip() for start, end, _ in spans]
    passages = []
    for (start, end, tokens), text, language in zip(
        spans, texts, detect_languages(texts), strict=True
    ):
        first = document.text.index(text, start) if text else start
        at_page = bisect_right(page_starts, first) - 1
        at_heading = bisect_right(heading_starts, first) - 1
        heading = ""
        if at_heading >= 0:
            span = document.headings[at_heading]
            heading = document.text[span.start : span.end].strip()
        page = document.pages[at_page].number if at_page >= 0 else None
        passages.append(Passage(start, end, page, heading, language, tokens, text))
    return tuple(passages)


class _Cutter:
    """The offsets of one document where it may be cut, and the walk over them."""

    def __init__(self, document: Document, encoder: Encoder, chunking: Chunking) -> None:
        self.text = document.text
        self.encoder = encoder
        self.chunking = chunking
        sentences = sentence_ends(self.text)
        # As views: bisect answers for one offset ten times as fast as numpy does.
        self.sentences = sentences.data
        self.ends = _token_ends(self.text, sentences, encoder).data
        self.bonus = self._bonuses(document)

    def spans(self) -> list[tuple[int, int, int]]:
        """Return (start, end, tokens) of each passage."""
        spans: list[tuple[int, int, int]] = []
        start, done = 0, 0
        while done < len(self.text):
            end = self._end(start, done)
            spans.append((start, end, self._count(start, end)))
            start, done = self._next_start(start, end), end
        return spans

    def _bonuses(self, document: Document) -> dict[int, float]:
        """How good a place to end an offset is, beyond being a sentence's or a line's end."""
        paragraphs = {int(end): PARAGRAPH_BONUS for end in paragraph_ends(self.text)}
        headings = {heading.start: HEADING_BONUS for heading in document.headings}
        stranded = {self._past_space(h.end): AFTER_HEADING_BONUS for h in document.headings}
        return paragraphs | stranded | headings

    def _count(self, start: int, end: int) -> int:
        return bisect_right(self.ends, end) - bisect_right(self.ends, start)

    def _end(self, start: int, done: int) -> int:
        """The best end after `done` of a passage that begins at `start`."""
        most = limit = self.chunking.max_tokens
        while True:
            end = self._end_within(start, done, limit)
            if self._count(start, end) + self._slack(start, end) <= most or limit <= 1:
                return end
            alone = len(self.encoder.token_ends(self.text[start:end]))
            if alone <= most:
                return end
            limit -= max(1, alone - most)

    def _slack(self, start: int, end: int) -> int:
        whole = self.encoder.words_stand_alone and all(
            at in (0, len(self.text)) or self.text[at - 1] in BLANKS for at in (start, end)
        )
        return WHOLE_WORDS_SLACK_TOKENS if whole else CUT_SLACK_TOKENS

    def _end_within(self, start: int, done: int, limit: int) -> int:
        first = bisect_right(self.ends, start)
        if len(self.ends) - first <= limit:
            return len(self.text)
        furthest = self._past_space(self.ends[first + limit - 1])
        half = max(done, start, self.ends[first + limit // 2 - 1] if limit > 1 else start)
        return self._best_sentence_end(start, half, furthest) or self._forced_end(half, furthest)

    def _best_sentence_end(self, start: int, half: int, furthest: int) -> int | None:
        low, high = bisect_right(self.sentences, half), bisect_right(self.sentences, furthest)
        best, best_value = None, -2.0
        size = max(1, furthest - start)
        for end in self.sentences[low:high]:
            bonus = self.bonus.get(end)
            if bonus is None:
                bonus = LINE_BONUS if self.text[end - 1] == "\n" else 0.0
            value = (end - start) / size + bonus
            if value >= best_value:
                best, best_value = end, value
        return best

    def _forced_end(self, low: int, high: int) -> int:
        """No sentence ends in reach: cut after a word, else between graphemes, else anywhere."""
        end = last_word_end(self.text, low, high) or last_grapheme_end(self.text, low, high)
        return end or max(high, low + 1)

    def _next_start(self, start: int, end: int) -> int:
        """Go back by whole sentences within the allowed overlap."""
        back = max(0, bisect_right(self.ends, end) - self.chunking.overlap_tokens)
        earliest = self.ends[back - 1] if back else 0
        place = bisect_left(self.sentences, max(earliest, start + 1))
        if place < len(self.sentences) and self.sentences[place] < end:
            return self.sentences[place]
        return end

    def _past_space(self, offset: int) -> int:
        while offset < len(self.text) and self.text[offset].isspace():
            offset += 1
        return offset


def _token_ends(text: str, sentences: Offsets, encoder: Encoder) -> TokenEnds:
    """Tokenise a text block by block, each ending at a sentence where one is near."""
    parts, start = [np.empty(0, np.int64)], 0
    while start < len(text):
        place = int(np.searchsorted(sentences, start + BLOCK_CHARS, side="right")) - 1
        end = int(sentences[place]) if place >= 0 else 0
        if end <= start:
            end = min(len(text), start + BLOCK_CHARS)
        parts.append(encoder.token_ends(text[start:end]) + start)
        start = end
    return np.concatenate(parts)
