"""What a person can do wrong: one message, one next step, one exit code each.

The README's troubleshooting table holds the same rows; the last test keeps them equal.
"""

import json
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import app.launch
import encoder.cli
import indexer.cli
import retriever.cli
from encoder.load import load_encoder
from encoder.spec import Encoder
from indexer.build import build_index
from indexer.store import lock_for_writing
from tests.concept_encoder import SPEC, ConceptEncoder

README = Path(__file__).parent.parent / "README.md"


def load(name: str, **options: bool) -> Encoder:
    if name == "concepts":
        return ConceptEncoder()
    return load_encoder(name, **options)


def run(command: str) -> int:
    """Run a command line given as a person types it, words separated by "|"."""
    program, *arguments = command.split("|")
    if program == "page":
        return app.launch.main(arguments)
    if program == "encoder":
        return encoder.cli.main(arguments)
    main = {"indexer": indexer.cli.main, "retriever": retriever.cli.main}[program]
    return main(arguments, load)


def nothing() -> None:
    pass


def a_file() -> None:
    Path("note.txt").write_text("Katze")


def an_empty_folder() -> None:
    Path("empty").mkdir()


def only_photos() -> None:
    Path("photos").mkdir()
    Path("photos/cat.jpg").touch()


def an_index() -> None:
    Path("docs").mkdir()
    Path("docs/a.txt").write_text("Die Katze.", encoding="utf-8")
    build_index(Path("docs"), Path("index"), ConceptEncoder())


def an_index_of_all_others() -> None:
    an_index()
    Path("other").mkdir()
    Path("other/a.txt").write_text("Wasser.", encoding="utf-8")


def an_index_and_no_documents() -> None:
    an_index()
    Path("docs/a.txt").unlink()


