"""LangChain: a `BaseRetriever`, and a `TextSplitter` that cuts every script where it may be cut.

LangChain's own FAISS store passes inner products through a conversion for distances, which turns
the ranking around; here nothing is converted.
"""

from datetime import datetime
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_text_splitters import TextSplitter
from pydantic import ConfigDict

from encoder.spec import Encoder
from indexer.chunk import Chunking, chunk_document
from indexer.document import Document as IndexedDocument
from retriever.hit import Hit, SearchMode
from retriever.retriever import Retriever


class CrosstongueRetriever(BaseRetriever):
    """Finds LangChain documents in an index; pass it a `Retriever` that is open.

    Attributes:
        retriever: The index.
        k: Most documents wanted; `invoke(query, k=3)` overrides it.
        languages: Only passages in these languages (BCP 47); empty for all.
        path: Only sources that match this pattern in gitignore syntax.
        formats: Only documents of these formats; empty for all.
        modified_after, modified_before: Only files last written to in this half-open span.
        per_document: Most hits of one source; None for any number.
        mode: "hybrid" finds by meaning and words, "dense" and "lexical" by one of them.
        min_score: Only documents of at least this similarity.
        instruction: The task put before the question; None takes the encoder's own.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Retriever
    k: int = 10
    languages: tuple[str, ...] = ()
    path: str | None = None
    formats: tuple[str, ...] = ()
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    per_document: int | None = None
    mode: SearchMode = "hybrid"
    min_score: float | None = None
    instruction: str | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        hits = self.retriever.search(
            query,
            self.k if k is None else k,
            languages=self.languages,
            path=self.path,
            formats=self.formats,
            modified_after=self.modified_after,
            modified_before=self.modified_before,
            per_document=self.per_document,
            mode=self.mode,
            min_score=self.min_score,
            instruction=self.instruction,
        )
        return [to_document(hit) for hit in hits]


class CrosstongueSplitter(TextSplitter):
    """Cuts texts into passages of the encoder's own tokens, in every script, losing nothing."""

    def __init__(self, encoder: Encoder, chunking: Chunking | None = None, **options: Any) -> None:
        """Take the encoder whose tokens count; `options` are those of `TextSplitter`."""
        super().__init__(**options)
        self._encoder = encoder
        self._chunking = chunking or Chunking()
        self._chunking.check(encoder)

    def split_text(self, text: str) -> list[str]:
        """Cut one text; blank passages are left out."""
        document = IndexedDocument("", "txt", "", text)
        passages = chunk_document(document, self._encoder, self._chunking)
        return [passage.text for passage in passages if passage.text]


def to_document(hit: Hit) -> Document:
    """A hit as LangChain knows it; `metadata["score"]` is a similarity."""
    passage = hit.passage
    return Document(
        page_content=passage.text,
        metadata={
            "source": passage.source,
            "page": passage.page,
            "heading": passage.heading,
            "language": passage.language,
            "start": passage.start,
            "end": passage.end,
            "rank": hit.rank,
            "score": hit.score,
            "score_kind": hit.score_kind,
        },
    )
