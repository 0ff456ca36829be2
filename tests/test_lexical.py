"""The words on the disk: in step with the passages, never written by readers, mended by a build."""

import logging
import shutil
import sqlite3
from pathlib import Path

import pytest

from indexer.backup import back_up
from indexer.build import build_index
from indexer.compact import compact_index
from indexer.errors import IndexDamaged, WordsDamaged
from indexer.lexical_index import LexicalDamage
from indexer.store import derived, open_index
from indexer.store.derived import LexicalRecord
from indexer.store.seal import seal
from indexer.verify import verify_index
from retriever.filters import Filters
from retriever.hit import SearchMode
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder


def sources(index_dir: Path, question: str) -> list[str]:
    hits = Retriever.open(index_dir, ConceptEncoder()).search(question, mode="lexical")
    assert {hit.score_kind for hit in hits} <= {"lexical"}
    return [hit.passage.source for hit in hits]


def files(index_dir: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in index_dir.rglob("*") if path.is_file()}


def damage(index_dir: Path) -> None:
    (index_dir / "g0001/lexical/000001/meta.json").write_text("{}")


def test_a_word_finds_its_passage_and_no_other(index_dir: Path) -> None:
    assert sources(index_dir, "Sofa") == ["animals.txt"]
    assert sources(index_dir, "水") == ["weather.txt"]
    assert sources(index_dir, "manana") == ["trip/train.md"]
    assert sources(index_dir, "viaje") == ["trip/train.md"]  # its heading
    assert sources(index_dir, "nowhere") == []


