"""Compacting leaves out dead rows and nothing else, whatever happens meanwhile."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

import indexer.cli
from indexer import compact as compact_module
from indexer.backup import back_up
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.compact import Compaction, compact_index
from indexer.errors import IndexLocked, IndexNotFound
from indexer.options import BuildOptions
from indexer.store import IndexWriter, lock_for_writing, open_index
from indexer.verify import verify_index
from retriever.hit import SearchMode
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder
from tests.test_build import texts_and_vectors

# How often the folder changes under its readers; more with CROSSTONGUE_TEST_ROUNDS.
ROUNDS = int(os.environ.get("CROSSTONGUE_TEST_ROUNDS", "3"))


def edit(corpus_dir: Path, index_dir: Path) -> None:
    """Leave two of six rows dead."""
    (corpus_dir / "animals.txt").write_text("Der Zug fährt.", encoding="utf-8")
    (corpus_dir / "weather.txt").write_text("猫と電車。", encoding="utf-8")
    build_index(corpus_dir, index_dir, ConceptEncoder())


def test_compacting_keeps_everything_but_dead_rows(corpus_dir: Path, index_dir: Path) -> None:
    edit(corpus_dir, index_dir)
    before = texts_and_vectors(index_dir)
    retriever = Retriever.open(index_dir, ConceptEncoder())
    hits = retriever.search("cat", k=9, fold=False)
    assert compact_index(index_dir) == Compaction(6, 4, "g0002")
    assert texts_and_vectors(index_dir) == before
    assert verify_index(index_dir)["checked"] == "every byte"
    assert (index_dir / "g0002" / "vectors.bin").stat().st_size == 4 * 6 * 4
    after = retriever.search("cat", k=9, fold=False)
    assert [(h.score, h.passage.source) for h in after] == [
        (h.score, h.passage.source) for h in hits
    ]


def test_the_old_generation_stays_until_the_next_build(corpus_dir: Path, index_dir: Path) -> None:
    edit(corpus_dir, index_dir)
    old = open_index(index_dir)
    compact_index(index_dir)
    with old.reading() as database:
        assert len(old.documents(database)) == 4
    report = build_index(corpus_dir, index_dir, ConceptEncoder())
    assert (report.unchanged, report.encoded) == (4, 0)
    assert [path.name for path in index_dir.glob("g*")] == ["g0002"]


def test_an_index_without_dead_rows_stays_as_it_is(index_dir: Path) -> None:
    assert compact_index(index_dir) == Compaction(4, 4, "g0001")
    assert not (index_dir / "g0002").exists()


def test_what_an_unfinished_build_has_encoded_survives(corpus_dir: Path, index_dir: Path) -> None:
    edit(corpus_dir, index_dir)
    manifest = open_index(index_dir).manifest
    with IndexWriter.open(index_dir, manifest, lock_for_writing(index_dir)) as writer:
        writer.mark_unfinished()
        writer._database.execute(
            "UPDATE documents SET stage = 'partial' WHERE source = 'garantie.html'"
        )
    compact_index(index_dir)
    report = build_index(corpus_dir, index_dir, ConceptEncoder())
    assert (report.read, report.encoded) == (1, 0)
    assert len(texts_and_vectors(index_dir)) == 4


def test_a_build_compacts_when_too_much_is_dead(
    corpus_dir: Path, index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact_module, "DEAD_ROWS", 1)
    edit(corpus_dir, index_dir)
    assert open_index(index_dir).manifest.generation == "g0002"
    build_index(corpus_dir, index_dir, ConceptEncoder())
    assert open_index(index_dir).manifest.generation == "g0002"
    assert verify_index(index_dir)["rows"] == 4


def test_compacting_is_refused_where_there_is_no_index_or_a_build_is_at_work(
    index_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(IndexNotFound):
        compact_index(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    lock = lock_for_writing(index_dir)
    with pytest.raises(IndexLocked):
        compact_index(index_dir)
    lock.release()


def test_the_command_says_what_it_did(
    corpus_dir: Path, index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(corpus_dir, index_dir)
    assert indexer.cli.main(["compact", "--index", str(index_dir)]) == 0
    assert capsys.readouterr().out == "2 of 6 rows were dead. In use: g0002\n"
    assert indexer.cli.main(["compact", "--index", str(index_dir), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows_after"] == 4


def test_a_compacted_index_takes_updates(corpus_dir: Path, index_dir: Path, tmp_path: Path) -> None:
    edit(corpus_dir, index_dir)
    compact_index(index_dir)
    (corpus_dir / "new.txt").write_text("Das Brot.", encoding="utf-8")
    build_index(corpus_dir, index_dir, ConceptEncoder())
    options = BuildOptions(chunking=Chunking())
    build_index(corpus_dir, tmp_path / "clean", ConceptEncoder(), options)
    assert texts_and_vectors(index_dir) == texts_and_vectors(tmp_path / "clean")
    assert verify_index(index_dir)["verdict"] == "sound"


# By meaning and words together, and by words alone.
QUESTIONS: tuple[tuple[str, SearchMode], ...] = (("cat", "hybrid"), ("Katze", "lexical"))


def write_state(corpus_dir: Path, number: int) -> None:
    for name in ("a", "b", "c", "d"):
        (corpus_dir / f"{name}.txt").write_text(f"Die Katze {number}.", encoding="utf-8")


def test_eight_readers_and_a_backup_see_one_committed_state_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus_dir, index_dir = tmp_path / "docs", tmp_path / "index"
    corpus_dir.mkdir()
    write_state(corpus_dir, 0)
    build_index(corpus_dir, index_dir, ConceptEncoder())
    seen: list[set[str]] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                retriever = Retriever.open(index_dir, ConceptEncoder())
                for _ in range(5):
                    for question, mode in QUESTIONS:
                        hits = retriever.search(question, k=50, fold=False, mode=mode)
                        assert len(hits) == 4, (question, mode)
                        seen.append({hit.passage.text for hit in hits})
        except BaseException as error:
            failed.append(error)
            raise

    readers = [threading.Thread(target=look) for _ in range(8)]
    for reader in readers:
        reader.start()
    for number in range(1, ROUNDS + 1):
        write_state(corpus_dir, number)
        build_index(corpus_dir, index_dir, ConceptEncoder())
        back_up(index_dir, tmp_path / f"copy-{number}")
        compact_index(index_dir)
        time.sleep(0.2)
    done.set()
    for reader in readers:
        reader.join(60)
    assert failed == []
    assert "cannot be searched" not in caplog.text  # nobody was left without words
    assert {len(texts) for texts in seen} == {1}  # never two states in one answer
    assert len({text for texts in seen for text in texts}) >= (ROUNDS + 1) // 2
    for number in range(1, ROUNDS + 1):
        assert verify_index(tmp_path / f"copy-{number}")["checked"] == "every byte"
