"""How long one search takes, split into encoding the question and searching.

    python benchmarks/search_latency.py [--passages 10000] [--searches 200]

The index is made of random unit rows and short texts: exact search costs the same whatever they
hold. Questions are real sentences of different lengths.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from encoder.load import load_local
from encoder.local import LocalEncoder
from indexer.chunk import Chunking, Passage
from indexer.document import Document
from indexer.manifest import Manifest, installed_libraries, make_probes
from indexer.store import IndexWriter, Part, lock_for_writing
from retriever.retriever import Retriever

PASSAGES_PER_DOCUMENT = 50
QUESTIONS = (
    "How long is the warranty?",
    "Wo kann ich die Bedienungsanleitung herunterladen, und in welchen Sprachen gibt es sie?",
    "返品の期限は何日ですか。",
    "ما هي ساعات العمل في أيام العطل الرسمية؟",
    "Сколько стоит билет для ребёнка?",
)


def write_index(index_dir: Path, encoder: LocalEncoder, passages: int) -> None:
    rng = np.random.default_rng(0)
    manifest = Manifest(
        encoder.spec, Chunking(), make_probes(encoder), "/", "g0001", "", installed_libraries()
    )
    with IndexWriter.open(index_dir, manifest, lock_for_writing(index_dir)) as writer:
        writer.publish()
        for number in range(passages // PASSAGES_PER_DOCUMENT):
            sentences = [
                f"This sentence stands for passage {number:04}-{i:02}. "
                for i in range(PASSAGES_PER_DOCUMENT)
            ]
            text, width = "".join(sentences), len(sentences[0])
            spans = [
                Passage(i * width, (i + 1) * width, None, "", "en", 8, sentence.strip())
                for i, sentence in enumerate(sentences)
            ]
            rows = rng.standard_normal((len(spans), encoder.spec.dim), np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            document = Document(f"{number:06}.txt", "txt", "", text)
            writer.commit([Part(document, "", len(text), 0, "en", spans, rows, complete=True)])
        writer.finish([], "now")


def percentiles(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--searches", type=int, default=200)
    arguments = parser.parse_args()
    encoder = load_local("e5-small")
    with tempfile.TemporaryDirectory() as temporary:
        index_dir = Path(temporary) / "index"
        write_index(index_dir, encoder, arguments.passages)
        retriever = Retriever.open(index_dir, encoder)
        whole, encoding = [], []
        for number in range(arguments.searches):
            question = QUESTIONS[number % len(QUESTIONS)]
            started = time.perf_counter()
            encoder.encode_queries([question])
            encoding.append(time.perf_counter() - started)
            started = time.perf_counter()
            retriever.search(question, k=10)
            whole.append(time.perf_counter() - started)
    # The encoder runs in both; a search's own part is what is left.
    own = [max(0.0, total - part) for total, part in zip(whole, encoding, strict=True)]
    figures = {
        "passages": arguments.passages,
        "search": percentiles(whole),
        "of which encoding the question": percentiles(encoding),
        "of which searching": percentiles(own),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