def test_a_word_moves_its_passage_up_and_no_other_down(index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    dense = {hit.passage.source: hit.score for hit in retriever.search("cat", mode="dense")}
    fused = {hit.passage.source: hit.score for hit in retriever.search("cat ocho")}
    assert fused.pop("trip/train.md") > dense.pop("trip/train.md")
    assert fused == pytest.approx(dense)


def test_without_a_word_that_counts_the_score_is_that_of_the_meaning(index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    assert retriever.search("cat") == retriever.search("cat", mode="dense")
    assert retriever.search("cat ocho")[0].score_kind == "fused"


def test_an_update_adds_new_words_and_forgets_old_ones(corpus_dir: Path, index_dir: Path) -> None:
    (corpus_dir / "animals.txt").write_text("Der Hund bellt.", encoding="utf-8")
    (corpus_dir / "more.txt").write_text("Sessel", encoding="utf-8")
    build_index(corpus_dir, index_dir, ConceptEncoder())
    found = [sources(index_dir, word) for word in ("Sofa", "Hund", "Sessel", "Jahre")]
    assert found == [[], ["animals.txt"], ["more.txt"], ["garantie.html"]]
    assert verify_index(index_dir)["words"] == "of 5 passages"
    compact_index(index_dir)
    assert [sources(index_dir, word) for word in ("Sofa", "Hund", "Sessel", "Jahre")] == found


def test_a_build_without_changes_leaves_the_words_alone(corpus_dir: Path, index_dir: Path) -> None:
    before = files(index_dir / "g0001" / "lexical")
    build_index(corpus_dir, index_dir, ConceptEncoder())
    assert files(index_dir / "g0001" / "lexical") == before


def test_readers_write_nothing(index_dir: Path) -> None:
    before = files(index_dir / "g0001" / "lexical")
    sources(index_dir, "Sofa")
    assert files(index_dir / "g0001" / "lexical") == before


def test_damaged_words_are_said_and_the_next_build_mends_them(
    corpus_dir: Path, index_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(index_dir)
    hits = Retriever.open(index_dir, ConceptEncoder()).search("cat Sofa", k=1)
    assert [(hit.passage.source, hit.score_kind) for hit in hits] == [("animals.txt", "cosine")]
    assert "its files are not what their checksum says. Run the same build again" in caplog.text
    with pytest.raises(WordsDamaged):
        sources(index_dir, "Sofa")
    with pytest.raises(IndexDamaged, match="words cannot be searched"):
        verify_index(index_dir)
    build_index(corpus_dir, index_dir, ConceptEncoder())
    assert sources(index_dir, "Sofa") == ["animals.txt"]
    assert verify_index(index_dir)["verdict"] == "sound"


def test_words_that_no_build_has_written_yet_are_found_in_memory(index_dir: Path) -> None:
    database = sqlite3.connect(index_dir / "g0001" / "corpus.sqlite")
    database.execute("DELETE FROM lexical")
    database.commit()
    database.close()
    seal(index_dir / "g0001")
    assert sources(index_dir, "Sofa") == ["animals.txt"]
    assert verify_index(index_dir)["words"] == "none yet: the next build makes them"


@pytest.mark.parametrize("name", ["../../../docs", "000009", "/etc", ""])
def test_a_strangers_record_leads_nowhere_else(name: str, index_dir: Path) -> None:
    database = sqlite3.connect(index_dir / "g0001" / "corpus.sqlite")
    database.execute("UPDATE lexical SET folder = ?", (name,))
    database.commit()
    database.close()
    seal(index_dir / "g0001")
    with pytest.raises(WordsDamaged, match="its folder is missing"):
        sources(index_dir, "Sofa")


def test_a_copy_has_the_words_too(index_dir: Path, tmp_path: Path) -> None:
    back_up(index_dir, tmp_path / "copy")
    assert sources(tmp_path / "copy", "Sofa") == ["animals.txt"]


def test_a_linked_folder_of_words_is_refused(index_dir: Path, tmp_path: Path) -> None:
    folder = index_dir / "g0001" / "lexical" / "000001"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IndexDamaged, match="000001 is a link"):
        Retriever.open(index_dir, ConceptEncoder())


@pytest.fixture
def _update_between(corpus_dir: Path, index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that ends after a state was read, and before its words are opened: once."""
    check = derived.check_lexical
    # The build's last step waits for the reader, which here waits for the build.
    monkeypatch.setattr("indexer.store.database.BUSY_S", 0.2)

    def build_then_check(generation: Path, record: LexicalRecord) -> None:
        monkeypatch.setattr(derived, "check_lexical", check)
        (corpus_dir / "new.txt").write_text("Ein Hund.", encoding="utf-8")
        build_index(corpus_dir, index_dir, ConceptEncoder())
        check(generation, record)

    monkeypatch.setattr(derived, "check_lexical", build_then_check)


@pytest.mark.usefixtures("_update_between")
@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_a_search_whose_words_a_build_replaces_looks_again(
    mode: SearchMode, index_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hits = Retriever.open(index_dir, ConceptEncoder()).search("Hund", mode=mode, k=9)
    assert "new.txt" in {hit.passage.source for hit in hits}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_a_build_adds_after_a_search_is_not_looked_for_in_its_rows(
    corpus_dir: Path, index_dir: Path
) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    retriever.search("cat", mode="dense")
    (corpus_dir / "new.txt").write_text("Ein großer Hund.", encoding="utf-8")
    build_index(corpus_dir, index_dir, ConceptEncoder())
    assert retriever.missing_phrases('"Ein großer Hund"', Filters()) == ()


def test_words_of_a_stranger_that_name_other_rows_miss_no_phrase(
    corpus_dir: Path, index_dir: Path, tmp_path: Path
) -> None:
    (corpus_dir / "zz.txt").write_text("Ein großer Hund.", encoding="utf-8")
    build_index(corpus_dir, tmp_path / "larger", ConceptEncoder())
    words = "g0001/lexical/000001"
    shutil.rmtree(index_dir / words)
    shutil.copytree(tmp_path / "larger" / words, index_dir / words)
    with open_index(tmp_path / "larger").reading() as database:
        record = derived.lexical_record(database)
    assert record is not None
    database = sqlite3.connect(index_dir / "g0001" / "corpus.sqlite")
    derived.write_record(database, record)
    database.commit()
    database.close()
    seal(index_dir / "g0001")
    retriever = Retriever.open(index_dir, ConceptEncoder())
    assert retriever.missing_phrases('"Ein großer Hund"', Filters()) == ()


@pytest.mark.usefixtures("_update_between")
def test_a_copy_whose_words_a_build_replaces_is_of_the_later_state(
    index_dir: Path, tmp_path: Path
) -> None:
    back_up(index_dir, tmp_path / "copy")
    checked = verify_index(tmp_path / "copy")
    assert (checked["documents"], checked["words"]) == (5, "of 5 passages")


@pytest.mark.usefixtures("_update_between")
def test_words_that_a_build_replaces_are_not_called_damaged(index_dir: Path) -> None:
    assert str(verify_index(index_dir)["words"]).startswith("not checked: a build has finished")


def test_words_that_vanish_while_they_are_read_are_missing(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_index(index_dir).reading() as database:
        record = derived.lexical_record(database)
    assert record is not None
    shutil.rmtree(index_dir / "g0001" / "lexical")
    monkeypatch.setattr(derived, "_is_folder", lambda *paths: True)  # a moment ago they were there
    with pytest.raises(LexicalDamage, match="a build is just removing it"):
        derived.check_lexical(index_dir / "g0001", record)
