"""What the commands print, where, and how they end."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from rich.text import Span

import encoder.cli
import encoder.doctor
import encoder.hardware
import indexer.cli
import retriever.cli
import retriever.show
from encoder.console import show_log
from encoder.cut import tell_of_cut_passages, tell_of_cut_queries
from encoder.hardware import DeviceChoice
from encoder.registry import REGISTRY
from retriever.confidence import FEATURES, ConfidenceModel
from retriever.snippet import Snippet
from tests.test_wrong_input import load
from tests.word_states import WordEncoder

ROOT = Path(__file__).parent.parent


def build(corpus_dir: Path, index_dir: Path, *more: str) -> int:
    arguments = ["build", str(corpus_dir), "--index", str(index_dir), "--encoder", "concepts"]
    return indexer.cli.main([*arguments, *more], load)


def test_a_build_ends_with_a_summary(
    corpus_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (corpus_dir / "photo.jpg").touch()
    assert build(corpus_dir, tmp_path / "index") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "Documents: 4 read",
        "Formats:   txt 2, html 1, md 1",
        "Languages: German 2, Spanish 1, Japanese 1",
        "Passages:  4 (4 encoded, 92 tokens; 0 copied)",
    ]
    assert lines[4].startswith("Seconds:   scan ")
    assert lines[5:] == [
        "1 not read:",
        "  photo.jpg: The format .jpg is not read.",
        f"Index:     {tmp_path / 'index'}",
    ]


def test_strict_builds_exit_with_7_if_a_file_could_not_be_read(
    corpus_dir: Path, tmp_path: Path
) -> None:
    (corpus_dir / "photo.jpg").touch()
    assert build(corpus_dir, tmp_path / "index", "--strict") == 7


def test_a_build_reports_as_json(
    corpus_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(corpus_dir, tmp_path / "index", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["read"], report["passages"], report["unread"]) == (4, 4, [])


def test_a_quiet_build_prints_nothing(
    corpus_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(corpus_dir, tmp_path / "index", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_a_dry_run_lists_and_makes_nothing(
    corpus_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(corpus_dir, tmp_path / "index", "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "read    animals.txt",
        "read    garantie.html",
        "read    trip/train.md",
        "read    weather.txt",
        "0 unchanged, 0 left out. Nothing was done.",
    ]
    assert not (tmp_path / "index").exists()


def test_ls_lists_documents(index_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert indexer.cli.main(["ls", "--index", str(index_dir)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "de   txt        1  animals.txt",
        "de   html       1  garantie.html",
        "es   md         1  trip/train.md",
        "ja   txt        1  weather.txt",
    ]


def test_status_says_what_the_index_is(index_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert indexer.cli.main(["status", "--index", str(index_dir), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["documents"], facts["passages"], facts["encoder"]) == (4, 4, "concepts")
    assert facts["languages"] == {"de": 2, "es": 1, "ja": 1}


def test_verify_says_that_an_index_is_sound(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert indexer.cli.main(["verify", "--index", str(index_dir)]) == 0
    assert "verdict    sound" in capsys.readouterr().out


def search(index_dir: Path, *arguments: str) -> int:
    command = ["search", *arguments, "--index", str(index_dir), "--encoder", "concepts"]
    return retriever.cli.main(command, load)


def test_search_prints_hits(index_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search(index_dir, "Where is the cat?", "-k", "2") == 0
    assert capsys.readouterr().out.splitlines() == [
        "  1  1.000  de   animals.txt",
        "Die Katze schläft auf dem Sofa.",
        "",
        "  2  0.707  ja   weather.txt",
        "猫は水が好きではありません。",
        "",
    ]


def test_two_passages_that_share_the_sentence_that_answers_are_shown_by_two_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retriever.snippet.SNIPPET_CHARS", 16)
    (tmp_path / "docs").mkdir()
    text = "Das Brot liegt hier heute. Die Katze ruht. Das Wasser ist sehr kalt."
    (tmp_path / "docs" / "a.txt").write_text(text, encoding="utf-8")
    assert (
        build(tmp_path / "docs", tmp_path / "index", "--max-tokens", "48", "--overlap", "20") == 0
    )
    capsys.readouterr()
    assert search(tmp_path / "index", "cat") == 0
    assert capsys.readouterr().out.splitlines()[1::3] == ["…Die Katze ruht.", "…Das Wasser ist s…"]


def test_search_prints_hits_as_json(index_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search(index_dir, "cat", "-k", "1", "--lang", "JA", "--json") == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert (hit["rank"], hit["score_kind"]) == (1, "cosine")
    assert hit["score"] == hit["cosine"] == pytest.approx(0.7071, abs=1e-4)
    assert hit["passage"]["source"] == "weather.txt"


def test_nothing_found_is_said_and_can_be_an_exit_code(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(index_dir, "cat", "--lang", "fr") == 0
    assert search(index_dir, "cat", "--min-score", "1.1", "--fail-empty") == 3
    assert search(index_dir, "cat", "--path", "a*", "--lang", "ja", "--after", "2001-01-01") == 0
    assert search(index_dir, "cat", "--format", ".EXE,pdf") == 0
    assert search(index_dir, "xylophone", "--mode", "lexical") == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "Nothing found: no passage is in fr; the index holds de (2), es (1), ja (1).",
        "Nothing found: loosen --min-score.",
        "Nothing found: loosen --lang, --path or --after.",
        "Nothing found: no document has the format .EXE, pdf; the index holds html, md, txt.",
        "Nothing found: no passage holds a word of the question that counts. "
        "Search by meaning too: --mode hybrid",
    ]


def test_a_language_or_format_that_is_not_there_is_named_beside_the_hits(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(index_dir, "cat", "--lang", "ja,fr", "--format", "exe,TXT") == 0
    output = capsys.readouterr()
    assert "weather.txt" in output.out
    assert output.err.splitlines() == [
        "Note: no passage is in fr; the index holds de (2), es (1), ja (1).",
        "Note: no document has the format exe; the index holds html, md, txt.",
    ]


def test_a_quoted_phrase_that_stands_nowhere_is_named(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = 'cat "Katze schläft" „schläft die Katze“ "Hund" "sofa" "?!" 「好きではありません」'
    for more in ((), ("--lang", "ja"), ("--mode", "dense")):
        assert search(index_dir, question, *more) == 0
    left = "stands in no passage that the filters leave."
    assert capsys.readouterr().err.splitlines() == [
        "Note: “schläft die Katze” stands in no passage.",
        "Note: “Hund” stands in no passage.",
        f"Note: “Katze schläft” {left}",
        f"Note: “schläft die Katze” {left}",
        f"Note: “Hund” {left}",
        f"Note: “sofa” {left}",
    ]


def test_an_index_of_so_few_passages_that_none_stands_out_says_so(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = "Note: How sure the hits are is not known: "
    assert search(index_dir, "cat", "--min-confidence", "0.5") == 0
    assert capsys.readouterr().err == (f"{unknown}nothing was fitted for concepts.\n")
    assert search(index_dir, "cat") == 0
    assert capsys.readouterr().err == ""
    model = ConfidenceModel((0.0,) * len(FEATURES), 0.9, 0.5, 0.05, 0.2)
    monkeypatch.setattr("retriever.sure.confidence_model", lambda encoder, mode: model)
    assert search(index_dir, "cat") == 0
    assert search(index_dir, "cat", "--lang", "ja") == 0
    assert capsys.readouterr().err.splitlines() == [
        f"{unknown}among 4 passages none can stand out; it takes 10 to tell.",
        f"{unknown}among 1 passage none can stand out; it takes 10 to tell.",
    ]
    monkeypatch.setattr("retriever.sure.LEAST_PASSAGES", 4)
    monkeypatch.setattr("retriever.confidence.LEAST_PASSAGES", 4)
    assert search(index_dir, "cat", "--min-confidence", "0.1") == 0
    assert capsys.readouterr().err == ""


def test_words_that_carried_a_hit_are_in_brackets_where_nothing_can_be_underlined(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["search", "cat", "--index", str(index_dir), "--encoder", "x", "-k", "1", "--explain"]
    assert retriever.cli.main(command, lambda name, **more: WordEncoder()) == 0
    output = capsys.readouterr()
    assert output.out.splitlines()[1] == "Die [Katze] schläft auf dem Sofa."
    assert "In [brackets]: the words" in output.err


def test_words_that_carried_a_hit_are_underlined_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Console(force_terminal=True, color_system="standard")
    monkeypatch.setattr("retriever.show.stdout", terminal)
    marked = retriever.show.marked(Snippet("Ja. Die Katze.", 4, 14, ((8, 13),)), explain=True)
    assert marked.plain == "Ja. Die Katze."
    assert marked.spans == [Span(4, 14, "bold"), Span(8, 13, "underline")]


def test_where_words_alone_rank_nothing_is_said_of_balance(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(index_dir, "Sofa", "--explain", "--mode", "lexical") == 0
    errors = capsys.readouterr().err
    assert "Search: by the question's words alone; neither meaning nor balance ranks." in errors
    assert "Balance:" not in errors
    assert search(index_dir, "Sofa", "--explain") == 0
    assert "Balance: " in capsys.readouterr().err


def test_control_characters_of_a_document_never_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    name = "cat\x1b[31m\u202egnp.txt"
    (docs / name).write_text("A cat \x1b]0;title\x07 and [red]markup[/] \u202e.", encoding="utf-8")
    assert build(docs, tmp_path / "index") == 0
    assert search(tmp_path / "index", "cat") == 0
    assert indexer.cli.main(["ls", "--index", str(tmp_path / "index")]) == 0
    output = "".join(capsys.readouterr())
    assert not set(output) & {"\x1b", "\x07", "\u202e"}
    assert "[red]markup[/]" in output


def test_the_encoders_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert encoder.cli.main(["list", "--json"]) == 0
    names = [spec["name"] for spec in json.loads(capsys.readouterr().out)]
    assert names == list(REGISTRY)


def test_each_encoder_is_listed_on_one_line_with_its_licence_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert encoder.cli.main(["list"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    for line, spec in zip(lines, REGISTRY.values(), strict=True):
        assert line.startswith(f"{spec.name} ")
        assert spec.licence in line
        assert ("no commercial use" in line) is not spec.commercial_use


def test_a_warning_is_said_as_often_as_it_comes_but_a_cut_question_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_log(quiet=True)
    for _ in range(2):
        tell_of_cut_passages([3, 0], 512)
    for _ in range(2):
        tell_of_cut_queries([7], 512)
    assert capsys.readouterr().err.splitlines() == [
        "Warning: 1 of 2 texts exceed 512 tokens and were cut there",
        "Warning: 1 of 2 texts exceed 512 tokens and were cut there",
        "Warning: the question is too long: its last 7 tokens were not read",
    ]


def test_doctor_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert encoder.cli.main(["doctor", "--encoder", "e5-small", "--offline", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["licence"] == "MIT"
    assert facts["padding changes nothing"].startswith("yes (cosine ")
    assert facts["FAISS"].startswith("faiss-")
    if not torch.cuda.is_available():
        assert facts["FAISS"].endswith(": the processor scans an index's rows")


def test_doctor_says_which_numbers_compute_what() -> None:
    choice = DeviceChoice("cpu", "float32", "why", "int8")
    assert encoder.hardware.runs_on(choice) == (
        "the processor, matrix products in 8-bit integers, everything else in float32 (why)"
    )
    assert encoder.hardware.runs_on(replace(choice, device="cuda", products="float")) == (
        "cuda, everything in float32 (why)"
    )


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("faiss-cpu 1.15.1", "pip install -c constraints.txt -e '.[gpu]'"),
        ("faiss-gpu 1.15.1", "a GPU searches an index's rows where they are many and fit"),
    ],
)
def test_doctor_says_what_searches_where_there_is_a_gpu(package: str, said: str) -> None:
    assert encoder.doctor._scanned_by(package, gpu=True).endswith(said)


def test_explain_says_where_the_rows_are_searched(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(index_dir, "cat", "--explain") == 0
    assert "Search: the processor scans the rows: " in capsys.readouterr().err


def test_a_question_that_is_too_long_is_said_once(
    index_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(index_dir, "cat" * 200, "--explain") == 0  # encoded again, to explain the hits
    errors = capsys.readouterr().err
    assert errors.count("Warning: ") == errors.count("its last 88 tokens were not read") == 1


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


def test_a_folder_of_documents_cannot_smuggle_code_in(corpus_dir: Path) -> None:
    trap = "import pathlib; pathlib.Path('TRAPPED').touch()\n"
    for name in ("numpy.py", "torch.py", "typing.py", "encoder.py", "sitecustomize.py"):
        (corpus_dir / name).write_text(trap)
    (corpus_dir / "app").mkdir()
    (corpus_dir / "app" / "__init__.py").write_text(trap)
    (corpus_dir / ".streamlit").mkdir()
    (corpus_dir / ".streamlit" / "config.toml").write_text("[server]\naddress = '0.0.0.0'\n")
    built = run_in(corpus_dir, sys.executable, "-m", "indexer", "build", ".", "--offline")
    assert built.returncode == 0, built.stderr
    found = run_in(corpus_dir, sys.executable, "-m", "retriever", "search", "a cat", "-k", "1")
    assert "animals.txt" in found.stdout
    script = Path(sys.executable).parent / "crosstongue"
    if script.exists():
        assert run_in(corpus_dir, str(script), "status").returncode == 0
    assert not (corpus_dir / "TRAPPED").exists()


@pytest.mark.parametrize(("code", "target", "ended"), [(3, "", 3), (0, ">/dev/full", 120)])
def test_a_command_that_ends_at_once_has_printed_everything(
    code: int, target: str, ended: int
) -> None:
    ending = f"from encoder.console import leave; print('x' * 4000, end=''); leave({code})"
    result = run_in(ROOT, "bash", "-c", f"exec '{sys.executable}' -E -c \"{ending}\" {target}")
    printed = 0 if target else 4000
    assert (result.returncode, len(result.stdout), result.stderr) == (ended, printed, "")


def test_the_shell_completes_the_names_of_commands() -> None:
    half_typed = (
        "_CROSSTONGUE_COMPLETE=complete_bash",
        "COMP_WORDS=crosstongue se",
        "COMP_CWORD=1",
    )
    script = "import sys; sys.argv = ['crosstongue']; from app.commands import script; script()"
    completed = run_in(ROOT, "env", *half_typed, sys.executable, "-c", script)
    assert (completed.returncode, completed.stdout.split()) == (0, ["search"])


def test_results_that_a_full_disk_does_not_take_are_one_sentence(index_dir: Path) -> None:
    listing = f"'{sys.executable}' -m indexer ls --index '{index_dir}' >/dev/full"
    result = run_in(ROOT, "bash", "-c", listing)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "Error: The output cannot be written: No space left on device.",
        "Free space there, or let it go to another file.",
    ]


def test_a_terminal_without_the_characters_gets_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "猫.txt").write_text("Die Katze.", encoding="utf-8")
    assert build(tmp_path / "docs", tmp_path / "index") == 0
    listing = (
        f"PYTHONIOENCODING=latin-1 '{sys.executable}' -m indexer ls --index '{tmp_path}/index'"
    )
    result = run_in(ROOT, "bash", "-c", listing)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "de   txt        1  \\u732b.txt\n"


def test_the_console_script_is_there_and_hands_its_exit_code_on(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    module, function = project["scripts"]["crosstongue"].split(":")
    script = f"from {module} import {function}; {function}()"
    version = run_in(ROOT, sys.executable, "-c", script, "--version")
    assert (version.returncode, version.stdout) == (0, f"crosstongue {project['version']}\n")
    absent = run_in(ROOT, sys.executable, "-c", script, "search", "cat", "--index", str(tmp_path))
    assert absent.returncode == 4


SLOW_BUILD = """
import sys, time
from tests.concept_encoder import ConceptEncoder
import indexer.cli

