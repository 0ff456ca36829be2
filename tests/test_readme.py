"""What the README promises is there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

import encoder.cli
import indexer.cli
import retriever.cli
from tests.test_wrong_input import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
ARROWS = re.findall(r"^\| [^|]+->[^|]+ \| `([\w.]+)` \| (\S+\.py) \|", README, re.MULTILINE)


@pytest.mark.parametrize(("function", "file"), ARROWS)
def test_each_arrow_of_the_flow_is_where_the_table_says(function: str, file: str) -> None:
    path = file.replace("\\_", "_").removesuffix(".py").removesuffix("/__init__")
    found = importlib.import_module(path.replace("/", "."))
    for name in function.split("."):
        if not hasattr(found, name):  # a method of the one class that the module is about
            found = next(value for value in vars(found).values() if hasattr(value, name))
        found = getattr(found, name)
    assert callable(found)


def test_the_table_shows_the_whole_flow() -> None:
    assert len(ARROWS) == 13


def test_every_link_to_a_file_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def commands() -> list[str]:
    return re.findall(r"^\$ python -m (.+)$", README, re.MULTILINE)


def test_the_readmes_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sample_docs").mkdir()
    (tmp_path / "sample_docs" / "a.txt").write_text("Die Garantie gilt zwei Jahre.", "utf-8")
    question = '{"question": "How long is the warranty?", "source": "a.txt"}'
    (tmp_path / "sample_docs" / "questions.jsonl").write_text(question, "utf-8")
    monkeypatch.chdir(tmp_path)
    mains = {"indexer": indexer.cli.main, "retriever": retriever.cli.main}
    assert len(commands()) >= 2
    for command in commands():
        package, *arguments = shlex.split(command)
        assert mains[package]([*arguments, "--encoder", "concepts"], load) == 0
    assert "a.txt" in capsys.readouterr().out


@pytest.mark.parametrize("main", [encoder.cli.main, indexer.cli.main, retriever.cli.main])
def test_every_command_has_an_example_in_its_help(
    main: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(main)
    assert main(["--help"]) == 0
    names = re.findall(r"^│ (\w+) {2,}", capsys.readouterr().out, re.MULTILINE)
    assert names
    for name in names:
        assert main([name, "--help"]) == 0
        assert f"Example: python -m {main.__module__.split('.')[0]} {name}" in " ".join(
            capsys.readouterr().out.split()
        )
