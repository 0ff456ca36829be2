"""A file can only harm the process that reads it: the build lists it and goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.build import build_index
from indexer.chunk import Passage
from indexer.document import Document, Heading, Page
from indexer.errors import ReaderNotStarted, UnreadableDocument
from indexer.isolation.ahead import choose_workers, read_ahead
from indexer.isolation.child import ReaderProcess
from indexer.isolation.limits import Limits, limits_for
from indexer.isolation.wire import LENGTH_BYTES, Answer, WireError, pack, unpack
from indexer.options import BuildOptions
from indexer.read import read_document
from indexer.scan import SourceFile
from tests.concept_encoder import ConceptEncoder
from tests.test_build import sources, texts_and_vectors
from tests.test_layering import ROOT, modules_after

DOCUMENT = Document("a.txt", "txt", "T", "one two", (Page(1, 0, 7),), (Heading(1, 0, 3),), ("n",))
linux = pytest.mark.skipif(sys.platform != "linux", reason="a limit that only Linux has")


@pytest.fixture
def reader() -> Iterator[ReaderProcess]:
    with ReaderProcess() as process:
        yield process


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_until_dead(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_a_file_is_read_as_in_this_process(corpus_dir: Path, reader: ReaderProcess) -> None:
    for path in sorted(corpus_dir.rglob("*.*")):
        source = path.relative_to(corpus_dir).as_posix()
        assert reader.read(path, source, Limits()) == read_document(path, source)


def test_a_short_text_in_an_old_encoding_is_read_by_a_process_that_may_write_nothing(
    tmp_path: Path, reader: ReaderProcess
) -> None:
    text = "Zażółć gęślą jaźń, powiedział pan Wójcik."
    (tmp_path / "a.txt").write_bytes(text.encode("cp1250"))
    found = reader.read(tmp_path / "a.txt", "a.txt", Limits())
    assert (found.text, found.notes) == (text, ("Decoded as cp1250.",))


@linux
def test_numpy_takes_no_memory_for_threads_that_a_reader_does_not_need(
    tmp_path: Path, reader: ReaderProcess
) -> None:
    (tmp_path / "a.txt").write_bytes("Zażółć gęślą jaźń.".encode("cp1250"))
    reader.read(tmp_path / "a.txt", "a.txt", Limits())  # the language model needs NumPy
    environment = Path(f"/proc/{reader.pid}/environ").read_bytes().split(b"\0")
    assert b"OPENBLAS_NUM_THREADS=1" in environment
    assert "\nThreads:\t1\n" in Path(f"/proc/{reader.pid}/status").read_text()


def test_one_process_reads_many_files(corpus_dir: Path, reader: ReaderProcess) -> None:
    reader.read(corpus_dir / "animals.txt", "animals.txt", Limits())
    first = reader.pid
    reader.read(corpus_dir / "weather.txt", "weather.txt", Limits())
    assert reader.pid == first != 0


def test_reasons_are_those_of_the_reader(tmp_path: Path, reader: ReaderProcess) -> None:
    with pytest.raises(UnreadableDocument, match=r"^It is empty \(zero bytes\)\.$"):
        reader.read(write(tmp_path / "a.txt", ""), "a.txt", Limits())
    with pytest.raises(FileNotFoundError):
        reader.read(tmp_path / "gone.txt", "gone.txt", Limits())


def test_an_interpreter_that_does_not_start_is_one_sentence(
    corpus_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ReaderNotStarted, match=r"it ended at once \(exit code 1\)\."):
        build_index(corpus_dir, tmp_path / "index", ConceptEncoder())


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file whose reading takes minutes."""
    return write(tmp_path / "endless.md", "* [a](b) `c` *d*\n" * 2_000_000)


