"""Several GPUs: one process each, and every one of them encodes its share of the passages."""

import logging
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from encoder.hardware import DeviceChoice
from encoder.local import LocalEncoder
from encoder.spec import EncoderSpec, TokenEnds, Vectors
from encoder.worker import Worker

log = logging.getLogger(__name__)

# Fewer are encoded here: sending them would take longer, and a search needs no second GPU at all.
LEAST_TEXTS = 256


class ManyGpus:
    """An encoder of several devices; questions and small batches stay on the first one."""

    def __init__(self, first: LocalEncoder, folder: Path, others: Sequence[str]) -> None:
        """Keep the first device's encoder.

        Args:
            first: The encoder of the first device.
            folder: Where its weights are.
            others: The further devices, as torch names them: "cuda:1".
        """
        self.first = first
        self._folder = folder
        self._others = tuple(others)
        self._workers: list[Worker] = []
        weakref.finalize(self, _close, self._workers)

    @property
    def spec(self) -> EncoderSpec:
        """What this encoder is."""
        return self.first.spec

    @property
    def choice(self) -> DeviceChoice:
        """Where the first part runs, in which number format, and why."""
        return self.first.choice

    @property
    def words_stand_alone(self) -> bool:
        """Whether what stands between two blanks has the same tokens wherever it stands."""
        return self.first.words_stand_alone

    @property
    def passage_room(self) -> int:
        """Most tokens of a bare text that `encode_passages` reads."""
        return self.first.passage_room

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        """Encode passages, many of them on all devices: shape (texts, dim), in the order given."""
        if len(texts) < LEAST_TEXTS:
            return self.first.encode_passages(texts)
        if not self._workers:
            log.info("encoding on %s and %s", self.choice.device, ", ".join(self._others))
            for device in self._others:
                choice = replace(self.choice, device=device)
                self._workers.append(Worker.start(self.spec, self._folder, choice))
        try:
            return self._shared(texts)
        except BaseException:  # answers to this call must not be taken for those to the next
            while self._workers:
                self._workers.pop().kill()
            raise

    def _shared(self, texts: Sequence[str]) -> Vectors:
        """Every n-th text on each device, so that all shares have texts of all lengths."""
        devices = len(self._workers) + 1
        vectors = np.empty((len(texts), self.spec.dim), np.float32)
        for i, worker in enumerate(self._workers, 1):
            worker.send(texts[i::devices])
        vectors[::devices] = self.first.encode_passages(texts[::devices])
        for i, worker in enumerate(self._workers, 1):
            vectors[i::devices] = worker.receive(self.spec.dim)
        return vectors

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        """Encode queries on the first device."""
        return self.first.encode_queries(texts, instruction)

    def token_ends(self, text: str, /) -> TokenEnds:
        """Where each token of the bare text ends, in code points, never decreasing."""
        return self.first.token_ends(text)

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        """How many tokens at the end of the query `encode_queries` would not read."""
        return self.first.query_tokens_cut(query, instruction)


def _close(workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()
