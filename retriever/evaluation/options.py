"""What the user of `eval` may choose. Light, so that other commands need not wait for the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["dense", "hybrid"]
"""Rank by meaning, or by meaning and words, as a search does; retriever/ranking.py."""

Relevance = Literal["qrels", "group"]
"""What answers a question: what the qrels say, or every document of its group."""

PassageKind = Literal["whole", "chunked"]
"""A document is one passage, or cut as a build cuts it."""

LanguageKind = Literal["detected", "declared"]
"""What balance takes for a text's language: as in an index, or what the collection says."""

Pool = Literal["language", "folder"]
"""What competes in a cell: the documents in its passage language, or those of the whole folder."""

Draw = Literal["uniform", "zipf"]
"""Languages are equally likely, or the r-th of them, in an order drawn anew, 1/r as likely."""

Metric = Literal["recall@1", "recall@5", "recall@10", "nDCG@10", "MRR@10", "R-precision"]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command, as they were given."""

    collection: Path | None
    index: Path | None
    questions: Path | None
    synthesize: int
    mode: Mode
    balance: str
    languages: str
    groups: int
    sample: int
    seed: int
    relevance: Relevance
    qrels: str
    passages: PassageKind
    balance_languages: LanguageKind
    pool: Pool | None
    mixed: Draw | None
    seeds: int
    apart: str
    metric: Metric
    heatmaps: tuple[Path, ...]
    save_run: Path | None
    encoder: str | None
    accept_licence: bool
    as_json: bool