class SlowEncoder(ConceptEncoder):
    def encode_passages(self, texts, /):
        print("encoding", flush=True)
        time.sleep(0.5)
        return super().encode_passages(texts)

sys.exit(indexer.cli.main(sys.argv[1:], lambda name, **more: SlowEncoder()))
"""


def test_ctrl_c_ends_a_build_with_130_and_one_sentence(corpus_dir: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_BUILD, "build", str(corpus_dir), "--index", f"{tmp_path}/i"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "encoding\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == (
        "Interrupted. What was committed is kept; the same command goes on from it."
    )


FULL_DISK = """
import resource, sys
from tests.concept_encoder import ConceptEncoder
import indexer.cli
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(indexer.cli.main(sys.argv[2:], lambda name, **more: ConceptEncoder()))
"""


@pytest.mark.parametrize("room", [0, 10, 5_000, 60_000])
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(
    room: int, corpus_dir: Path, tmp_path: Path
) -> None:
    arguments = ["build", str(corpus_dir), "--index", str(tmp_path / "index")]
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(room), *arguments],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert "cannot be used" in process.stderr
    assert "Free space or mend the permissions there" in process.stderr
    assert "Traceback" not in process.stderr
    assert build(corpus_dir, tmp_path / "index") == 0
    assert indexer.cli.main(["verify", "--index", str(tmp_path / "index")]) == 0


def test_an_error_message_carries_no_terminal_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "\x1b[2Jx.jpg").touch()
    assert build(tmp_path / "docs", tmp_path / "index") == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert "\\u001b[2Jx.jpg" in error


def test_a_reader_that_has_seen_enough_is_no_error(index_dir: Path) -> None:
    listing = f"'{sys.executable}' -m indexer ls --index '{index_dir}'"
    result = subprocess.run(
        ["bash", "-c", f"{listing} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("0\n", "")
