"""Every way an index can be damaged is found, and said in one sentence."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import indexer.cli
from encoder.errors import RagError
from encoder.workplace import LOCK, MADE
from indexer import backup as backup_module
from indexer.backup import WORKPLACE, back_up
from indexer.build import build_index
from indexer.errors import IndexDamaged, IndexMismatch, IndexNotFound
from indexer.manifest import NO_SHA256, sealed
from indexer.options import BuildOptions
from indexer.store import Index
from indexer.store.seal import SEAL, seal
from indexer.verify import verify_index
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder


def edit_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def damage(index_dir: Path) -> None:
        path = index_dir / "manifest.json"
        data = json.loads(path.read_text()) | {"sha256": NO_SHA256}
        change(data)
        path.write_bytes(sealed(json.dumps(data).encode()))  # as a forger would

    return damage


def edit_database(sql: str) -> Callable[[Path], None]:
    def damage(index_dir: Path) -> None:
        database = sqlite3.connect(index_dir / "g0001" / "corpus.sqlite")
        database.executescript(sql)
        database.commit()
        database.close()
        seal(index_dir / "g0001")  # as a forger would

    return damage


def edit_kinds(sql: str) -> Callable[[Path], None]:
    """Write what SQLite refuses, and a changed byte in the file does not ask it about."""

    def damage(index_dir: Path) -> None:
        for statement in (
            "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')')",
            sql,
            "UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE type = 'table'",
        ):
            edit_database(f"PRAGMA writable_schema = ON; {statement}")(index_dir)

    return damage


def replace(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(index_dir: Path) -> None:
        (index_dir / name).write_bytes(content)

    return damage


def cut_vectors(index_dir: Path) -> None:
    path = index_dir / "g0001" / "vectors.bin"
    path.write_bytes(path.read_bytes()[:-1])


def link_vectors(index_dir: Path) -> None:
    path = index_dir / "g0001" / "vectors.bin"
    path.rename(index_dir.parent / "elsewhere.bin")
    path.symlink_to(index_dir.parent / "elsewhere.bin")


FOUND_ON_OPEN: list[tuple[str, Callable[[Path], None], type[RagError], str]] = [
    ("no folder", shutil.rmtree, IndexNotFound, "No index at"),
    ("no manifest", lambda d: (d / "manifest.json").unlink(), IndexNotFound, "No index at"),
    ("manifest cut", replace("manifest.json", b'{"format'), IndexDamaged, "Invalid JSON"),
    ("manifest empty", replace("manifest.json", b""), IndexDamaged, "Invalid JSON"),
    ("manifest a list", replace("manifest.json", b"[]"), IndexDamaged, "the whole file"),
    ("manifest deep", replace("manifest.json", b"[" * 100_000), IndexDamaged, "manifest.json"),
    (
        "another version", edit_manifest(lambda m: m.update(format_version=4)), IndexMismatch,
        "has format version 4; this program reads version 3",
    ),
    (
        "version a word", edit_manifest(lambda m: m.update(format_version="new")), IndexDamaged,
        "format_version",
    ),
    (
        "generation leaves the folder", edit_manifest(lambda m: m.update(generation="../x")),
        IndexDamaged, "generation",
    ),
    (
        "generation is missing", edit_manifest(lambda m: m.update(generation="g0009")),
        IndexDamaged, "corpus.sqlite is missing",
    ),
    ("no probes", edit_manifest(lambda m: m.update(probes=[])), IndexDamaged, "probes"),
    (
        "probe too short", edit_manifest(lambda m: m["probes"][0].update(vector=[1.0])),
        IndexDamaged, "a probe is not a vector",
    ),
    (
        "a huge dimension", edit_manifest(lambda m: m["encoder"].update(dim=10**12)),
        IndexDamaged, "a probe is not a vector",
    ),
    (
        "a path as encoder", edit_manifest(lambda m: m["encoder"].update(name="/tmp/evil")),
        IndexMismatch, "made with /tmp/evil",
    ),
    (
        "no database", lambda d: (d / "g0001" / "corpus.sqlite").unlink(), IndexDamaged,
        "corpus.sqlite is missing",
    ),
    (
        "database of zeros", replace("g0001/corpus.sqlite", bytes(8192)), IndexDamaged,
        "file is not a database",
    ),
    (
        "a view more", edit_database("CREATE VIEW v AS SELECT 1"), IndexDamaged,
        "has not the tables of an index",
    ),
    (
        "a trigger more",
        edit_database("CREATE TRIGGER t AFTER DELETE ON unread BEGIN SELECT 1; END"),
        IndexDamaged, "has not the tables of an index",
    ),
    (
        "no vectors", lambda d: (d / "g0001" / "vectors.bin").unlink(), IndexDamaged,
        "vectors.bin has 0 bytes; 4 rows need 96",
    ),
    (
        "rows that are not there", edit_database("UPDATE passages SET row = row + 1000"),
        IndexDamaged, "has passages outside its 4 rows",
    ),
    (
        "fewer rows than passages", edit_database("UPDATE state SET next_row = 2"), IndexDamaged,
        "has passages outside its 2 rows",
    ),
    (
        "no state", edit_database("DELETE FROM state"), IndexDamaged,
        "does not say how many rows there are",
    ),
    (
        "rows that are no number", edit_kinds("UPDATE state SET next_row = 'four'"), IndexDamaged,
        "does not say how many rows there are",
    ),
    (
        "a commit that is no number", edit_kinds("UPDATE state SET commit_id = 'x'"), IndexDamaged,
        "does not say how many rows there are",
    ),
    (
        "a time that is a word", edit_kinds("UPDATE documents SET modified_s = 'noon'"),
        IndexDamaged, "holds a value that no build has written",
    ),
    ("vectors a link", link_vectors, IndexDamaged, "vectors.bin is a link"),
    ("vectors cut", cut_vectors, IndexDamaged, "vectors.bin has 95 bytes; 4 rows need 96"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [case[1:] for case in FOUND_ON_OPEN],
    ids=[case[0] for case in FOUND_ON_OPEN],
)
def test_damage_is_found_when_the_index_is_opened(
    damage: Callable[[Path], None], kind: type[RagError], message: str, index_dir: Path
) -> None:
    damage(index_dir)
    with pytest.raises(kind) as error:
        Retriever.open(index_dir, ConceptEncoder())
    assert message in error.value.what
    assert error.value.next_step


@pytest.mark.parametrize("name", ["manifest.json", "g0001/corpus.sqlite", f"g0001/{SEAL}"])
def test_a_changed_byte_anywhere_is_found_by_verify(name: str, index_dir: Path) -> None:
    path = index_dir / name
    sound = path.read_bytes()
    for at in range(0, len(sound), max(1, len(sound) // 60)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << at % 8]) + sound[at + 1 :])
        with pytest.raises((IndexDamaged, IndexMismatch)):
            verify_index(index_dir)
    path.write_bytes(sound)
    assert verify_index(index_dir)["checked"] == "every byte"


def test_an_unfinished_build_has_no_checksum_of_the_file(index_dir: Path) -> None:
    (index_dir / "g0001" / SEAL).unlink()
    assert verify_index(index_dir)["checked"] == "contents: a build has not finished"


def test_damage_is_not_backed_up(index_dir: Path, tmp_path: Path) -> None:
    path = index_dir / "g0001" / "corpus.sqlite"
    path.write_bytes(path.read_bytes().replace(b"animals.txt", b"animols.txt"))
    with pytest.raises(IndexDamaged, match="is not what its checksum says"):
        back_up(index_dir, tmp_path / "copy")


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (
            edit_database("UPDATE documents SET text = replace(text, 'Katze', 'Kasse')"),
            "the text of animals.txt has changed",
        ),
        (
            edit_database("UPDATE passages SET row_crc32 = 1 WHERE row = 0"),
            "vectors.bin: the row of passage 0 has changed",
        ),
        (
            edit_kinds("UPDATE documents SET text = CAST(text AS BLOB)"),
            "corpus.sqlite holds a value that no build has written ('bytes' object has no "
            "attribute 'encode')",
        ),
    ],
)
def test_a_search_never_answers_from_damage_that_the_record_tells(
    damage: Callable[[Path], None], finding: str, index_dir: Path
) -> None:
    damage(index_dir)
    with pytest.raises(IndexDamaged) as error:
        Retriever.open(index_dir, ConceptEncoder()).search("cat", k=1)
    assert error.value.finding == finding


def flip(name: str, at: int) -> Callable[[Path], None]:
    def damage(index_dir: Path) -> None:
        path = index_dir / "g0001" / name
        data = bytearray(path.read_bytes())
        data[at] ^= 0x40
        path.write_bytes(data)

    return damage


FOUND_BY_VERIFY: list[tuple[str, Callable[[Path], None], str]] = [
    ("a flipped bit in a row", flip("vectors.bin", 30), "rows 0 to 4 have changed"),
    (
        "another text", edit_database("UPDATE documents SET text = replace(text, 'a', 'o')"),
        "the text of animals.txt has changed",
    ),
    (
        "a passage less", edit_database("DELETE FROM passages WHERE row = 1"),
        "passages of garantie.html are missing",
    ),
    ("a checksum less", edit_database("DELETE FROM segments"), "vectors.bin has 0 rows, not 4"),
    (
        "a span moved", edit_database('UPDATE passages SET "end" = "end" - 2 WHERE row = 0'),
        "the text of animals.txt has changed",
    ),
    (
        "two passages that changed rows",
        edit_database(
            "UPDATE passages SET row = CASE row WHEN 0 THEN 90 WHEN 1 THEN 0 ELSE row END;"
            " UPDATE passages SET row = 1 WHERE row = 90"
        ),
        "passage 0 has another's row",
    ),
    (
        "notes that are not JSON", edit_database("UPDATE documents SET notes = 'x'"),
        "the facts of animals.txt have changed",
    ),
    (
        "a passage of no document",
        edit_database("UPDATE passages SET document = 99 WHERE row = 0"), "has no document",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "finding"),
    [case[1:] for case in FOUND_BY_VERIFY],
    ids=[case[0] for case in FOUND_BY_VERIFY],
)
def test_damage_is_found_by_verify(
    damage: Callable[[Path], None], finding: str, index_dir: Path
) -> None:
    damage(index_dir)
    with pytest.raises(IndexDamaged) as error:
        verify_index(index_dir)
    assert finding in error.value.finding


def test_documents_that_make_no_sense_are_not_listed(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_database("UPDATE documents SET notes = 'x'")(index_dir)
    assert indexer.cli.main(["ls", "--index", str(index_dir)]) == 6
    assert "holds a value that no build has written" in capsys.readouterr().err


def test_a_sound_index_is_verified(index_dir: Path) -> None:
    checked = verify_index(index_dir)
    assert (checked["documents"], checked["passages"], checked["rows"]) == (4, 4, 4)
    assert checked["verdict"] == "sound"


def test_a_backup_is_an_index(index_dir: Path, tmp_path: Path) -> None:
    back_up(index_dir, tmp_path / "copies" / "one")
    assert verify_index(tmp_path / "copies" / "one")["passages"] == 4
    hits = Retriever.open(tmp_path / "copies" / "one", ConceptEncoder()).search("cat", k=1)
    assert hits[0].passage.source == "animals.txt"


def test_a_backup_never_overwrites(index_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RagError, match="exists already"):
        back_up(index_dir, tmp_path)


def test_a_backup_removes_remains_and_nothing_else(index_dir: Path, tmp_path: Path) -> None:
    place = tmp_path / "copies"
    for name in ("remains", "empty", "at-work", "strangers"):
        (place / f"{WORKPLACE}{name}").mkdir(parents=True)
    for name in ("remains", "at-work", "strangers"):
        (place / f"{WORKPLACE}{name}" / MADE / "g0001").mkdir(parents=True)
        (place / f"{WORKPLACE}{name}" / LOCK).touch()
    (place / f"{WORKPLACE}strangers" / "diary.txt").touch()
    with FileLock(place / f"{WORKPLACE}at-work" / LOCK):
        back_up(index_dir, place / "one")
    assert sorted(path.name.removeprefix(WORKPLACE) for path in place.iterdir()) == [
        "at-work", "one", "strangers"
    ]  # fmt: skip


def test_a_build_never_writes_through_a_link(corpus_dir: Path, index_dir: Path) -> None:
    link_vectors(index_dir)
    victim = index_dir.parent / "elsewhere.bin"
    before = victim.read_bytes()
    with pytest.raises(IndexDamaged, match=r"vectors\.bin is a link"):
        build_index(corpus_dir, index_dir, ConceptEncoder())
    assert victim.read_bytes() == before


def test_a_backup_is_whole_though_a_fresh_build_ends_meanwhile(
    corpus_dir: Path, index_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_database = backup_module._copy_database

    def copy_then_build(index: Index, path: Path, destination: Path) -> None:
        copy_database(index, path, destination)
        build_index(corpus_dir, index_dir, ConceptEncoder(), BuildOptions(fresh=True))

    monkeypatch.setattr(backup_module, "_copy_database", copy_then_build)
    back_up(index_dir, tmp_path / "copy")
    assert verify_index(tmp_path / "copy")["verdict"] == "sound"