def test_a_file_that_hangs_its_reader_is_given_up(endless: Path, reader: ReaderProcess) -> None:
    with pytest.raises(UnreadableDocument, match=r"Reading it took more than 1 s\."):
        reader.read(endless, "endless.md", replace(Limits(), wall_s=1.0))
    assert reader.pid == 0


def test_processor_time_is_limited(endless: Path, tmp_path: Path, reader: ReaderProcess) -> None:
    with pytest.raises(UnreadableDocument, match="took more than 1 s of processor time"):
        reader.read(endless, "endless.md", replace(Limits(), cpu_s=1))
    small = write(tmp_path / "a.txt", "Die Katze.")
    assert reader.read(small, "a.txt", Limits()).text == "Die Katze."


@linux
def test_memory_is_limited(tmp_path: Path, reader: ReaderProcess) -> None:
    path = write(tmp_path / "large.txt", "Die Katze trinkt. " * 3_000_000)
    with pytest.raises(UnreadableDocument, match=r"takes more than 0 GB of memory\. Cut it"):
        reader.read(path, "large.txt", replace(Limits(), memory_bytes=120 * 2**20))


def test_the_answer_is_limited(tmp_path: Path, reader: ReaderProcess) -> None:
    path = write(tmp_path / "a.txt", "Die Katze. " * 200_000)
    with pytest.raises(UnreadableDocument, match="unfolds to more than 1 MB of text"):
        reader.read(path, "a.txt", replace(Limits(), answer_bytes=2**20))


def kill_in_turn(reader: ReaderProcess, signals: list[signal.Signals]) -> None:
    """Let each process that has got the file die, as if a parser had crashed."""
    seen = reader.pid, reader.files
    for number in signals:
        while not reader.files or (reader.pid, reader.files) == seen:
            time.sleep(0.01)
        seen = reader.pid, reader.files
        os.kill(reader.pid, number)


def test_a_crash_is_tried_once_more_and_then_costs_that_file_only(
    endless: Path, corpus_dir: Path, reader: ReaderProcess
) -> None:
    reader.read(corpus_dir / "animals.txt", "animals.txt", Limits())
    killer = threading.Thread(
        target=kill_in_turn, args=(reader, [signal.SIGSEGV, signal.SIGABRT]), daemon=True
    )
    killer.start()
    with pytest.raises(UnreadableDocument, match=r"It crashed its reader, or .*\(SIGABRT\)\."):
        reader.read(endless, "endless.md", Limits())
    killer.join(10)
    assert reader.read(corpus_dir / "weather.txt", "weather.txt", Limits()).format == "txt"


