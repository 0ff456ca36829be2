"""Search by meaning and words beside meaning alone, rank fusion and BM25, in mixed folders.

    python -m benchmarks.hybrid tldr --seeds 1 --questions 700
    python -m benchmarks.hybrid tldr --folders one --questions 1300
    python -m benchmarks.hybrid osguide --seeds 1 --questions 600
    python -m benchmarks.hybrid ntrex-news --languages am,ar,... --questions 9999 --seeds 10
        --balance off,auto,full --legs dense,hybrid

With `--folders one` there is a folder for each language instead, asked by the questions in all
others: pairs of languages. Folders, questions and languages are those of `eval --mixed uniform`,
vectors come from its cache, and scores of meaning and of both are made as `eval` makes them. On
tldr the page in the question's own language holds the question word for word, so only pages in
other languages are asked for. Needs `pip install bm25s` for that row. The last rows are oracles:
the better of several legs, question by question, which is more than any fusion that goes by ranks
can know. What dense gets wrong among the questions with a word of the command's name is counted by
the page that it puts first.
"""

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from encoder.load import load_encoder
from encoder.spec import Encoder
from indexer.language import detect_language
from indexer.lexical_index import LexicalIndex
from indexer.lexical_terms import LexicalText, Term
from indexer.words import find_words
from retriever.balance import BalanceMode
from retriever.balanced_rows import BalancedRows, RowSource
from retriever.evaluation.beir import read_collection
from retriever.evaluation.bootstrap import difference_estimates
from retriever.evaluation.candidates import Candidates, Questions, Scores
from retriever.evaluation.collection import Collection, JudgedText, primary
from retriever.evaluation.encoding import Cutting, encode_texts, make_passages
from retriever.evaluation.mixed import draw_folder
from retriever.evaluation.select import Selection, select
from retriever.evaluation.vector_cache import VectorCache
from retriever.fusion import MOST
from retriever.question_words import question_terms
from retriever.words import WordLeg

RRF_K = 60

Case = tuple[str, str, float, float]
"""Kind, group, recall@1 and reciprocal rank of a question."""


@dataclass(frozen=True)
class Folder:
    """One draw: its documents, the questions whose answer is there, and all legs' scores.

    Attributes:
        right: The place of each question's answer among the documents.
        dense: As a search by meaning scores, shape (questions, documents); so are the others.
        hybrid: As a search by meaning and words scores.
        lexical: What the words that count sum up to.
        bm25: Words alone.
    """

    documents: list[JudgedText]
    questions: list[JudgedText]
    right: list[int]
    dense: Scores
    hybrid: Scores
    lexical: Scores
    bm25: Scores


@cache
def opened() -> tuple[Encoder, VectorCache]:
    encoder = load_encoder("e5-small")
    return encoder, VectorCache.open(encoder)


def quiet(_done: int, _total: int) -> None:
    pass


def titles(folder: Path) -> dict[str, str]:
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        return {line["_id"]: line.get("title", "") for line in map(json.loads, file)}


def named(folder: Path) -> set[str]:
    with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as file:
        return {line["_id"] for line in map(json.loads, file) if line.get("named")}


def chosen(collection: Collection, keep: set[str], most: int) -> list[JudgedText]:
    others = [question for question in collection.questions if question.id not in keep]
    pick = np.random.default_rng(0).choice(len(others), min(most, len(others)), replace=False)
    kept = {others[place].id for place in pick} | keep
    return [question for question in collection.questions if question.id in kept]


def drawn(collection: Collection, kind: str, seeds: int) -> Iterator[list[JudgedText]]:
    """The documents of each folder."""
    if kind == "mixed":
        for seed in range(seeds):
            chosen = draw_folder(collection, "uniform", seed)
            yield [collection.documents[place] for place in chosen]
        return
    for language in sorted({text.language for text in collection.documents}):
        yield [text for text in collection.documents if text.language == language]


