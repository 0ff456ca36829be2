"""The mixed folder: each document in one random language, questions in all of them.

A parallel collection has every document in many languages; a person's folder has each in one. So
every group of documents is put into one language, by a seed, and all questions are asked. The
answer to most is then in another language, with wrong documents in the question's own beside it:
what language balance is judged by. One draw says little, so there are several.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from encoder.spec import EncoderSpec, Vectors
from indexer.lexical_index import LexicalIndex
from indexer.lexical_terms import LexicalText
from retriever.balance import BalanceMode
from retriever.balanced_rows import BalancedRows, RowSource
from retriever.errors import EvaluationError
from retriever.evaluation.bootstrap import difference_estimates, share_estimates
from retriever.evaluation.candidates import Candidates, Questions
from retriever.evaluation.collection import Collection, primary, relevant_by_group
from retriever.evaluation.judging import Asked, Board, Tally, folder_cases
from retriever.evaluation.metrics import CUTOFF, METRICS, Values
from retriever.evaluation.options import Draw
from retriever.evaluation.parallel import own_language_share
from retriever.evaluation.report import Figures, MixedPart, MixedRanking
from retriever.words import WordLeg

KINDS = ("cross", "same")
PARTS = ("all", "inside", "between", "outside")
COLUMNS = (*METRICS, "own-language share", "fair share")
Part = tuple[str, str]
"""A set of cases: "cross" or "same", and where its languages lie: "all", "inside", ..."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A parallel collection, encoded: what folders are drawn from.

    Attributes:
        rows: Shape (passages, dim).
        languages: What balance takes for each passage's language.
        document_of: Shape (passages,); position of each passage's document.
        texts: What is indexed of each passage's words; empty where meaning alone ranks.
    """

    collection: Collection
    encoder: EncoderSpec
    rows: Vectors
    languages: tuple[str, ...]
    document_of: npt.NDArray[np.int64]
    questions: Questions
    texts: tuple[LexicalText, ...] = ()

    def words(self, kept: npt.NDArray[np.bool_] | slice) -> WordLeg | None:
        """The words of some of the rows; None where meaning alone ranks."""
        if not self.texts:
            return None
        places = np.arange(len(self.rows))[kept].tolist()
        texts = (replace(self.texts[place], row=row) for row, place in enumerate(places))
        return WordLeg([LexicalIndex.in_memory(texts)])

    def source(self, kept: npt.NDArray[np.bool_] | slice) -> RowSource:
        """Some of the rows, as search takes them."""
        names, language_of = np.unique(np.array(self.languages)[kept], return_inverse=True)
        rows = self.rows[kept]
        live = np.ones(len(rows), np.bool_)
        languages = tuple(names.tolist())
        return RowSource(
            self.encoder, languages, language_of.astype(np.int32), live, lambda a, b: rows[a:b]
        )


@dataclass(frozen=True, slots=True)
class MixedPlan:
    """What is drawn and told apart.

    Attributes:
        apart: Languages whose cases are also reported apart.
    """

    draw: Draw
    seeds: tuple[int, ...]
    modes: tuple[BalanceMode, ...]
    apart: frozenset[str] = frozenset()


Cases = dict[Part, tuple[Values, npt.NDArray[np.int64]]]
"""Of one draw: values, shape (cases, COLUMNS), and the position of each case's question."""


def measure_mixed(
    encoded: Encoded, plan: MixedPlan, watch: Callable[[int, int], None]
) -> tuple[MixedRanking, ...]:
    """Draw the folders and ask all questions in each balance mode.

    Raises:
        EvaluationError: The collection is not parallel.
    """
    check_parallel(encoded.collection)
    draws: dict[BalanceMode, list[Cases]] = {mode: [] for mode in plan.modes}
    for at, seed in enumerate(plan.seeds):
        watch(at, len(plan.seeds))
        folder = _folder(encoded, plan, seed)
        for mode, found in draws.items():
            found.append(_judge(folder, mode))
    watch(len(plan.seeds), len(plan.seeds))
    group_of = _group_numbers(encoded.collection)
    wanted = [(kind, part) for kind in KINDS for part in (PARTS if plan.apart else PARTS[:1])]
    rankings = []
    for mode, found in draws.items():
        base = None if mode == plan.modes[0] else draws[plan.modes[0]]
        parts = [_part_report(part, found, base, group_of) for part in wanted]
        rankings.append(MixedRanking(mode, tuple(part for part in parts if part is not None)))
    return tuple(rankings)


def check_parallel(collection: Collection) -> None:
    """Refuse a collection that no mixed folder can be drawn from.

    Raises:
        EvaluationError: No group has documents in two languages.
    """
    if not collection.is_parallel:
        raise EvaluationError(
            "No document is there in two languages, so no mixed folder can be drawn.",
            "Take a collection with the field group, and at least two of its languages.",
        )


