"""The index on disk: its writer and its reader.

    index/
      manifest.json     what never changes within a generation; replaced atomically (manifest.py)
      write.lock        one writer: an OS lock, never the file's existence
      g0001/
        corpus.sqlite   the truth: documents, passages, the commit's number and its row count
        vectors.bin     the truth: raw little-endian rows, append-only
        corpus.sqlite.sha256   there only while nobody writes (seal.py)

A passage's primary key is its row in vectors.bin; rows are never used again within a generation.

Commit: append the rows and fsync them; then one SQLite transaction (synchronous=FULL) with the
documents, the passages, next_row and commit_id. Whatever lies behind next_row in vectors.bin was
never committed, and the next writer cuts it off. A document too long for one commit is stored in
parts: until its last part is there its stage is "partial" and it is not searched. What an
interrupted build leaves at that stage is "left behind", and lends its vectors to the next build.

Readers never write. Each search uses one short read transaction; commit_id tells a long-lived
reader that something has changed.
"""

from indexer.store.database import DATABASE, Unread, storage_errors
from indexer.store.reader import Index, Snapshot, StoredDocument, StoredPassage, open_index
from indexer.store.rows import text_key
from indexer.store.writer import IndexWriter, Part, lock_for_writing

__all__ = [
    "DATABASE",
    "Index",
    "IndexWriter",
    "Part",
    "Snapshot",
    "StoredDocument",
    "StoredPassage",
    "Unread",
    "lock_for_writing",
    "open_index",
    "storage_errors",
    "text_key",
]