def ask(
    documents: list[JudgedText],
    questions: list[JudgedText],
    title_of: dict[str, str],
    modes: Sequence[BalanceMode],
) -> Iterator[tuple[BalanceMode, Folder]]:
    """Ask the questions whose answer is there, with each balance."""
    encoder, cache = opened()
    passages = make_passages(documents, encoder, Cutting())
    rows = encode_texts(passages.texts, "passage", encoder, cache, quiet)
    asked = [q for q in questions if q.group in {text.group for text in documents}]
    vectors = encode_texts([q.text for q in asked], "query", encoder, cache, quiet)
    names, language_of = np.unique(np.array(passages.languages), return_inverse=True)
    live = np.ones(len(rows), np.bool_)
    source = RowSource(
        encoder.spec, tuple(names.tolist()), language_of.astype(np.int32), live,
        lambda a, b: rows[a:b],
    )  # fmt: skip
    balanced = BalancedRows(source)
    languages = tuple(detect_language(question.text) for question in asked)
    texts = [
        LexicalText(i, text.text, title_of[text.id], passages.languages[i])
        for i, text in enumerate(documents)
    ]
    index = LexicalIndex.in_memory(texts)
    leg = WordLeg([index])
    terms = [question_terms(question.text) for question in asked]
    wanted = [leg.weigh(t, name) for t, name in zip(terms, languages, strict=True)]
    lexical = np.minimum(MOST, np.stack([leg.sums(one, len(rows)) for one in wanted]))
    bm25 = bm25_scores(index, terms, len(rows))
    place = {text.group: i for i, text in enumerate(documents)}
    right = [place[question.group] for question in asked]
    encoded = Questions(vectors, languages, tuple(question.text for question in asked))
    documents_of = np.arange(len(rows))
    legs = [Candidates(balanced, documents_of, len(rows), words) for words in (None, leg)]
    for mode in modes:
        dense, hybrid = (
            np.concatenate([scores for _, scores in one.scores(encoded, mode)]) for one in legs
        )
        yield mode, Folder(documents, asked, right, dense, hybrid, lexical, bm25)


def bm25_scores(index: LexicalIndex, terms: list[tuple[Term, ...]], rows: int) -> Scores:
    scores = np.zeros((len(terms), rows), np.float32)
    for row, asked in zip(scores, terms, strict=True):
        found = index.bm25(asked, rows)
        row[found.rows] = found.scores
    return scores


def bm25s_scores(folder: Folder) -> Scores | None:
    try:
        import bm25s
    except ImportError:
        return None
    engine = bm25s.BM25()
    engine.index([[*find_words(text.text).words] for text in folder.documents], show_progress=False)
    asked = [[*find_words(question.text).words] for question in folder.questions]
    return np.stack([engine.get_scores(words) for words in asked]).astype(np.float32)