def test_a_reader_cannot_write_connect_or_start_programs(tmp_path: Path) -> None:
    code = f"""
import os, socket, subprocess, sys
from indexer.isolation import worker
sys.addaudithook(worker._forbid)
for attempt in (
    lambda: open({str(tmp_path / "x")!r}, "w"),
    lambda: os.open({str(tmp_path / "x")!r}, os.O_CREAT | os.O_RDWR),
    lambda: socket.create_connection(("127.0.0.1", 9)),
    lambda: subprocess.Popen(["true"]),
    lambda: os.system("true"),
    lambda: os.fork(),
):
    try:
        attempt()
    except PermissionError as error:
        assert "a reading process may not" in str(error)
    else:
        sys.exit("allowed")
open({str(Path(__file__))!r}).close()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_loads_nothing_heavy() -> None:
    loaded = modules_after("import indexer.isolation.worker")
    assert loaded & {"torch", "numpy", "transformers", "tokenizers", "faiss", "pydantic"} == set()


@linux
def test_a_reader_is_bound_by_the_operating_system(corpus_dir: Path, reader: ReaderProcess) -> None:
    reader.read(corpus_dir / "animals.txt", "animals.txt", Limits())
    lines = Path(f"/proc/{reader.pid}/limits").read_text().splitlines()
    soft = {line[:26].strip(): line[26:].split()[0] for line in lines[1:]}
    assert soft["Max address space"] == str(2 * 2**30)
    assert soft["Max file size"] == soft["Max core file size"] == "0"
    assert soft["Max open files"] == "64"
    assert 60 <= int(soft["Max cpu time"]) <= 62


def test_limits_grow_with_the_file() -> None:
    assert limits_for(0) == Limits(60, 240, 2 * 2**30)
    assert limits_for(10 * 2**20) == Limits(160, 640, 2 * 2**30 + 120 * 2**20)
    assert limits_for(2**29).memory_bytes == 8 * 2**30


def test_an_answer_comes_back_as_it_was_sent() -> None:
    for answer in (
        Answer(document=DOCUMENT),
        Answer(unreadable=("why", "")),
        Answer(forbidden=(13, "no")),
        Answer(no_memory=True),
        Answer(fault="Traceback"),
    ):
        data = pack(answer)
        assert int.from_bytes(data[:LENGTH_BYTES], "little") == len(data) - LENGTH_BYTES
        assert unpack(data[LENGTH_BYTES:], "a.txt") == answer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"document": 5}',
        b'{"no_memory": "yes"}',
        b"\x80\x04N.",
        pack(Answer(document=replace(DOCUMENT, source="b.txt")))[8:],
        pack(Answer(document=replace(DOCUMENT, text="")))[8:],
        pack(Answer(document=replace(DOCUMENT, pages=(Page(1, 0, 6),))))[8:],
        pack(Answer(document=replace(DOCUMENT, pages=(Page(0, 0, 7),))))[8:],
        pack(Answer(document=replace(DOCUMENT, pages=(Page(1, 0, 8), Page(2, 8, 7)))))[8:],
        pack(Answer(document=replace(DOCUMENT, headings=(Heading(1, 5, 9),))))[8:],
        pack(Answer(document=replace(DOCUMENT, headings=(Heading(1, -1, 2),))))[8:],
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data, "a.txt")


def test_surrogates_in_an_answer_become_plain_text() -> None:
    data = pack(Answer(unreadable=("bad \udcff name", "")))
    assert unpack(data[LENGTH_BYTES:], "").unreadable == ("bad ? name", "")


def files_in(folder: Path) -> list[SourceFile]:
    return [SourceFile(path, path.name, path.stat().st_size) for path in sorted(folder.iterdir())]


def as_one(document: Document) -> tuple[Passage, ...]:
    size = len(document.text)
    return (Passage(0, size, None, "", "und", size, document.text),)


def test_documents_come_in_order_whoever_reads_them(tmp_path: Path) -> None:
    for number in range(40):
        length = 300_000 if number % 7 == 0 else 5
        write(tmp_path / f"{number:02}.txt", f"Katze {number} " * length)
    with read_ahead(files_in(tmp_path), as_one, 3) as prepared:
        found = [done.document.source for done in prepared if done.document]
    assert found == [f"{number:02}.txt" for number in range(40)]


def test_reading_does_not_run_far_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.isolation.ahead.MAX_WAITING_CHARS", 1000)
    for number in range(12):
        write(tmp_path / f"{number:02}.txt", "Katze. " * 100)
    cut: list[str] = []

    def count(document: Document) -> tuple[Passage, ...]:
        cut.append(document.source)
        return as_one(document)

    with read_ahead(files_in(tmp_path), count, 2) as prepared:
        next(prepared)
        time.sleep(1.5)
        assert 2 <= len(cut) <= 5  # one taken, two waiting, two on their way
        assert len(list(prepared)) == 11


def test_a_mistake_in_the_background_is_not_swallowed(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "Katze")

    def broken(document: Document) -> tuple[Passage, ...]:
        raise ZeroDivisionError(document.source)

    with (
        pytest.raises(ZeroDivisionError, match=r"a\.txt"),
        read_ahead(files_in(tmp_path), broken, 1) as prepared,
    ):
        next(prepared)


def test_workers_are_chosen_by_what_there_is(tmp_path: Path) -> None:
    few = [SourceFile(tmp_path, "a", 10)] * 3
    many = [SourceFile(tmp_path, "a", 10)] * 10_000
    assert choose_workers(5, few).number == 5
    assert choose_workers(None, few).number == 1
    assert 2 <= choose_workers(None, many).number <= 8


def test_more_workers_give_the_same_index(corpus_dir: Path, tmp_path: Path) -> None:
    for number in range(30):
        write(corpus_dir / f"{number}.txt", f"Satz {number} über eine Katze. " * (number % 9 + 1))
    for workers in (1, 4):
        options = BuildOptions(workers=workers)
        build_index(corpus_dir, tmp_path / str(workers), ConceptEncoder(), options)
    assert texts_and_vectors(tmp_path / "1") == texts_and_vectors(tmp_path / "4")
    one, four = (
        (tmp_path / workers / "g0001" / "vectors.bin").read_bytes() for workers in ("1", "4")
    )
    assert one == four


def test_a_file_that_kills_its_reader_costs_itself_only(
    corpus_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(corpus_dir / "bomb.md", "* [a](b) `c` *d*\n" * 400_000)
    monkeypatch.setattr("indexer.isolation.ahead.limits_for", lambda size: Limits(cpu_s=2))
    report = build_index(corpus_dir, tmp_path / "index", ConceptEncoder())
    (unread,) = report.unread
    assert unread.source == "bomb.md"
    assert unread.reason.startswith("Reading it took more than 2 s of processor time. It may be")
    assert len(sources(tmp_path / "index")) == 4


# A build whose one file never ends; it says who reads it.
STUCK = """
import os, sys, threading, time
from pathlib import Path
from indexer.chunk import chunk_document
from indexer.isolation import ahead
from indexer.scan import SourceFile

