"""A permission that is missing, or lost half-way, ends in one sentence and costs nothing."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from indexer.build import build_index
from indexer.errors import IndexNotFound
from indexer.verify import verify_index
from tests.concept_encoder import ConceptEncoder
from tests.test_build import sources, texts_and_vectors
from tests.test_faults import OPTIONS, make_corpus, rankings
from tests.test_layering import ROOT

NEVER = 10**9
Contents = dict[tuple[str, int], tuple[str, list[float]]]
BUILD = "indexer|build|docs|--workers|1|--encoder|concepts"
SEARCH = "retriever|search|cat|-k|1|--encoder|concepts"
READING = (SEARCH, "indexer|status", "indexer|ls", "indexer|verify", "indexer|backup|copy")
REFUSED = (
    "Error: The index at index cannot be used: Permission denied.\n"
    "Free space or mend the permissions there; what was committed is kept, and the same command "
    "goes on from it.\n"
    "exit 1\n"
)


def bound(
    folder: Path, *commands: str, path: str = "", mode: int = 0, after: int = NEVER
) -> tuple[str, str]:
    """Run commands where permissions bind; a path loses its own after so many passages.

    Returns:
        What went to standard output and to standard error.
    """
    arguments = [str(folder), path, f"{mode:o}", str(after), *commands]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bound", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def _permissions_bind(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("probe")
    (folder / "forbidden").touch(mode=0)
    _, said = bound(folder, "probe", path="forbidden")
    if said != "exit 1\n":
        pytest.skip(f"permissions do not bind here, by this account or this disk ({said.strip()})")


@pytest.fixture
def folder(tmp_path: Path, _permissions_bind: None) -> Iterator[Path]:
    """A folder with documents; whatever a test forbids in it is allowed again after the test."""
    make_corpus(tmp_path / "docs", 0)
    yield tmp_path
    allow(tmp_path)


def allow(folder: Path) -> Path:
    """Give everything in a folder its permissions back, from the top down; returns the folder."""
    folder.chmod(0o755)
    for path in folder.iterdir():
        if path.is_dir():
            allow(path)
        else:
            path.chmod(0o644)
    return folder


def check_nothing_lost(folder: Path) -> None:
    """What is there is sound; building again encodes the rest and ends as if nothing had been."""
    allow(folder)
    index_dir, kept = folder / "index", Contents()
    with suppress(IndexNotFound):
        assert verify_index(index_dir)["verdict"] == "sound"
        kept = texts_and_vectors(index_dir)
    report = build_index(folder / "docs", index_dir, ConceptEncoder(), OPTIONS)
    assert verify_index(index_dir)["checked"] == "every byte"
    build_index(folder / "docs", folder / "clean", ConceptEncoder(), OPTIONS)
    whole = texts_and_vectors(folder / "clean")
    assert texts_and_vectors(index_dir) == whole
    assert rankings(index_dir) == rankings(folder / "clean")
    assert report.encoded <= sum(kept.get(place) != passage for place, passage in whole.items())


@pytest.mark.parametrize(
    ("work", "path", "mode"),
    [
        ("first", "index", 0),
        ("first", "index/g0001", 0),
        ("first", "index/g0001", 0o500),
        ("update", "index", 0),
        ("update", "index/g0001", 0o500),
        ("fresh", "index", 0o500),
        ("fresh", "index/g0002", 0o500),
    ],
)
def test_an_index_that_is_forbidden_half_way_loses_nothing(
    work: str, path: str, mode: int, folder: Path
) -> None:
    if work != "first":
        build_index(folder / "docs", folder / "index", ConceptEncoder(), OPTIONS)
    before = texts_and_vectors(folder / "index") if work == "fresh" else {}
    make_corpus(folder / "docs", 1)
    options = "|--max-tokens|60|--overlap|12" + ("|--fresh" if work == "fresh" else "")
    _, said = bound(folder, BUILD + options, path=path, mode=mode, after=20)
    assert said.endswith(REFUSED)
    if work == "fresh":
        allow(folder)
        assert texts_and_vectors(folder / "index") == before
    check_nothing_lost(folder)


def unread(said: str) -> dict[str, str]:
    """Source and reason of what a build with --json says it could not read."""
    return {item["source"]: item["reason"] for item in json.loads(said)["unread"]}


def test_a_folder_of_documents_that_is_forbidden_half_way_is_read_later(folder: Path) -> None:
    options = "|--max-tokens|60|--overlap|12|--json|--strict"
    out, said = bound(folder, BUILD + options, path="docs", after=8)
    assert said.endswith("exit 7\n")
    missing = unread(out)
    assert set(missing.values()) == {"It cannot be read: Permission denied."}
    assert sorted([*missing, *sources(folder / "index")]) == sorted(
        path.name for path in allow(folder / "docs").iterdir()
    )
    assert 0 < len(missing) < 9
    check_nothing_lost(folder)


def test_one_file_that_is_forbidden_half_way_keeps_its_last_text(folder: Path) -> None:
    build_index(folder / "docs", folder / "index", ConceptEncoder(), OPTIONS)
    before = texts_and_vectors(folder / "index")
    make_corpus(folder / "docs", 1)
    out, said = bound(folder, BUILD + "|--json", path="docs/06.txt", after=4)
    assert said.endswith("exit 0\n")
    assert unread(out) == {
        "06.txt": "It cannot be read: Permission denied. In the index its last readable version "
        "is kept."
    }
    now = texts_and_vectors(folder / "index")
    old, new = ({k: v for k, v in all_.items() if k[0] == "06.txt"} for all_ in (before, now))
    assert new == old != {}
    check_nothing_lost(folder)


@pytest.mark.parametrize(
    ("path", "mode", "reasons"),
    [
        ("docs/sub", 0, {"sub/": "The folder cannot be listed: Permission denied."}),
        ("docs/sub", 0o444, {"sub/a.txt": "It cannot be opened: Permission denied."}),
        ("docs/sub/a.txt", 0, {"sub/a.txt": "It cannot be opened: permission denied."}),
    ],
)
def test_what_is_forbidden_is_listed_and_stays_in_the_index(
    path: str, mode: int, reasons: dict[str, str], folder: Path
) -> None:
    (folder / "docs" / "sub").mkdir()
    (folder / "docs" / "sub" / "a.txt").write_text("Die Katze.", encoding="utf-8")
    build_index(folder / "docs", folder / "index", ConceptEncoder(), OPTIONS)
    before = texts_and_vectors(folder / "index")
    (folder / path).chmod(mode)
    out, said = bound(folder, BUILD + "|--json")
    assert said.endswith("exit 0\n")
    assert unread(out) == reasons
    assert texts_and_vectors(folder / "index") == before


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (0, "Error: Invalid value for 'DOCS': path 'docs' is not readable.\nexit 2\n"),
        (
            0o444,
            "docs/.ragignore cannot be read: Permission denied.\n"
            "Give yourself permission to read it, and the folder it is in.\nexit 2\n",
        ),
    ],
)
def test_a_forbidden_folder_of_documents_changes_nothing(
    mode: int, message: str, folder: Path
) -> None:
    build_index(folder / "docs", folder / "index", ConceptEncoder(), OPTIONS)
    before = texts_and_vectors(folder / "index")
    (folder / "docs").chmod(mode)
    assert bound(folder, BUILD)[1].endswith(message)
    assert texts_and_vectors(folder / "index") == before


def test_folders_behind_a_forbidden_one_are_not_said_to_be_missing(folder: Path) -> None:
    build_index(folder / "docs", folder / "closed" / "index", ConceptEncoder(), OPTIONS)
    (folder / "docs").rename(folder / "closed" / "docs")
    (folder / "closed").chmod(0)
    search, build = (f"{command}|--index|closed/index" for command in (SEARCH, BUILD))
    _, said = bound(folder, search, build.replace("docs", "closed/docs") + "|--quiet")
    assert said == REFUSED.replace("at index", "at closed/index") + (
        "Error: The folder closed/docs cannot be listed: Permission denied.\n"
        "Give yourself permission to read it.\nexit 2\n"
    )


def forbid_writing(folder: Path) -> dict[str, bytes]:
    """Make a folder read-only, all of it; returns its files."""
    files = {}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file():
            files[str(path)] = path.read_bytes()
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    return files


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_read_only_index_answers_and_stays_as_it_is(folder: Path) -> None:
    build_index(folder / "docs", folder / "index", ConceptEncoder(), OPTIONS)
    expected, _ = bound(folder, SEARCH)
    make_corpus(folder / "docs", 1)
    files = forbid_writing(folder / "index")
    out, said = bound(folder, *READING)
    assert said.replace("exit 0\n", "") == ""
    assert out.startswith(expected)
    assert out.count("every byte") == 1
    assert texts_and_vectors(folder / "copy") == texts_and_vectors(folder / "index")
    for writing in (BUILD, f"{BUILD}|--fresh"):
        assert bound(folder, writing)[1].endswith(REFUSED)
        assert contents(folder / "index") == files
    check_nothing_lost(folder)


def test_a_read_only_index_with_a_journal_says_who_can_mend_it(folder: Path) -> None:
    build_index(folder / "docs", folder / "index", ConceptEncoder(), OPTIONS)
    database = sqlite3.connect(folder / "index" / "g0001" / "corpus.sqlite")
    database.execute("UPDATE state SET finished_at_utc = ''")
    database.commit()
    forbid_writing(folder / "index")
    _, said = bound(folder, SEARCH)
    database.close()
    assert said == (
        "Error: index cannot be written from this account, and a build left a journal in it.\n"
        "Let its owner build again: python -m indexer build DOCS --index index\n"
        "exit 1\n"
    )


@pytest.mark.parametrize(
    "path", ["manifest.json", "g0001", "g0001/corpus.sqlite", "g0001/vectors.bin"]
)
def test_an_index_that_may_not_be_read_is_one_sentence_for_every_command(
    path: str, folder: Path
) -> None:
    build_index(folder / "docs", folder / "index", ConceptEncoder(), OPTIONS)
    before = texts_and_vectors(folder / "index")
    (folder / "index" / path).chmod(0)
    out, said = bound(folder, *READING, f"{BUILD}|--quiet", "indexer|compact")
    by_sqlite = "unable to open database file"  # where Python's own words are "Permission denied"
    assert said.replace(by_sqlite, "Permission denied") == REFUSED * 7
    assert out == ""
    allow(folder)
    assert texts_and_vectors(folder / "index") == before


def test_no_place_for_an_index_is_one_sentence(folder: Path) -> None:
    folder.chmod(0o555)
    assert bound(folder, BUILD)[1].endswith(REFUSED)
    assert not (folder / "index").exists()
