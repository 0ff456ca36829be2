"""Measure how large the numbers inside e5-small get, for its matrix products on 8-bit integers.

    python benchmarks/fit_activation_ranges.py FOLDER ... [--texts 60] [--out FILE]

Each FOLDER holds corpus.jsonl.gz and queries.jsonl.gz with the fields text and lang; texts are
drawn from every language alike. Texts that say nothing are added, for they reach further than
others: dotted lines, tables of numbers, one sign again and again. The numbers that are shipped
(encoder/ranges) come from osguide and tldr; nothing is measured on text that the encoder is judged
by.
"""

import argparse
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import torch

from encoder.activation_ranges import FOLDER, LayerRanges, save_ranges
from encoder.bert import Layer, PackedBert
from encoder.bert_attention import Run, attend
from encoder.load import load_local
from encoder.transformer import TransformerEncoder

BATCH = 8
# Letters, digits and signs of many scripts, that odd texts are made of.
SIGNS = "aQ70.-_=*#|,;:!?/&%$()[]ÄßøŽаЖβΩאשاعनমதกခខ中国あア가ქಕ€→•…😀🎉"


class Recorder:
    """Runs a layer and keeps the lowest and highest values that its products are given."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._seen: dict[str, torch.Tensor] = {}

    def __call__(self, x: torch.Tensor, runs: Sequence[Run]) -> torch.Tensor:
        layer = self._layer
        self._note("into_qkv", x)
        seen = attend(layer.qkv(x), runs, layer.heads)
        self._note("attended", seen)
        x = layer.attended_norm(layer.attended(seen) + x)
        self._note("into_widen", x)
        wide = torch.nn.functional.gelu(layer.widen(x))
        self._note("behind_gelu", wide)
        return layer.norm(layer.narrow(wide) + x)

    def _note(self, name: str, x: torch.Tensor) -> None:
        reached = torch.stack([-x.amin(dim=0), x.amax(dim=0)])
        self._seen[name] = torch.maximum(self._seen.get(name, reached), reached)

    def ranges(self) -> LayerRanges:
        sides = {name: torch.stack([-low, high]) for name, (low, high) in self._seen.items()}
        sides["behind_gelu"] = sides["behind_gelu"][1]
        return LayerRanges(**{name: side.numpy() for name, side in sides.items()})


def read_texts(folder: Path, count: int) -> list[str]:
    """Draw whole passages, `count` in all, the same number from each language."""
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    languages = sorted({row["lang"] for row in rows})
    random.Random(0).shuffle(rows)
    each = -(-count // len(languages))
    return [
        row["text"]
        for language in languages
        for row in [row for row in rows if row["lang"] == language][:each]
    ][:count]


def odd_texts() -> list[str]:
    """Make texts as contents pages, tables, lists of codes and broken extraction have them."""
    pick = random.Random(0)
    repeated = [
        sign * length + end
        for sign in (*SIGNS, *(f"{sign} " for sign in SIGNS))
        for length in (1, 30, 250)
        for end in ("", " 12")
    ]
    hard = [
        *(f"{'.' * length} {number}\n" * 12 for number, length in enumerate((3, 20, 40, 60, 90))),
        *("".join(pick.choices(SIGNS, k=length)) for length in (1, 2, 5, 40, 200)),
        *(" ".join(pick.choices(SIGNS, k=150)) for _ in range(5)),
        *(f"| {number} | {number} |\n" * 40 for number in (1, 7, 12, 3.5, 2026)),
        *(" ".join(f"{pick.random():.{digits}f}" for _ in range(60)) for digits in (0, 2, 6, 15)),
        *(" ".join(f"{pick.getrandbits(bits):x}" for _ in range(15)) for bits in (8, 32, 128)),
    ]
    return [*repeated, *hard]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--texts", type=int, default=150, help="of each folder")
    parser.add_argument("--out", type=Path, default=FOLDER / "e5-small.npz")
    arguments = parser.parse_args()
    encoder = load_local("e5-small@dtype=float32")
    bert = encoder.forward.model if isinstance(encoder, TransformerEncoder) else None
    if not isinstance(bert, PackedBert):
        raise SystemExit("e5-small runs on another engine here; run this where there is no GPU")
    recorders = tuple(Recorder(layer) for layer in bert.layers if isinstance(layer, Layer))
    bert.layers = recorders
    texts = [text for folder in arguments.folders for text in read_texts(folder, arguments.texts)]
    texts += odd_texts()
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        encoder.encode_passages(part)
        encoder.encode_queries([text[:60] for text in part])
    arguments.out.parent.mkdir(exist_ok=True)
    save_ranges(tuple(recorder.ranges() for recorder in recorders), arguments.out)
    print(f"{len(texts)} texts, {arguments.out.stat().st_size / 1000:.0f} kB: {arguments.out}")


if __name__ == "__main__":
    main()