def draw_folder(collection: Collection, draw: Draw, seed: int) -> list[int]:
    """Positions of the documents of one folder: each group in one language."""
    rng = np.random.default_rng(seed)
    versions: dict[str, dict[str, list[int]]] = {}
    for place, text in enumerate(collection.documents):
        # A document without a group is in every folder.
        group = text.group or f"\n{place}"
        versions.setdefault(group, {}).setdefault(text.language, []).append(place)
    languages = sorted({text.language for text in collection.documents})
    weights = np.ones(len(languages))
    if draw == "zipf":
        weights = 1 / (1.0 + rng.permutation(len(languages)))
    weight_of = dict(zip(languages, weights, strict=True))
    chosen: list[int] = []
    for group in sorted(versions):
        names = sorted(versions[group])
        shares = np.array([weight_of[name] for name in names])
        chosen += versions[group][names[rng.choice(len(names), p=shares / shares.sum())]]
    return sorted(chosen)


@dataclass(frozen=True, slots=True)
class _Folder:
    """One draw, ready to be asked.

    Attributes:
        places: Positions in the whole collection of the questions that are asked.
        part_of: Where the languages of each question and its answer lie: "all", "inside", ...
    """

    board: Board
    candidates: Candidates
    questions: Questions
    places: npt.NDArray[np.int64]
    part_of: npt.NDArray[np.str_]


def _folder(encoded: Encoded, plan: MixedPlan, seed: int) -> _Folder:
    whole = encoded.collection
    chosen = draw_folder(whole, plan.draw, seed)
    places = [place for place, text in enumerate(whole.questions) if text.group]
    documents = tuple(whole.documents[place] for place in chosen)
    asked = tuple(whole.questions[place] for place in places)
    qrels = relevant_by_group(documents, asked)
    board = Board(replace(whole, documents=documents, questions=asked, qrels=qrels))
    kept = np.isin(encoded.document_of, chosen)
    candidates = Candidates(
        BalancedRows(encoded.source(kept)),
        np.searchsorted(chosen, encoded.document_of[kept]),
        len(chosen),
        encoded.words(kept),
    )
    questions = Questions(
        encoded.questions.vectors[places],
        tuple(encoded.questions.languages[place] for place in places),
        tuple(text.text for text in asked),
    )
    answer_in = {text.group: text.language for text in documents}
    part_of = [_part(text.language, answer_in[text.group], plan.apart) for text in asked]
    return _Folder(board, candidates, questions, np.array(places), np.array(part_of))


def _part(question_language: str, answer_language: str, apart: frozenset[str]) -> str:
    inside = sum(
        language in apart or primary(language) in apart
        for language in (question_language, answer_language)
    )
    return ("outside", "between", "inside")[inside]


def _judge(folder: _Folder, mode: BalanceMode) -> Cases:
    tally, shares = Tally(), np.zeros((len(folder.places), 2))
    for block, scores in folder.candidates.scores(folder.questions, mode):
        for at, row in enumerate(folder.board.in_order(scores), block.start):
            asked = Asked(folder.board, at, row)
            tally.add(at, folder_cases(asked, KINDS))
            shares[at] = own_language_share(asked, asked.first(CUTOFF))
    tally.flush()
    found: Cases = {}
    for kind in KINDS:
        results = tally.results.get(("folder", kind))
        if results is not None:
            places = np.array(results.questions)
            values = np.concatenate([results.stacked(), shares[places]], axis=1)
            for part in PARTS:
                here = (folder.part_of[places] == part) | (part == "all")
                found[kind, part] = (values[here], folder.places[places[here]])
    return found


def _part_report(
    part: Part,
    draws: Sequence[Cases],
    base: Sequence[Cases] | None,
    group_of: npt.NDArray[np.int64],
) -> MixedPart | None:
    """Sum up one part over the draws in which it occurs; None where it never does."""
    held = [i for i, cases in enumerate(draws) if part in cases and len(cases[part][0])]
    if not held:
        return None
    values = np.concatenate([draws[i][part][0] for i in held])
    groups = group_of[np.concatenate([draws[i][part][1] for i in held])]
    metrics = dict(zip(COLUMNS, share_estimates(values, groups), strict=True))
    gain = None
    if base is not None:
        # Both modes were asked the same questions of the same folders, in the same order.
        differences = values - np.concatenate([base[i][part][0] for i in held])
        gain = dict(zip(COLUMNS, difference_estimates(differences, groups), strict=True))
    return MixedPart(
        *part,
        Figures(len(values), len(set(groups.tolist())), metrics),
        tuple(float(draws[i][part][0][:, METRICS.index("recall@1")].mean()) for i in held),
        gain,
    )


def _group_numbers(collection: Collection) -> npt.NDArray[np.int64]:
    number: dict[str, int] = {}
    numbers = [number.setdefault(text.group, len(number)) for text in collection.questions]
    return np.array(numbers, np.int64)
