import os
from pathlib import Path

import pytest

from encoder.errors import UsageError
from indexer.errors import CorpusError
from indexer.scan import scan


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text", encoding="utf-8")
    return folder


def test_files_are_listed_by_source_and_hidden_ones_counted(tmp_path: Path) -> None:
    docs = make(tmp_path / "docs", "b.txt", "a/ü.md", "a/.git/config.txt", ".hidden.txt")
    found = scan(docs, tmp_path / "index")
    assert [file.source for file in found.files] == ["a/ü.md", "b.txt"]
    assert found.ignored == 1


def test_patterns_choose_and_leave_out(tmp_path: Path) -> None:
    docs = make(tmp_path / "docs", "a.txt", "b.md", "drafts/c.md", "d.html")
    (docs / ".ragignore").write_text("# not yet\n*.html\n", encoding="utf-8")
    found = scan(docs, tmp_path / "index", include=["*.md", "*.html"], exclude=["drafts/"])
    assert [file.source for file in found.files] == ["b.md"]
    assert found.ignored == 4


def test_what_cannot_be_read_is_listed_with_its_reason(tmp_path: Path) -> None:
    docs = make(tmp_path / "docs", "photo.jpg", "a.txt")
    (docs / "link.txt").symlink_to(tmp_path / "outside.txt")
    make(tmp_path, "outside.txt")
    (docs / "away").symlink_to(tmp_path)
    (docs / "loop").symlink_to("loop")
    (docs / "lost.txt").symlink_to("gone.txt")
    (docs / "tty.txt").symlink_to("/dev/tty")
    os.mkfifo(docs / "pipe.txt")
    (docs / os.fsdecode(b"bad\xff.txt")).touch()
    found = scan(docs, tmp_path / "index")
    assert [file.source for file in found.files] == ["a.txt"]
    link = "It is a link out of the folder of documents. Put the file itself here."
    assert [(item.source, item.reason) for item in found.unread] == [
        ("away", link),
        ("bad\\xff.txt", "Its name is not valid UTF-8. Rename it."),
        ("link.txt", link),
        ("loop", "It is a link that leads nowhere."),
        ("lost.txt", "It is a link that leads nowhere."),
        ("photo.jpg", "The format .jpg is not read."),
        ("pipe.txt", "It is no ordinary file (a pipe, socket or device)."),
        ("tty.txt", link),
    ]


def test_links_within_the_folder_are_followed_once(tmp_path: Path) -> None:
    docs = make(tmp_path / "docs", "a.txt", ".store/b.txt", ".store/deep/c.txt", ".store/.d.txt")
    (docs / "to-a.txt").symlink_to("a.txt")  # read under its own name already
    (docs / "b1.txt").symlink_to(".store/b.txt")
    (docs / "b2.txt").symlink_to(docs / ".store" / "b.txt")
    (docs / "folder").symlink_to(".store")
    (docs / ".store" / "up.txt").symlink_to("../a.txt")
    (docs / "again").symlink_to(".")
    found = scan(docs, tmp_path / "index")
    assert [file.source for file in found.files] == ["a.txt", "b1.txt", "folder/deep/c.txt"]
    assert found.files[1].path == docs.resolve() / ".store" / "b.txt"
    assert [(item.source, item.reason) for item in found.unread] == [
        ("folder/up.txt", "It is a link behind a link.")
    ]


def test_a_link_does_not_bring_back_what_patterns_leave_out(tmp_path: Path) -> None:
    docs = make(tmp_path / "docs", ".private/a.txt", "b.txt")
    (docs / "way").symlink_to(".private")
    found = scan(docs, tmp_path / "index", exclude=[".private/*", "way/"])
    assert [file.source for file in found.files] == ["b.txt"]
    found = scan(docs, tmp_path / "index", exclude=[".private/a.txt"])
    assert [file.source for file in found.files] == ["b.txt"]


def test_patterns_and_names_may_spell_accents_either_way(tmp_path: Path) -> None:
    composed, apart = "\u00fcber.txt", "u\u0308ber2.txt"
    docs = make(tmp_path / "docs", composed, apart, "b.txt")
    patterns = ["u\u0308ber.txt", "\u00fcber2.txt"]
    assert [f.source for f in scan(docs, tmp_path / "index", exclude=patterns).files] == ["b.txt"]
    assert len(scan(docs, tmp_path / "index", include=patterns).files) == 2


def test_names_that_differ_in_case_or_composition_alone_are_two_files(tmp_path: Path) -> None:
    names = ["A.txt", "a.txt", "u\u0308.txt", "\u00fc.txt"]
    docs = make(tmp_path / "docs", *names)
    if len(list(docs.iterdir())) < len(names):
        pytest.skip("this file system takes them for one")
    assert [file.source for file in scan(docs, tmp_path / "index").files] == names


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_listed(tmp_path: Path) -> None:
    docs = make(tmp_path / "docs", "a.txt")
    (docs / "a.txt").chmod(0)
    assert scan(docs, tmp_path / "index").unread[0].reason == (
        "It cannot be opened: permission denied."
    )


def test_a_missing_folder_a_file_and_the_index_itself_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="There is no folder"):
        scan(tmp_path / "no", tmp_path / "index")
    make(tmp_path, "a.txt")
    with pytest.raises(CorpusError, match="is a file, not a folder"):
        scan(tmp_path / "a.txt", tmp_path / "index")
    with pytest.raises(UsageError, match="is the folder of documents itself"):
        scan(tmp_path, tmp_path)


def test_a_byte_order_mark_does_not_hide_the_first_pattern(tmp_path: Path) -> None:
    docs = make(tmp_path / "docs", "private.txt", "a.txt")
    (docs / ".ragignore").write_bytes(b"\xef\xbb\xbfprivate.txt\r\n")
    assert [file.source for file in scan(docs, tmp_path / "index").files] == ["a.txt"]