def reciprocal(scores: Scores) -> Scores:
    """1 / (60 + rank), and nothing for what a leg has not found."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(scores.shape[1])[None], axis=1)
    found: Scores = np.where(scores > 0, 1 / (RRF_K + 1 + ranks), 0).astype(np.float32)
    return found


SYSTEMS: dict[str, Callable[[Folder], Scores | None]] = {
    "dense": lambda f: f.dense,
    "hybrid": lambda f: f.hybrid,
    "rank fusion": lambda f: reciprocal(f.dense - f.dense.min() + 1e-6) + reciprocal(f.bm25),
    "words (tantivy)": lambda f: f.bm25,
    "weighed words": lambda f: f.lexical,
    "words (bm25s)": bm25s_scores,
}

ORACLES = {
    "oracle: 2 legs": ("dense", "words (tantivy)"),
    "oracle: 4 legs": ("dense", "words (tantivy)", "words (bm25s)", "weighed words"),
}


def cases(folder: Folder, scores: Scores, keep: set[str], *, cross_only: bool) -> Iterator[Case]:
    """The cases of all questions; ties count against them."""
    for place, question in enumerate(folder.questions):
        right = folder.right[place]
        same = primary(question.language) == primary(folder.documents[right].language)
        if same and cross_only:
            continue
        rank = int((scores[place] >= scores[place][right]).sum())
        first, gain = float(rank == 1), 1 / rank
        yield "same language" if same else "cross", question.group, first, gain
        if keep:
            yield "named" if question.id in keep else "not named", question.group, first, gain


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("collection", type=Path)
    options.add_argument("--folders", choices=("mixed", "one"), default="mixed")
    options.add_argument("--languages", default="")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--questions", type=int, default=700)
    options.add_argument("--balance", default="auto", help="off, auto and full, with commas.")
    options.add_argument("--legs", default=",".join(SYSTEMS), help="Those that are compared.")
    given = options.parse_args()
    collection = read_collection(given.collection, "group", "")
    if given.languages:
        collection = select(collection, Selection(tuple(given.languages.split(","))))
    keep, title_of = named(given.collection), titles(given.collection)
    questions = chosen(collection, keep, given.questions)
    found: dict[str, dict[str, list[Case]]] = {}
    wrong: dict[str, Counter[str]] = {}
    cross_only = bool(keep) or given.folders == "one"
    for documents in drawn(collection, given.folders, given.seeds):
        for mode, folder in ask(documents, questions, title_of, given.balance.split(",")):
            for name in given.legs.split(","):
                scores = SYSTEMS[name](folder)
                if scores is not None:
                    same = found.setdefault(mode, {}).setdefault(name, [])
                    same.extend(cases(folder, scores, keep, cross_only=cross_only))
            wrong.setdefault(mode, Counter()).update(confusions(folder, keep, title_of))
        print(f"{len(documents)} documents, {len(folder.questions)} questions", flush=True)
    for balance, here in found.items():
        for name, legs in ORACLES.items():
            if all(leg in here for leg in legs):
                here[name] = [best(same) for same in zip(*map(here.__getitem__, legs), strict=True)]
        print(f"\nbalance {balance}")
        report(here)
        if wrong[balance]:
            print(f"\nWhat dense puts first, not the page of that name: {dict(wrong[balance])}")


def best(case_by_leg: Sequence[Case]) -> Case:
    """A question's case with the best figures that any leg has."""
    kind, group = case_by_leg[0][:2]
    return kind, group, max(case[2] for case in case_by_leg), max(case[3] for case in case_by_leg)


def confusions(folder: Folder, keep: set[str], title_of: dict[str, str]) -> Iterator[str]:
    """Name each error of the dense leg by what the first page and the right one have in common."""
    words = [{*find_words(title_of[text.id]).words} for text in folder.documents]
    for question, right, scores in zip(folder.questions, folder.right, folder.dense, strict=True):
        first = int(np.where(np.arange(len(scores)) == right, -np.inf, scores).argmax())
        same = primary(question.language) == primary(folder.documents[right].language)
        if question.id not in keep or same or scores[first] < scores[right]:
            continue
        if words[first] == words[right]:
            yield "of the same name"
        elif words[first] & words[right]:
            yield "shares a word of the name"
        else:
            yield "other"
        if (words[right] - words[first]) & {*find_words(question.text).words}:
            yield "(question has a word of the right name alone)"


def report(found: dict[str, list[Case]]) -> None:
    base = found["dense"]
    for kind in sorted({case[0] for case in base}):
        here = [place for place, case in enumerate(base) if case[0] == kind]
        number = {name: i for i, name in enumerate(sorted({base[place][1] for place in here}))}
        groups = np.array([number[base[place][1]] for place in here])
        before = np.array([base[place][2:] for place in here])
        print(f"\n{kind}: {len(here)} questions")
        for name, all_cases in found.items():
            values = np.array([all_cases[place][2:] for place in here])
            first, gain = values.mean(axis=0)
            line = f"  {name:16} recall@1 {first:.3f}  MRR {gain:.3f}"
            if name != "dense":
                change = difference_estimates(values - before, groups)[0]
                errors = 1 - (1 - first) / (1 - before[:, 0].mean())
                line += f"  recall@1 {change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
                line += f"  errors removed {errors:+.0%}"
            print(line)


if __name__ == "__main__":
    main()