def an_index_of_a_later_version() -> None:
    an_index()
    path = Path("index/manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 4}))


def a_cut_index() -> None:
    an_index()
    Path("index/g0001/vectors.bin").write_bytes(b"")


def an_index_that_lost_its_database() -> None:
    an_index()
    Path("index/g0001/corpus.sqlite").unlink()


def an_index_with_damaged_words() -> None:
    an_index()
    (Path("index/g0001/lexical/000001/meta.json")).write_text("{}")


def a_folder_of_photos_and_documents() -> None:
    an_index()
    shutil.rmtree("index")
    only_photos()


def a_backup() -> None:
    an_index()
    Path("copy").mkdir()


def a_set(corpus: str, queries: str, qrels: str) -> None:
    Path("set").mkdir()
    Path("set/corpus.jsonl").write_text(corpus, encoding="utf-8")
    Path("set/queries.jsonl").write_text(queries, encoding="utf-8")
    Path("set/qrels.tsv").write_text(qrels, encoding="utf-8")


CORPUS = '{"_id": "d1", "text": "Die Katze.", "lang": "de"}\n'
QUERIES = '{"_id": "q1", "text": "cat?", "lang": "en"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\n"


def a_sound_set() -> None:
    a_set(CORPUS, QUERIES, QRELS)


def a_set_without_queries() -> None:
    a_sound_set()
    Path("set/queries.jsonl").unlink()


def a_set_with_a_broken_line() -> None:
    a_set(CORPUS + "{\n", QUERIES, QRELS)


def a_set_with_a_list() -> None:
    a_set(CORPUS, QUERIES + "[1]\n", QRELS)


def a_set_with_a_number_for_a_text() -> None:
    a_set('{"_id": "d1", "text": 7}', QUERIES, QRELS)


def a_set_with_an_id_twice() -> None:
    a_set(CORPUS + CORPUS, QUERIES, QRELS)


def a_set_with_words_for_judgements() -> None:
    a_set(CORPUS, QUERIES, "q1 d1 yes\n")


def a_set_with_an_unknown_document() -> None:
    a_set(CORPUS, QUERIES, QRELS + "q1\td9\t1\n")


def a_set_without_answers() -> None:
    a_set(CORPUS, QUERIES, "q1\td1\t0\n")


def a_set_with_a_torn_file() -> None:
    a_sound_set()
    Path("set/corpus.jsonl").rename("set/corpus.jsonl.gz")


def an_index_and_questions(line: str) -> None:
    an_index()
    Path("questions.jsonl").write_text(line, encoding="utf-8")


def an_index_and_a_question_about_another_source() -> None:
    an_index_and_questions('{"question": "cat?", "source": "b.txt"}')


def an_index_and_no_question() -> None:
    an_index_and_questions("\n")


Case = tuple[str, Callable[[], None], int]
CASES: list[Case] = [
    ("indexer|build|nope", nothing, 2),
    ("indexer|build|note.txt", a_file, 2),
    ("indexer|build|empty", an_empty_folder, 2),
    ("indexer|build|photos", only_photos, 2),
    ("indexer|build|docs|--index|photos", a_folder_of_photos_and_documents, 2),
    ("indexer|build|docs|--index|docs", an_index, 2),
    ("indexer|build|docs|--index|docs/a.txt", an_index, 2),
    ("indexer|build|docs|--max-tokens|9999|--fresh", an_index, 2),
    ("indexer|build|docs|--overlap|200|--fresh", an_index, 2),
    ("indexer|build|docs|--max-tokens|100", an_index, 5),
    ("indexer|build|docs", an_index_and_no_documents, 2),
    ("indexer|build|docs", an_index_of_a_later_version, 5),
    ("indexer|backup|copy", a_backup, 2),
    ("indexer|status", nothing, 4),
    ("retriever|search|cat", nothing, 4),
    ("retriever|search| ", an_index, 2),
    ("retriever|search|cat|-k|0", an_index, 2),
    ("retriever|search|cat|--min-confidence|2", an_index, 2),
    ("retriever|search|cat|--path|!", an_index, 2),
    ("indexer|build|docs|--exclude|!|--fresh", an_index, 2),
    ("retriever|search|cat|--instruction|Find it", an_index, 2),
    ("retriever|search|cat", a_cut_index, 6),
    ("retriever|search|cat", an_index_that_lost_its_database, 6),
    ("retriever|search|cat|--per-document|0", an_index, 2),
    ("retriever|search|cat|--after|2026-02-01|--before|2026-01-01", an_index, 2),
    ("retriever|search|cat|--after|gestern", an_index, 2),
    ("retriever|search|Katze|--mode|lexical", an_index_with_damaged_words, 6),
    ("indexer|verify", an_index_with_damaged_words, 6),
    ("retriever|eval", nothing, 2),
    ("retriever|eval|nope", nothing, 2),
    ("retriever|eval|set", a_set_without_queries, 2),
    ("retriever|eval|set", a_set_with_a_broken_line, 2),
    ("retriever|eval|set", a_set_with_a_list, 2),
    ("retriever|eval|set", a_set_with_a_number_for_a_text, 2),
    ("retriever|eval|set", a_set_with_an_id_twice, 2),
    ("retriever|eval|set", a_set_with_words_for_judgements, 2),
    ("retriever|eval|set", a_set_with_an_unknown_document, 2),
    ("retriever|eval|set", a_set_without_answers, 2),
    ("retriever|eval|set", a_set_with_a_torn_file, 2),
    ("retriever|eval|set|--qrels|test", a_sound_set, 2),
    ("retriever|eval|set|--languages|ja", a_sound_set, 2),
    ("retriever|eval|set|--languages|de", a_sound_set, 2),
    ("retriever|eval|set|--groups|5", a_sound_set, 2),
    ("retriever|eval|set|--relevance|group", a_sound_set, 2),
    ("retriever|eval|set|--mixed|uniform", a_sound_set, 2),
    ("retriever|eval|set|--mixed|uniform|--seeds|0", a_sound_set, 2),
    ("retriever|eval|set|--mixed|uniform|--heatmap|map.png", a_sound_set, 2),
    ("retriever|eval|set|--balance|half", a_sound_set, 2),
    ("retriever|eval|set|--balance|,", a_sound_set, 2),
    ("retriever|eval|set|--heatmap|map.gif", a_sound_set, 2),
    ("retriever|eval|--index|index", an_index, 2),
    ("retriever|eval|--index|index|--questions|questions.jsonl", an_index, 2),
    (
        "retriever|eval|--index|index|--questions|questions.jsonl",
        an_index_and_a_question_about_another_source,
        2,
    ),
    ("retriever|eval|--index|index|--questions|questions.jsonl", an_index_and_no_question, 2),
    ("encoder|doctor|--encoder|word2vec", nothing, 2),
    ("encoder|doctor|--encoder|nemotron-8b", nothing, 8),
    ("encoder|doctor|--encoder|nemotron-8b|--offline", nothing, 8),
    ("encoder|doctor|--encoder|http://gpu-server:8000", nothing, 2),
    ("encoder|doctor|--encoder|http://gpu-server:8000#mine", nothing, 2),
    ("encoder|doctor|--encoder|http://gpu-server:8000#nemotron-8b|--offline", nothing, 2),
    ("page|--port|0", nothing, 2),
]


def with_encoder(command: str) -> str:
    """Commands that load an encoder load the small one of the tests."""
    loads = command.startswith(("indexer|build", "retriever|search", "retriever|eval"))
    return f"{command}|--encoder|concepts" if loads else command


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def row(code: int, lines: list[str]) -> tuple[str, str, str]:
    """A row of the table, with the encoder that a user has in place of that of the tests."""
    what, next_step = (line.replace("concepts", "e5-small") for line in lines)
    return what.removeprefix("Error: "), str(code), next_step


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    output = capsys.readouterr()
    assert output.out == ""
    return output.err.strip().splitlines()[-2:]


@pytest.mark.parametrize(("command", "prepare", "code"), CASES, ids=[case[0] for case in CASES])
def test_wrong_input_gives_one_message_and_the_next_step(
    command: str, prepare: Callable[[], None], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare()
    capsys.readouterr()
    assert run(with_encoder(command)) == code
    assert row(code, said(capsys)) in table()


def table() -> set[tuple[str, str, str]]:
    """The rows of the README's troubleshooting table."""
    rows = re.findall(r"^\| `(.+)` \| (\d+) \| (.+) \|$", README.read_text("utf-8"), re.MULTILINE)
    return {(what, code, next_step.replace("`", "")) for what, code, next_step in rows}


def test_the_table_has_no_other_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = set()
    for number, (command, prepare, code) in enumerate(CASES):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        prepare()
        run(with_encoder(command))
        seen.add(row(code, said(capsys)))
    assert len(table()) == len(seen) + 4  # and those of the four tests below


def test_a_day_before_all_time_stamps_is_no_date(capsys: pytest.CaptureFixture[str]) -> None:
    an_index()
    assert run("retriever|search|cat|--after|0001-01-01|--encoder|concepts") == 2
    assert said(capsys) == [
        "Error: --after is '0001-01-01', which is no date.",
        "Write it like this: --after 2026-01-31",
    ]


def test_another_folder_of_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    an_index_of_all_others()
    assert run("indexer|build|other|--encoder|concepts") == 5
    lines = [line.replace(str(tmp_path), "/home/me") for line in said(capsys)]
    assert row(5, lines) in table()


@pytest.fixture
def _locked() -> Iterator[None]:
    an_index()
    lock = lock_for_writing(Path("index"))
    yield
    lock.release()


@pytest.mark.usefixtures("_locked")
def test_two_builds_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("indexer|build|docs|--encoder|concepts") == 9
    assert row(9, said(capsys)) in table()


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run(f"page|--port|{port}") == 2
    lines = [
        line.replace(str(port + 1), "8502").replace(str(port), "8501") for line in said(capsys)
    ]
    assert row(2, lines) in table()


@pytest.mark.parametrize(
    "command",
    ["indexer|build", "indexer|bild|docs", "retriever|search|cat|-k|many", "encoder|doctor|--fast"],
)
def test_a_command_line_that_makes_no_sense_exits_with_2(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 2
    assert "Usage: python -m" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("retriever|search|cat|--mode|foo", "'--mode': 'foo' is not one of 'dense', 'hybrid', "),
        ("retriever|search|cat|--balance|half", "'--balance': 'half' is not one of 'auto', "),
        ("retriever|search|cat|-k|3.5", "'-k': '3.5' is not a whole number."),
        ("retriever|search|cat|-k|" + "9" * 5000, f"'-k': '{'9' * 40}' is not a whole number."),
        ("retriever|search|cat|--min-score|high", "'--min-score': 'high' is not a number."),
        ("retriever|eval|--metric|foo", "'--metric': 'foo' is not one of 'recall@1', "),
        ("encoder|bench|--batch-tokens|3", "'--batch-tokens': '3' is less than 16."),
        ("indexer|build|docs|--workers|900", "'--workers': '900' is more than 64."),
        ("page|--port|\x1b[2J", "'--port': '\\\\u001b[2J' is not a whole number."),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_plain_words(
    command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 2
    assert said(capsys)[-1].startswith(f"Error: Invalid value for {message}")


def test_an_encoder_of_another_size_is_another_encoder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    an_index()
    assert SPEC.dim == 6
    assert retriever.cli.main(["search", "cat", "--encoder", "e5-small"], load) == 5
    assert "The index was made with concepts, not with e5-small." in said(capsys)[0]


# What `import faiss` of faiss-gpu 1.15.1 raises where a wheel of CUDA is missing.
NO_CUBLAS = (
    'RuntimeError("faiss-gpu installed but nvidia-cublas-cu12 is missing — pip install '
    "'nvidia-cublas-cu12>=12.6,<13'\")"
)


def broken_faiss(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a FAISS first that cannot be loaded."""
    Path("site/faiss").mkdir(parents=True)
    Path("site/faiss/__init__.py").write_text(f"raise {error}", encoding="utf-8")
    monkeypatch.syspath_prepend(Path("site").resolve())
    monkeypatch.delitem(sys.modules, "faiss", raising=False)


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_faiss_without_its_cuda_libraries(
    mode: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    an_index()
    capsys.readouterr()
    broken_faiss(NO_CUBLAS, monkeypatch)
    assert run(f"retriever|search|cat|--mode|{mode}|--encoder|concepts") == 8
    assert row(8, said(capsys)) in table()


@pytest.mark.parametrize(
    "error",
    [
        'ImportError("libfaiss.so: cannot open shared object file")',
        'ModuleNotFoundError("No module named \'packaging\'", name="packaging")',
        'OSError("invalid ELF header")',
    ],
)
def test_a_faiss_that_cannot_be_loaded_is_not_called_missing(
    error: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    an_index()
    capsys.readouterr()
    broken_faiss(error, monkeypatch)
    assert run("retriever|search|cat|--encoder|concepts") == 8
    assert said(capsys)[0].startswith("Error: FAISS is installed, but cannot be loaded: ")


def test_without_any_faiss_a_search_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    an_index()
    capsys.readouterr()
    monkeypatch.setitem(sys.modules, "faiss", None)  # as Python marks a module that is not there
    assert run("retriever|search|cat|--encoder|concepts") == 8
    assert said(capsys)[0] == "Error: FAISS is not installed."
