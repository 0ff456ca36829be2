"""A second build does only what has changed, and an interrupted one loses one window at most."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoder.errors import UsageError
from encoder.spec import Vectors
from indexer import build as build_module
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.errors import CorpusError, IndexLocked, IndexMismatch, RemovalGuard
from indexer.manifest import read_manifest, recorded_encoder
from indexer.options import BuildOptions
from indexer.plan import Changes, plan_build, plan_changes
from indexer.scan import Scan, SourceFile
from indexer.store import Unread, lock_for_writing, open_index
from indexer.verify import verify_index
from retriever.retriever import Retriever
from tests.concept_encoder import SPEC, ConceptEncoder


def texts_and_vectors(index_dir: Path) -> dict[tuple[str, int], tuple[str, list[float]]]:
    """Everything that a search can return, by source and start."""
    index = open_index(index_dir)
    with index.reading() as database:
        live = np.flatnonzero(index.snapshot(database).live)
        passages = index.passages(database, live.tolist())
    return {
        (p.source, p.start): (p.text, index.rows(p.row, p.row + 1)[0].tolist()) for p in passages
    }


def sources(index_dir: Path) -> list[str]:
    return sorted({source for source, _ in texts_and_vectors(index_dir)})


def test_nothing_is_encoded_when_nothing_has_changed(corpus_dir: Path, index_dir: Path) -> None:
    encoder = ConceptEncoder()
    report = build_index(corpus_dir, index_dir, encoder)
    assert (report.read, report.unchanged, report.encoded) == (0, 4, 0)
    assert encoder.encoded == [read_manifest(index_dir).probes[0].text]


def test_an_edited_document_is_read_again_and_its_old_text_is_gone(
    corpus_dir: Path, index_dir: Path
) -> None:
    (corpus_dir / "animals.txt").write_text("Der Zug fährt.", encoding="utf-8")
    report = build_index(corpus_dir, index_dir, ConceptEncoder())
    assert (report.read, report.unchanged) == (1, 3)
    hits = Retriever.open(index_dir, ConceptEncoder()).search("cat", k=10, min_score=0.9)
    assert hits == ()


def test_a_deleted_document_is_found_no_more(corpus_dir: Path, index_dir: Path) -> None:
    (corpus_dir / "animals.txt").unlink()
    report = build_index(corpus_dir, index_dir, ConceptEncoder())
    assert (report.removed, report.unchanged) == (1, 3)
    assert sources(index_dir) == ["garantie.html", "trip/train.md", "weather.txt"]


def test_a_renamed_document_keeps_its_vectors(corpus_dir: Path, index_dir: Path) -> None:
    (corpus_dir / "animals.txt").rename(corpus_dir / "trip" / "katze.txt")
    encoder = ConceptEncoder()
    report = build_index(corpus_dir, index_dir, encoder)
    assert (report.renamed, report.read, report.removed, report.encoded) == (1, 0, 0, 0)
    assert "trip/katze.txt" in sources(index_dir)


def test_a_copied_text_copies_its_vector(corpus_dir: Path, index_dir: Path) -> None:
    shutil.copy(corpus_dir / "animals.txt", corpus_dir / "copy.txt")
    report = build_index(corpus_dir, index_dir, ConceptEncoder())
    assert (report.read, report.passages, report.encoded) == (1, 1, 0)


def test_touching_a_file_changes_nothing(corpus_dir: Path, index_dir: Path) -> None:
    (corpus_dir / "animals.txt").touch()
    assert build_index(corpus_dir, index_dir, ConceptEncoder()).unchanged == 4


def test_two_steps_give_the_same_index_as_one(corpus_dir: Path, tmp_path: Path) -> None:
    late = corpus_dir / "trip"
    shutil.move(late, tmp_path / "late")
    build_index(corpus_dir, tmp_path / "steps", ConceptEncoder())
    shutil.move(tmp_path / "late", late)
    build_index(corpus_dir, tmp_path / "steps", ConceptEncoder())
    build_index(corpus_dir, tmp_path / "once", ConceptEncoder())
    assert texts_and_vectors(tmp_path / "steps") == texts_and_vectors(tmp_path / "once")


def test_an_index_inside_its_folder_is_not_part_of_the_corpus(corpus_dir: Path) -> None:
    index_dir = corpus_dir / "index"
    build_index(corpus_dir, index_dir, ConceptEncoder())
    assert build_index(corpus_dir, index_dir, ConceptEncoder()).unchanged == 4
    assert len(sources(index_dir)) == 4


def test_a_bad_file_never_stops_a_build_and_is_listed(corpus_dir: Path, tmp_path: Path) -> None:
    (corpus_dir / "broken.pdf").write_bytes(b"%PDF-1.7 cut off")
    (corpus_dir / "broken.docx").write_bytes(b"PK\x03\x04 cut off")
    (corpus_dir / "empty.txt").write_bytes(b"")
    (corpus_dir / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    report = build_index(corpus_dir, tmp_path / "index", ConceptEncoder())
    assert report.read == 4
    assert [item.source for item in report.unread] == [
        "broken.docx", "broken.pdf", "empty.txt", "photo.jpg",
    ]  # fmt: skip
    assert all(item.reason.endswith(".") for item in report.unread)
    index = open_index(tmp_path / "index")
    with index.reading() as database:
        assert index.unread(database) == report.unread


def test_a_document_that_becomes_unreadable_stays_with_its_last_text(
    corpus_dir: Path, index_dir: Path
) -> None:
    (corpus_dir / "animals.txt").write_bytes(b"")
    report = build_index(corpus_dir, index_dir, ConceptEncoder())
    assert [item.source for item in report.unread] == ["animals.txt"]
    assert "its last readable version is kept" in report.unread[0].reason
    assert "animals.txt" in sources(index_dir)


def test_an_emptied_folder_changes_nothing(corpus_dir: Path, index_dir: Path) -> None:
    before = texts_and_vectors(index_dir)
    shutil.rmtree(corpus_dir)
    corpus_dir.mkdir()
    with pytest.raises(RemovalGuard, match="4 of 4 documents are gone from"):
        build_index(corpus_dir, index_dir, ConceptEncoder())
    assert texts_and_vectors(index_dir) == before
    report = build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(allow_removals=True))
    assert report.removed == 4
    assert texts_and_vectors(index_dir) == {}


def test_an_empty_folder_makes_no_index(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with pytest.raises(CorpusError, match="There is nothing to read in"):
        build_index(tmp_path / "docs", tmp_path / "index", ConceptEncoder())
    assert not (tmp_path / "index").exists()


def test_a_folder_with_nothing_readable_says_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "photo.jpg").touch()
    (tmp_path / "docs" / ".hidden").touch()
    with pytest.raises(CorpusError) as error:
        build_index(tmp_path / "docs", tmp_path / "index", ConceptEncoder())
    assert error.value.what.endswith(
        "(photo.jpg: The format .jpg is not read. 1 left out by patterns or hidden)."
    )


def test_another_root_is_refused_and_a_moved_one_accepted(
    corpus_dir: Path, index_dir: Path, tmp_path: Path
) -> None:
    moved = corpus_dir.rename(tmp_path / "moved")
    with pytest.raises(IndexMismatch, match=r"--index.*--fresh.*--root-moved"):
        build_index(moved, index_dir, ConceptEncoder())
    options = BuildOptions(root_moved=True)
    assert build_index(moved, index_dir, ConceptEncoder(), options).unchanged == 4
    assert build_index(moved, index_dir, ConceptEncoder()).unchanged == 4


def test_other_chunking_is_refused(corpus_dir: Path, index_dir: Path) -> None:
    options = BuildOptions(chunking=Chunking(100, 10))
    with pytest.raises(IndexMismatch, match="--max-tokens 256 --overlap 32"):
        build_index(corpus_dir, index_dir, ConceptEncoder(), options)


class OtherEncoder(ConceptEncoder):
    """Same name and size, other vectors: what causal attention or another prompt would do."""

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        return np.roll(super().encode_passages(texts), 1, axis=1)


def test_another_encoder_is_refused_even_under_the_same_name(
    corpus_dir: Path, index_dir: Path
) -> None:
    with pytest.raises(IndexMismatch, match="gives other vectors now"):
        build_index(corpus_dir, index_dir, OtherEncoder())
    with pytest.raises(IndexMismatch, match="gives other vectors now"):
        Retriever.open(index_dir, OtherEncoder())


def test_a_fresh_build_makes_a_new_generation_and_keeps_the_old_one_until_the_next(
    corpus_dir: Path, index_dir: Path
) -> None:
    build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(fresh=True))
    assert open_index(index_dir).folder.name == "g0002"
    assert (index_dir / "g0001").is_dir()
    build_index(corpus_dir, index_dir, ConceptEncoder())
    assert not (index_dir / "g0001").exists()
    assert len(sources(index_dir)) == 4


def test_a_fresh_build_mends_a_damaged_index(corpus_dir: Path, index_dir: Path) -> None:
    (index_dir / "manifest.json").write_text("{")
    build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(fresh=True))
    assert verify_index(index_dir)["verdict"] == "sound"


@pytest.mark.parametrize("fresh", [False, True])
def test_what_a_killed_build_left_of_a_manifest_goes_with_the_next(
    fresh: bool, corpus_dir: Path, index_dir: Path
) -> None:
    for name in (".manifest-1a2b", ".manifest-empty"):
        (index_dir / name).write_bytes(b"{" if name.endswith("b") else b"")
    lock = lock_for_writing(index_dir)
    with pytest.raises(IndexLocked):  # it may be another's that is just being written
        build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(fresh=fresh))
    assert len(list(index_dir.glob(".manifest-*"))) == 2
    lock.release()
    build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(fresh=fresh))
    assert [path.name for path in index_dir.iterdir() if path.name.startswith(".")] == []


def test_two_builds_at_once_are_refused(corpus_dir: Path, index_dir: Path) -> None:
    lock = lock_for_writing(index_dir)
    try:
        with pytest.raises(IndexLocked, match="Another build is writing"):
            build_index(corpus_dir, index_dir, ConceptEncoder())
    finally:
        lock.release()
    assert build_index(corpus_dir, index_dir, ConceptEncoder()).unchanged == 4


def test_a_folder_that_holds_something_else_is_never_written_to(
    corpus_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(UsageError, match=r"is not an index, and it is not empty \(a.jpg is in it"):
        build_index(corpus_dir, tmp_path / "photos", ConceptEncoder())


def test_a_dry_run_says_what_would_be_done(corpus_dir: Path, index_dir: Path) -> None:
    (corpus_dir / "animals.txt").rename(corpus_dir / "katze.txt")
    (corpus_dir / "weather.txt").unlink()
    (corpus_dir / "new.txt").write_text("Neu.", encoding="utf-8")
    _, changes = plan_build(corpus_dir, index_dir, BuildOptions())
    assert [file.source for file, _ in changes.to_read] == ["new.txt"]
    assert changes.renamed == (("animals.txt", "katze.txt"),)
    assert (changes.removed, changes.unchanged) == (("weather.txt",), 2)
    assert sources(index_dir) == ["animals.txt", "garantie.html", "trip/train.md", "weather.txt"]


class Interrupted(Exception):
    """Stands for a power cut between two windows."""


class WeakEncoder(ConceptEncoder):
    """Fails after some passages."""

    left = 5

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        self.left -= len(texts)
        if self.left < 0:
            raise Interrupted
        return super().encode_passages(texts)


def test_a_file_that_becomes_a_pipe_or_a_device_after_the_listing_is_listed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")  # opened as a file it would be waited for without end
    (tmp_path / "null.txt").symlink_to(os.devnull)
    files = tuple(SourceFile(path, path.name, 1) for path in sorted(tmp_path.iterdir()))
    reason = "It cannot be read: it is no ordinary file any more."
    assert plan_changes({"null.txt": "1"}, Scan(files, (), 0)) == Changes(
        (), (), (), 0, (Unread("null.txt", reason), Unread("pipe.txt", reason))
    )


def test_an_interrupted_build_goes_on_within_a_long_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "FIRST_WINDOW_PASSAGES", 2)
    monkeypatch.setattr(build_module, "MAX_WINDOW_PASSAGES", 2)
    docs = tmp_path / "docs"
    docs.mkdir()
    lines = [f"Satz {i} über eine Katze und einen Hund im Garten." for i in range(12)]
    (docs / "long.txt").write_text("\n".join(lines), encoding="utf-8")
    options = BuildOptions(chunking=Chunking(45, 0))
    with pytest.raises(Interrupted):
        build_index(docs, tmp_path / "index", WeakEncoder(), options)
    assert texts_and_vectors(tmp_path / "index") == {}  # half a document is not shown
    report = build_index(docs, tmp_path / "index", ConceptEncoder())
    assert (report.passages, report.encoded) == (12, 8)
    build_index(docs, tmp_path / "once", ConceptEncoder(), options)
    assert texts_and_vectors(tmp_path / "index") == texts_and_vectors(tmp_path / "once")
    assert verify_index(tmp_path / "index")["verdict"] == "sound"


def test_a_retriever_that_is_open_follows_every_build(corpus_dir: Path, index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    (corpus_dir / "new.txt").write_text("Das Brot.", encoding="utf-8")
    build_index(corpus_dir, index_dir, ConceptEncoder())
    assert retriever.search("bread", k=1)[0].passage.source == "new.txt"
    (corpus_dir / "new.txt").unlink()
    build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(fresh=True))
    assert retriever.search("bread", min_score=0.5) == ()


def test_a_changed_spec_name_is_another_encoder(corpus_dir: Path, index_dir: Path) -> None:
    other = ConceptEncoder(replace(SPEC, name="thoughts"))
    with pytest.raises(IndexMismatch, match="made with concepts, not with thoughts"):
        build_index(corpus_dir, index_dir, other)


def test_a_model_of_a_folder_may_lie_in_another_folder_on_another_machine(
    corpus_dir: Path, tmp_path: Path
) -> None:
    here = replace(SPEC, name="/home/ann/mini", weights="folder")
    there = replace(here, name="/srv/models/mini")
    build_index(corpus_dir, tmp_path / "index", ConceptEncoder(here))
    copy = shutil.copytree(tmp_path / "index", tmp_path / "copy")
    hits = Retriever.open(copy, ConceptEncoder(there)).search("cat", k=1)
    assert hits[0].passage.source == "animals.txt"
    assert build_index(corpus_dir, copy, ConceptEncoder(there)).unchanged == 4
    with pytest.raises(IndexMismatch, match="/srv/models/mini gives other vectors now"):
        Retriever.open(copy, OtherEncoder(there))
    with pytest.raises(IndexMismatch, match="or the folder of that model on this machine"):
        recorded_encoder(read_manifest(copy))


def test_documents_in_a_folder_that_cannot_be_listed_are_kept() -> None:
    known = {"sub/a.txt": "1", "sub/deep/b.txt": "2", "subway.txt": "3", "gone.txt": "4"}
    unread = (Unread("sub/", "The folder cannot be listed: Permission denied."),)
    changes = plan_changes(known, Scan((), unread, 0))
    assert changes.removed == ("gone.txt", "subway.txt")


def test_a_folder_with_another_programs_manifest_is_never_written_to(
    corpus_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "extension"
    (folder / "g2023").mkdir(parents=True)
    (folder / "manifest.json").write_text('{"name": "my extension"}')
    (folder / "icon.png").touch()
    for fresh in (False, True):
        with pytest.raises(UsageError, match="is not an index"):
            build_index(corpus_dir, folder, ConceptEncoder(), BuildOptions(fresh=fresh))
    assert (folder / "manifest.json").read_text() == '{"name": "my extension"}'


def test_an_interrupted_fresh_build_leaves_the_index_as_it_was(
    corpus_dir: Path, index_dir: Path
) -> None:
    before = texts_and_vectors(index_dir)
    encoder = WeakEncoder()
    encoder.left = 2
    with pytest.raises(Interrupted):
        build_index(corpus_dir, index_dir, encoder, BuildOptions(fresh=True))
    assert texts_and_vectors(index_dir) == before
    build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(fresh=True))
    assert sorted(path.name for path in index_dir.glob("g*")) == ["g0001", "g0002"]
    assert texts_and_vectors(index_dir).keys() == before.keys()
