"""The questions that a folder brings, which may be anything."""

import json
import os
from pathlib import Path

from app.examples import (
    FILE_NAME,
    MOST_BYTES,
    MOST_CHARS,
    MOST_DETECTED,
    MOST_EXAMPLES,
    Example,
    read_examples,
)

SOURCES = {f"{i}.txt" for i in range(20)}


def written(folder: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / FILE_NAME).write_text("\n".join(texts), encoding="utf-8")
    return folder


def asked(question: object, source: object = "0.txt", language: object = "en") -> object:
    return {"question": question, "source": source, "language": language}


def test_each_example_is_in_another_language_and_about_another_source(tmp_path: Path) -> None:
    written(
        tmp_path,
        asked("One?"),
        asked("Two?", "1.txt"),
        asked("Drei?", "0.txt", "de"),
        asked("Vier?", "1.txt", "de"),
        asked("Wo ist der Ausgang des Museums?", "2.txt", None),
        asked("Où est la sortie du musée ?", "3.txt", None),
    )
    assert read_examples(tmp_path, SOURCES) == (
        Example("One?", "en"),
        Example("Vier?", "de"),
        Example("Où est la sortie du musée ?", "fr"),
    )


def test_there_are_so_many_examples_at_most(tmp_path: Path) -> None:
    written(tmp_path, *(asked("?!", f"{i}.txt", f"l{chr(97 + i)}") for i in range(20)))
    assert len(read_examples(tmp_path, SOURCES)) == MOST_EXAMPLES


def test_lines_that_are_no_questions_are_passed_over(tmp_path: Path) -> None:
    written(
        tmp_path,
        "{",
        "[1]",
        "[" * 100_000,
        asked(7),
        asked(" \n"),
        asked("x" * (MOST_CHARS + 1)),
        asked("Not in the index?", "other.txt"),
        asked("No source?", None),
        asked("In\x1b[2J\u202eone line?\n", "0.txt"),
    )
    assert read_examples(tmp_path, SOURCES) == (Example("In[2Jone line?", "en"),)


def test_a_source_is_compared_as_it_is_written(tmp_path: Path) -> None:
    written(tmp_path, asked("One?", "a  b.txt"))
    assert read_examples(tmp_path, {"a  b.txt"}) == (Example("One?", "en"),)


def test_few_languages_are_detected_and_none_of_a_question_that_is_not_for_it(
    tmp_path: Path,
) -> None:
    missing = [asked("Wo ist der Ausgang?", "other.txt", None)] * (2 * MOST_DETECTED)
    same = [asked(f"Where is door {i} of the museum?", "1.txt", None) for i in range(MOST_DETECTED)]
    last = [asked("Où est la sortie ?", "2.txt", None), asked("Zuletzt?", "3.txt", "de")]
    written(tmp_path, *missing, asked("One?"), *same, *last)
    assert read_examples(tmp_path, SOURCES) == (Example("One?", "en"), Example("Zuletzt?", "de"))


def test_a_folder_that_cannot_be_has_no_examples() -> None:
    assert read_examples(Path("/a\0b"), SOURCES) == ()


def test_only_the_beginning_of_an_ordinary_file_is_read(tmp_path: Path) -> None:
    assert read_examples(tmp_path / "gone", SOURCES) == ()
    elsewhere = written(tmp_path, asked("Mine?")) / FILE_NAME
    for name in ("link", "pipe", "folder", "long"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / FILE_NAME).symlink_to(elsewhere)
    os.mkfifo(tmp_path / "pipe" / FILE_NAME)
    (tmp_path / "folder" / FILE_NAME).mkdir()
    written(tmp_path / "long", " " * MOST_BYTES, asked("Late?"))
    for name in ("link", "pipe", "folder", "long"):
        assert read_examples(tmp_path / name, SOURCES) == (), name
