"""Cut a folder of documents with our chunker and with langchain's RecursiveCharacterTextSplitter.

    python benchmarks/chunking.py FOLDER [--max-tokens 256] [--overlap 32]

Both get the same cleaned text of each document and the same limit; langchain's length function is
the tokeniser of e5-small, as its own `from_huggingface_tokenizer` sets it. They take turns document
by document, so a busy machine slows both; there processor time tells more than MB/s. Ours hands
new words to the tokeniser many at once, which uses all cores for them as a build does (one core
with TOKENIZERS_PARALLELISM=false); langchain's asks for one text at a time. Ours is also shown
without telling the language of every passage, which langchain does not do. Counted are passages
above the limit by the same tokeniser, characters other than white space that no passage holds,
passages that end inside a word (by ICU's line breaks) or inside a sentence (by its sentence
breaks).
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from langchain_text_splitters import RecursiveCharacterTextSplitter
from tokenizers import Tokenizer

from encoder.bundled import unpacked_folder
from encoder.load import load_encoder
from encoder.spec import Encoder
from indexer.boundaries import last_word_end, sentence_ends
from indexer.chunk import Chunking, chunk_document
from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.language import detect_languages
from indexer.read import read_document, supported

Span = tuple[int, int]


@dataclass(slots=True)
class Tally:
    """What one chunker did so far."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    passages: int = 0
    above_limit: int = 0
    lost_chars: int = 0
    ends_in_word: int = 0
    ends_in_sentence: int = 0

    def add(self, text: str, spans: Sequence[Span], tokens: Sequence[int], limit: int) -> None:
        kept = bytearray(len(text))
        sentences = set(sentence_ends(text).tolist())
        for start, end in spans:
            kept[start:end] = b"\1" * (end - start)
            after = end
            while after < len(text) and text[after].isspace():
                after += 1
            self.ends_in_sentence += after not in sentences and after < len(text)
            inside = after == end and end < len(text)
            self.ends_in_word += inside and last_word_end(text, end - 1, end) != end
        self.passages += len(spans)
        self.above_limit += sum(count > limit for count in tokens)
        self.lost_chars += sum(
            not keep and not char.isspace() for keep, char in zip(kept, text, strict=True)
        )


def langchain_splitter(tokenizer: Tokenizer, chunking: Chunking) -> RecursiveCharacterTextSplitter:
    return RecursiveCharacterTextSplitter(
        chunk_size=chunking.max_tokens,
        chunk_overlap=chunking.overlap_tokens,
        length_function=lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
    )


def placed(text: str, passages: Sequence[str]) -> list[Span]:
    """Where passages stand in their text: each after the start of the one before it."""
    spans, start = [], -1
    for passage in passages:
        start = text.index(passage, start + 1)
        spans.append((start, start + len(passage)))
    return spans


def read_all(folder: Path) -> list[Document]:
    documents = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and supported(path)):
        try:
            documents.append(read_document(path, path.relative_to(folder).as_posix()))
        except UnreadableDocument as error:
            print(f"left out: {path.name}: {error.reason}", file=sys.stderr)
    return documents


def compare(documents: Sequence[Document], encoder: Encoder, chunking: Chunking) -> None:
    tokenizer = Tokenizer.from_file(str(unpacked_folder() / "tokenizer.json"))
    splitter = langchain_splitter(tokenizer, chunking)
    ours, theirs, languages = Tally(), Tally(), Tally()
    chunk_document(Document("", "txt", "", "Warm up."), encoder, chunking)
    for document in documents:
        with timed(ours):
            passages = chunk_document(document, encoder, chunking)
        with timed(languages):
            detect_languages([passage.text for passage in passages])
        with timed(theirs):
            parts = splitter.split_text(document.text)
        for tally, texts, spans in (
            (ours, [p.text for p in passages], [(p.start, p.end) for p in passages]),
            (theirs, parts, placed(document.text, parts)),
        ):
            encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
            tokens = [len(encoding.ids) for encoding in encodings]
            tally.add(document.text, spans, tokens, chunking.max_tokens)
    size = sum(len(document.text.encode()) for document in documents) / 1e6
    print(f"{len(documents)} documents, {size:.1f} MB, {chunking}")
    print(f"{'':10} {'MB/s':>5} {'MB/s of one processor':>21} {'passages':>8} "
          "above limit, lost, ends in a word, in a sentence")  # fmt: skip
    for name, tally in (("ours", ours), ("langchain", theirs)):
        print(
            f"{name:10} {size / tally.seconds:5.2f} {size / tally.cpu_seconds:21.2f} "
            f"{tally.passages:8} {tally.above_limit:11} {tally.lost_chars:5} "
            f"{tally.ends_in_word:15} {tally.ends_in_sentence:14}"
        )
    cutting = ours.cpu_seconds - languages.cpu_seconds
    print(f"time, langchain's by ours: {theirs.seconds / ours.seconds:.1f}")
    print(
        f"processor time, langchain's by ours: {theirs.cpu_seconds / ours.cpu_seconds:.1f}; "
        f"without telling languages {theirs.cpu_seconds / cutting:.1f}, {size / cutting:.2f} MB/s"
    )


@contextmanager
def timed(tally: Tally) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    tally.seconds += time.perf_counter() - wall
    tally.cpu_seconds += time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--overlap", type=int, default=32)
    given = parser.parse_args()
    encoder = load_encoder("e5-small", offline=True)
    compare(read_all(given.folder), encoder, Chunking(given.max_tokens, given.overlap))


if __name__ == "__main__":
    main()
