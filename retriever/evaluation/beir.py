"""A folder in the layout of BEIR -> collection: corpus.jsonl, queries.jsonl and qrels, or .gz."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from indexer.language import detect_language
from retriever.errors import EvaluationError
from retriever.evaluation.collection import (
    Collection,
    JudgedText,
    Qrels,
    relevant_by_group,
)
from retriever.evaluation.options import Relevance

LAYOUT = (
    "Name a folder that holds corpus.jsonl, queries.jsonl and qrels.tsv or qrels/test.tsv, plain "
    "or .gz."
)
HEADER = ["query-id", "corpus-id", "score"]


def read_collection(folder: Path, relevance: Relevance = "qrels", qrels: str = "") -> Collection:
    """Read and check a collection.

    Args:
        folder: Holds the three files, each plain or gzip.
        relevance: "qrels" reads the judgements; "group" judges every document relevant that has
            the question's group, as in collections of parallel text.
        qrels: Name of another file of judgements in the folder, without its ending.

    Raises:
        EvaluationError: A file is missing, a line makes no sense, an id is not unique or unknown,
            or no question has a relevant document.
    """
    if not folder.is_dir():
        raise EvaluationError(f"There is no folder {folder}.", LAYOUT)
    documents = _read_texts(_find(folder, "corpus.jsonl"))
    questions = _read_texts(_find(folder, "queries.jsonl"))
    if relevance == "group":
        judged = relevant_by_group(documents, questions)
    else:
        names = (f"{qrels}.tsv",) if qrels else ("qrels.tsv", "qrels/test.tsv")
        judged = _read_qrels(_find(folder, *names), documents, questions)
    asked = tuple(
        text for text in questions if any(g > 0 for g in judged.get(text.id, {}).values())
    )
    if not asked:
        raise EvaluationError(
            f"No question in {folder} has a relevant document.",
            "Check the ids in the judgements, or judge by the field group: --relevance group",
        )
    notes: tuple[str, ...] = ()
    if len(asked) < len(questions):
        notes = (f"{len(questions) - len(asked)} questions without a relevant document left out",)
    return Collection(folder.name, documents, asked, judged, notes)


def _find(folder: Path, *names: str) -> Path:
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise EvaluationError(f"{folder} holds no {' and no '.join(names)}.", LAYOUT)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their 1-based numbers.

    Split at line feeds only: U+2028 and U+0085 occur inside texts.

    Raises:
        EvaluationError: The file cannot be read.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"{path.name} cannot be read: {error}.", "It should be UTF-8, plain or gzip."
        ) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects of a JSONL file with their line numbers.

    Raises:
        EvaluationError: A line is no JSON object.
    """
    for number, line in numbered_lines(path):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise EvaluationError(
                f"{path.name}, line {number} is not JSON: {error.msg} (column {error.colno}).",
                "Mend or remove that line.",
            ) from error
        if not isinstance(value, dict):
            raise EvaluationError(
                f"{path.name}, line {number} is not a JSON object.", "Mend or remove that line."
            )
        yield number, value


def field(value: dict[str, object], name: str, place: str, default: str | None = None) -> str:
    """A text field of an object; without a default it must be there.

    Raises:
        EvaluationError: It is missing or no text.
    """
    found = value.get(name, default)
    if found is None and default is not None:
        return default
    if not isinstance(found, str):
        raise EvaluationError(
            f"{place} has no text in the field {name}.", "Mend or remove that line."
        )
    return found


def _read_texts(path: Path) -> tuple[JudgedText, ...]:
    texts: dict[str, JudgedText] = {}
    for number, value in json_objects(path):
        place = f"{path.name}, line {number}"
        name = field(value, "_id", place)
        if name in texts:
            raise EvaluationError(
                f"{place} has the _id {name}, which another line has.", "Give each its own."
            )
        title, text = field(value, "title", place, ""), field(value, "text", place)
        # As an index reads it: the title is the first line of the document.
        whole = f"{title}\n\n{text}" if title else text
        language = field(value, "lang", place, "") or detect_language(whole)
        texts[name] = JudgedText(name, whole, language, field(value, "group", place, ""), title)
    return tuple(texts.values())


def _read_qrels(
    path: Path, documents: tuple[JudgedText, ...], questions: tuple[JudgedText, ...]
) -> Qrels:
    known_documents = {text.id for text in documents}
    known_questions = {text.id for text in questions}
    qrels: dict[str, dict[str, int]] = {}
    for number, line in numbered_lines(path):
        parts = line.split("\t")
        if number == 1 and parts == HEADER:
            continue
        place = f"{path.name}, line {number}"
        if len(parts) != 3 or not parts[2].strip().lstrip("-").isdecimal():
            raise EvaluationError(
                f"{place} is not a judgement.",
                "Each line holds a question's id, a document's id and a whole number, with tabs.",
            )
        question, document, grade = parts
        for name, known, kind in (
            (question, known_questions, "question"),
            (document, known_documents, "document"),
        ):
            if name not in known:
                raise EvaluationError(
                    f"{place} judges the {kind} {name}, which is not there.",
                    "Mend the judgements, or add what they name.",
                )
        qrels.setdefault(question, {})[document] = int(grade)
    return qrels
