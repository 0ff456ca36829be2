"""Language balance in mixed folders, beside an oracle: each text of a parallel set in one language.

    python -m benchmarks.balance_mixed_folder SET... [--fit-on-others] [--bonus 0,0.02,0.04,0.06]

Questions come in all languages; figures are means over random folders: recall@1 and MRR@10 of
questions whose answer is in another language, recall@1 of those whose answer is in their own, and
the share of the first ten that is in the question's language, in units of the fair share.
The *oracle* takes away the means of the whole set, passages and questions, by their true languages:
no folder can know them. `gain` is what a mode gains in cross-language recall@1 as a share of what
the oracle gains, `loss` what it loses in the question's own language, in points.

With --fit-on-others each set is judged with statistics fitted on the other ones instead of those
that are shipped, and a second time with every second language left out of these, since most
languages of the world were not fitted. --bonus compares several bonuses for the question's own
language.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from benchmarks.fit_language_offsets import fit_sets
from benchmarks.parallel_sets import ParallelSet, Texts, language_code, load_set
from encoder.language_offsets import LanguageOffsets, language_offsets
from encoder.load import load_encoder
from encoder.spec import Vectors
from retriever.balance import OWN_LANGUAGE_BONUS
from retriever.balanced_rows import BalancedRows
from retriever.evaluation.candidates import Candidates, Scores
from retriever.evaluation.mixed import draw_folder
from retriever.evaluation.options import Draw
from retriever.evaluation.select import Selection

Fitted = Callable[[str], LanguageOffsets | None]


@dataclass(frozen=True, slots=True)
class Folder:
    """One draw.

    Attributes:
        documents: Positions of its documents in the set.
        questions: Positions of the questions that have an answer in it.
        answers: Shape (questions,): which of its documents answers each.
        own: Shape (questions, documents): whether both are in one language.
    """

    documents: npt.NDArray[np.int64]
    questions: npt.NDArray[np.int64]
    answers: npt.NDArray[np.int64]
    own: npt.NDArray[np.bool_]


def folder(whole: ParallelSet, draw: Draw, seed: int) -> Folder:
    collection = whole.encoded.collection
    documents = np.array(draw_folder(collection, draw, seed))
    place = {collection.documents[at].group: i for i, at in enumerate(documents)}
    asked = [at for at, text in enumerate(collection.questions) if text.group in place]
    answers = np.array([place[collection.questions[at].group] for at in asked])
    languages = np.array([language_code(collection.documents[at].language) for at in documents])
    asked_in = np.array([language_code(collection.questions[at].language) for at in asked])
    return Folder(documents, np.array(asked), answers, asked_in[:, None] == languages)


def balanced_scores(whole: ParallelSet, drawn: Folder, fitted: Fitted, mode: str) -> Scores:
    kept = np.isin(np.arange(len(whole.encoded.rows)), drawn.documents)
    rows = BalancedRows(whole.encoded.source(kept), fitted)
    candidates = Candidates(rows, np.arange(len(drawn.documents)), len(drawn.documents))
    names = whole.encoded.questions.languages
    questions = type(whole.encoded.questions)(
        whole.encoded.questions.vectors[drawn.questions],
        tuple(names[at] for at in drawn.questions),
    )
    return np.concatenate([scores for _, scores in candidates.scores(questions, mode)])  # type: ignore[arg-type]


def centred(texts: Texts) -> Vectors:
    """Take away from each vector the mean of its language over the whole set."""
    vectors, languages, _ = texts
    names, place = np.unique(languages, return_inverse=True)
    means = np.stack([vectors[place == i].mean(axis=0) for i in range(len(names))])
    rows = vectors - means[place]
    found: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def every_second(offsets: LanguageOffsets) -> LanguageOffsets:
    """Leave out half of the languages."""
    return replace(
        offsets,
        languages=offsets.languages[::2],
        passages=offsets.passages[::2],
        queries=offsets.queries[::2],
    )


def judge(drawn: Folder, scores: Scores) -> list[float]:
    order = np.argsort(-scores, axis=1, kind="stable")
    places = (order == drawn.answers[:, None]).argmax(axis=1)
    same = drawn.own[np.arange(len(places)), drawn.answers]
    reciprocal = np.where(places < 10, 1 / (1 + places), 0)
    share = np.take_along_axis(drawn.own, order[:, :10], axis=1).mean() / drawn.own.mean()
    return [
        (places[~same] == 0).mean(),
        reciprocal[~same].mean(),
        (places[same] == 0).mean(),
        share,
    ]


def compare(
    whole: ParallelSet, fitted: Fitted, bonuses: Sequence[float], draw: Draw, seeds: int
) -> None:
    rows, asked = centred(whole.passages()), centred(whole.queries())
    found: dict[str, list[list[float]]] = {}
    for seed in range(seeds):
        drawn = folder(whole, draw, seed)
        scores = {mode: balanced_scores(whole, drawn, fitted, mode) for mode in ("off", "full")}
        scores["oracle"] = asked[drawn.questions] @ rows[drawn.documents].T
        for bonus in bonuses:
            OWN_LANGUAGE_BONUS["auto"] = bonus
            scores[f"auto {bonus}"] = balanced_scores(whole, drawn, fitted, "auto")
        for name, values in scores.items():
            found.setdefault(name, []).append(judge(drawn, values))
    means = {name: np.mean(values, axis=0) for name, values in found.items()}
    off, oracle = means["off"], means["oracle"]
    print(f"{len(set(whole.passages()[2]))} groups, {draw}, {seeds} folders")
    for name, (cross, reciprocal, same, share) in means.items():
        gain, loss = (cross - off[0]) / (oracle[0] - off[0]), 100 * (off[2] - same)
        print(
            f"  {name:<10} cross recall@1 {cross:.3f}, MRR@10 {reciprocal:.3f}; same {same:.3f}; "
            f"own-language share {share:.2f} times fair; gain {gain:4.0%}, loss {loss:5.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--fit-on-others", action="store_true")
    parser.add_argument("--bonus", default=str(OWN_LANGUAGE_BONUS["auto"]))
    parser.add_argument("--languages", default="")
    parser.add_argument("--groups", type=int, default=0, help="Most groups of a set; 0: all.")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--draw", choices=get_args(Draw), default="uniform")
    arguments = parser.parse_args()
    encoder = load_encoder("e5-small")
    names = tuple(name for name in arguments.languages.split(",") if name)
    selection = Selection(names, arguments.groups)
    sets = [load_set(path, encoder, selection) for path in arguments.sets]
    for whole in sets:
        bonuses = [float(value) for value in arguments.bonus.split(",")]
        kinds: dict[str, LanguageOffsets | None] = {"shipped": language_offsets("e5-small")}
        if arguments.fit_on_others:
            offsets = fit_sets([one for one in sets if one is not whole])
            kinds = {"fitted on the others": offsets, "half of it": every_second(offsets)}
        for kind, offsets_or_none in kinds.items():
            print(f"{whole.name}, {kind}:", end=" ")
            compare(
                whole, lambda name, found=offsets_or_none: found,  # type: ignore[misc]
                bonuses, arguments.draw, arguments.seeds,
            )  # fmt: skip


if __name__ == "__main__":
    main()
