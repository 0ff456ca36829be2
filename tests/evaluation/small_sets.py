"""A parallel collection whose figures a person can compute in the head.

With the concept encoder "cat" has the cosine 1 with b1, 0.7071 with c2 and 0 with a3; "Zug" and
"train" have 0 with all, so that trec_eval orders them by descending id: c2, b1, a3.
"""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

DOCUMENTS = [
    ("b1", "de", "Die Katze schläft auf dem Sofa."),
    ("b1", "en", "The cat sleeps on the sofa."),
    ("c2", "de", "Die Katze trinkt Wasser."),
    ("c2", "en", "The cat drinks water."),
    ("a3", "de", "Das Brot ist frisch."),
    ("a3", "en", "The bread is fresh."),
]
QUESTIONS = [
    ("q1", "de", "b1", "Wo ist die Katze?"),
    ("q1", "en", "b1", "Where is the cat?"),
    ("q2", "de", "c2", "Wer trinkt das Wasser?"),
    ("q2", "en", "c2", "Who drinks the water?"),
    ("q3", "de", "a3", "Ist das Brot frisch?"),
    ("q3", "en", "a3", "When does the train leave?"),
]


def write_jsonl(path: Path, rows: Sequence[dict[str, str]]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    data = lines.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def make_set(folder: Path, *, ending: str = "") -> Path:
    """Write the collection; `ending` is ".gz" for compressed files."""
    folder.mkdir(parents=True)
    documents = [
        {"_id": f"{group}-{lang}", "title": "", "text": text, "lang": lang, "group": group}
        for group, lang, text in DOCUMENTS
    ]
    questions = [
        {"_id": f"{name}-{lang}", "text": text, "lang": lang, "group": group}
        for name, lang, group, text in QUESTIONS
    ]
    write_jsonl(folder / f"corpus.jsonl{ending}", documents)
    write_jsonl(folder / f"queries.jsonl{ending}", questions)
    lines = ["query-id\tcorpus-id\tscore"]
    lines += [
        f"{question['_id']}\t{document['_id']}\t1"
        for question in questions
        for document in documents
        if question["group"] == document["group"]
    ]
    data = "\n".join(lines).encode()
    (folder / f"qrels.tsv{ending}").write_bytes(gzip.compress(data) if ending else data)
    return folder