readers = []
class Noted(ahead.ReaderProcess):
    def __init__(self):
        super().__init__()
        readers.append(self)

ahead.ReaderProcess = Noted

def tell():
    while not readers or not readers[0].pid:
        time.sleep(0.01)
    time.sleep(0.3)
    print(readers[0].pid, flush=True)

threading.Thread(target=tell, daemon=True).start()
path = Path(sys.argv[1])
try:
    with ahead.read_ahead([SourceFile(path, "endless.md", 1)], None, 1) as prepared:
        next(prepared)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_reader_outlives_its_build(ending: signal.Signals, endless: Path) -> None:
    if ending != signal.SIGINT and sys.platform != "linux":
        pytest.skip("elsewhere a reader ends after the file at hand")
    build = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(endless)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert build.stdout is not None
    child = int(build.stdout.readline())
    assert alive(child)
    build.send_signal(ending)
    assert build.wait(20) == (130 if ending == signal.SIGINT else -ending)
    assert wait_until_dead(child)
    build.stdout.close()


def test_a_document_folder_cannot_smuggle_code_into_a_reader(corpus_dir: Path) -> None:
    for name in ("json.py", "lxml.py", "charset_normalizer.py"):
        write(corpus_dir / name, "import pathlib; pathlib.Path('TRAPPED').touch()\n")
    code = (
        "import json; from pathlib import Path; from indexer.isolation.child import ReaderProcess; "
        "from indexer.isolation.limits import Limits; r = ReaderProcess(); "
        "d = r.read(Path('animals.txt').resolve(), 'animals.txt', Limits()); r.close(); "
        "print(json.dumps(d.text))"
    )
    clean = f"import sys; sys.path[:] = [{str(ROOT)!r}, *filter(None, sys.path)]; {code}"
    result = subprocess.run(
        [sys.executable, "-P", "-c", clean], cwd=corpus_dir, check=True, capture_output=True
    )
    assert json.loads(result.stdout) == "Die Katze schläft auf dem Sofa."
    assert not (corpus_dir / "TRAPPED").exists()
