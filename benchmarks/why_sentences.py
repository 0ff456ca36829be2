"""Which sentence holds the answer: found in passages read whole, and sentence by sentence.

    python benchmarks/why_sentences.py --xquad XQUAD --groups 60
    python benchmarks/why_sentences.py --samples index

XQUAD is a folder with corpus.jsonl.gz (group, lang, text) and queries.jsonl.gz (group, lang, text,
answer, squad_id). A question is asked of its paragraph in its own language and in others drawn at
random; right is a sentence that holds the answer's text in the paragraph's language. `--samples`
takes an index of sample_docs and asks the questions of benchmarks/sample_answers.jsonl, where the
sentences that answer them are marked: on those the method was chosen. Prints the
share of cases whose first sentence is right, for both ways.
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from encoder.load import load_encoder
from encoder.local import LocalEncoder
from encoder.spec import Encoder
from indexer.language import detect_language
from indexer.store import open_index
from retriever.evaluation.beir import json_objects
from retriever.evaluation.bootstrap import difference_estimates, share_estimates
from retriever.sentences import sentence_spans
from retriever.why import Leans, explain_by_tokens

SAMPLES = Path(__file__).parent / "sample_answers.jsonl"


@dataclass(frozen=True, slots=True)
class Case:
    """A question, a passage, and what the right sentence holds."""

    group: str
    question: str
    question_language: str
    text: str
    language: str
    answers: tuple[str, ...]

    @property
    def right(self) -> set[tuple[int, int]]:
        spans = sentence_spans(self.text)
        return {
            (start, end)
            for start, end in spans
            if any(answer in self.text[start:end] for answer in self.answers)
        }


def xquad_cases(folder: Path, groups: int, others: int, seed: int) -> list[Case]:
    rng = random.Random(seed)
    texts = {
        (str(row["group"]), str(row["lang"])): str(row["text"])
        for _, row in json_objects(folder / "corpus.jsonl.gz")
    }
    asked: dict[str, dict[str, dict[str, object]]] = {}
    for _, row in json_objects(folder / "queries.jsonl.gz"):
        asked.setdefault(str(row["squad_id"]), {})[str(row["lang"])] = row
    chosen = set(rng.sample(sorted({group for group, _ in texts}), groups))
    cases = []
    for _, versions in sorted(asked.items()):
        for language, row in sorted(versions.items()):
            if row["group"] not in chosen:
                continue
            rest = sorted(set(versions) - {language})
            for other in (language, *rng.sample(rest, others)):
                cases.append(
                    Case(str(row["group"]), str(row["text"]), language,
                         texts[str(row["group"]), other], other, (str(versions[other]["answer"]),))
                )  # fmt: skip
    return cases


def sample_cases(index_dir: Path) -> list[Case]:
    index = open_index(index_dir)
    with index.reading() as database:
        live = np.flatnonzero(index.snapshot(database).live).tolist()
        passages = index.passages(database, live)
    cases = []
    for _, row in json_objects(SAMPLES):
        answers = [str(answer) for answer in cast("list[object]", row["answers"])]
        held = [p for p in passages if p.source == row["source"] and answers[0] in p.text]
        question, language = str(row["question"]), str(row["question_language"])
        cases += [
            Case(p.source, question, language, p.text, p.language, tuple(answers)) for p in held[:1]
        ]
    return cases


def right_by_tokens(cases: Sequence[Case], encoder: LocalEncoder) -> list[bool]:
    texts = sorted({case.text for case in cases})
    questions = sorted({case.question for case in cases})
    passage = dict(zip(texts, encoder.passage_states(texts), strict=True))
    question = {text: encoder.query_states(text) for text in questions}
    found = []
    for case in cases:
        # Languages as an index and a search see them.
        leans = Leans.of(
            encoder.spec.name, detect_language(case.question), detect_language(case.text)
        )
        why = explain_by_tokens(case.text, question[case.question], passage[case.text], leans)
        found.append((why.best.start, why.best.end) in case.right)
    return found


def right_by_sentences(cases: Sequence[Case], encoder: Encoder) -> list[bool]:
    texts = sorted({case.text for case in cases})
    spans = [(text, span) for text in texts for span in sentence_spans(text)]
    rows = encoder.encode_passages([text[start:end] for text, (start, end) in spans])
    of_text: dict[str, list[int]] = {}
    for row, (text, _) in enumerate(spans):
        of_text.setdefault(text, []).append(row)
    questions = sorted({case.question for case in cases})
    question = dict(zip(questions, encoder.encode_queries(questions), strict=True))
    found = []
    for case in cases:
        here = of_text[case.text]
        best = here[int(np.argmax(rows[here] @ question[case.question]))]
        found.append(spans[best][1] in case.right)
    return found


def report(name: str, chosen: list[int], values: np.ndarray, groups: list[str]) -> None:
    numbers = np.unique([groups[i] for i in chosen], return_inverse=True)[1]
    tokens, sentences = share_estimates(values[chosen], numbers)
    gain = difference_estimates(values[chosen, :1] - values[chosen, 1:], numbers)[0]
    print(
        f"{name:<16} n={len(chosen):<6} read whole {tokens.mean:.3f} "
        f"[{tokens.low:.3f}, {tokens.high:.3f}]  sentence by sentence {sentences.mean:.3f} "
        f"[{sentences.low:.3f}, {sentences.high:.3f}]  "
        f"gain {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--xquad", type=Path)
    parser.add_argument("--samples", type=Path, metavar="INDEX")
    parser.add_argument("--groups", type=int, default=240)
    parser.add_argument("--others", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if bool(args.xquad) == bool(args.samples):
        raise SystemExit("Name --xquad FOLDER or --samples INDEX.")
    if args.samples:
        cases = sample_cases(args.samples)
    else:
        cases = xquad_cases(args.xquad, args.groups, args.others, args.seed)
    told = [case for case in cases if case.right and len(sentence_spans(case.text)) > 1]
    print(f"{len(cases) - len(told)} of {len(cases)} cases left out: one sentence, or no answer")
    encoder = load_encoder("e5-small")
    if not isinstance(encoder, LocalEncoder):
        raise SystemExit("This encoder shows no token states.")
    started = time.perf_counter()
    whole = right_by_tokens(told, encoder)
    between = time.perf_counter()
    alone = right_by_sentences(told, encoder)
    passages = len({case.text for case in told})
    each = [
        1000 * (end - start) / passages
        for start, end in ((started, between), (between, time.perf_counter()))
    ]
    print(f"{each[0]:.0f} and {each[1]:.0f} ms a passage, its questions encoded too")
    values = np.array([whole, alone], np.float64).T
    groups = [case.group for case in told]
    own = [case.question_language == case.language for case in told]
    report("all", list(range(len(told))), values, groups)
    report("own language", [i for i, same in enumerate(own) if same], values, groups)
    report("other language", [i for i, same in enumerate(own) if not same], values, groups)
    for language in sorted({case.language for case in told}):
        report(
            f"passages in {language}",
            [i for i, case in enumerate(told) if case.language == language], values, groups,
        )  # fmt: skip


if __name__ == "__main__":
    main()
