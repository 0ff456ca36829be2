"""Make the sets that language balance is tuned on, out of osguide and tldr.

    python benchmarks/tuning_sets.py OSGUIDE TLDR FOLDER

In tldr a page holds the question word for word, so a question in the page's own language is no
task; in osguide the questions are headings, too short to tell articles apart. Two sets come out,
in the layout that `python -m retriever eval` reads:

    FOLDER/osguide-lead     a section's first sentence asks for the rest of the section
    FOLDER/tldr-stripped    a page's summary asks for the page without its summary
"""

import argparse
import gzip
import json
from pathlib import Path

from indexer.boundaries import sentence_ends

Row = dict[str, str]
# A first sentence shorter than this says too little, and a longer one is a paragraph.
LEAD_CHARS = (20, 300)
# What is left of a section must say something; more than this is not read, to save time.
BODY_CHARS = (200, 700)


def read_rows(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def without_summary(page: str) -> str:
    """A page of tldr without the quoted lines at its top."""
    return "\n".join(line for line in page.split("\n") if not line.startswith(">")).strip()


def stripped(folder: Path) -> tuple[list[Row], list[Row]]:
    corpus = read_rows(folder / "corpus.jsonl.gz")
    documents = [{**row, "text": without_summary(row["text"])} for row in corpus]
    return documents, read_rows(folder / "queries.jsonl.gz")


def led(folder: Path) -> tuple[list[Row], list[Row]]:
    documents, questions = [], []
    for row in read_rows(folder / "corpus.jsonl.gz"):
        end = int(sentence_ends(row["text"])[0])
        lead = row["text"][:end].replace("**", "").strip("*-# \n")
        body = row["text"][end:].strip()[: BODY_CHARS[1]]
        if LEAD_CHARS[0] <= len(lead) <= LEAD_CHARS[1] and len(body) >= BODY_CHARS[0]:
            common = {"lang": row["lang"], "group": row["group"]}
            documents.append({"_id": row["_id"], "title": "", "text": body, **common})
            questions.append({"_id": f"lead-{row['_id']}", "text": lead, **common})
    return documents, questions


def write(folder: Path, documents: list[Row], questions: list[Row]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus", documents), ("queries", questions)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    members: dict[str, list[str]] = {}
    for row in documents:
        members.setdefault(row["group"], []).append(row["_id"])
    judged = (f"{q['_id']}\t{name}\t1\n" for q in questions for name in members[q["group"]])
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("osguide", type=Path)
    parser.add_argument("tldr", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    write(arguments.folder / "osguide-lead", *led(arguments.osguide))
    write(arguments.folder / "tldr-stripped", *stripped(arguments.tldr))


if __name__ == "__main__":
    main()
