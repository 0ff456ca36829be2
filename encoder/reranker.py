"""question and passages -> scores: a model that reads each passage together with the question.

It ranks better than vectors do, and costs a forward pass for each passage, so it is used for the
first few dozen hits of a search only.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from encoder.architectures import load_model
from encoder.attention import AttentionChoice, choose_attention, register
from encoder.batching import run_batches
from encoder.cache import expanded
from encoder.errors import EncoderNotAvailable, EncoderRefused, UsageError
from encoder.families import LLAMA_NEMOTRON_1B
from encoder.forward import StockModel
from encoder.hardware import DeviceChoice, choose_device
from encoder.hub import hub_folder
from encoder.memory import check_memory, count_weights
from encoder.pooling import pool
from encoder.selftest import prove_attention
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.tokens import TextTokens
from encoder.transformer import token_budget

log = logging.getLogger(__name__)

ARCHITECTURE = "LlamaBidirectionalForSequenceClassification"
# As on the model cards, and as NVIDIA's own server and mteb put it.
PAIR_TEMPLATE = "question:{query} \n \n passage:{passage}"


@dataclass(frozen=True, slots=True)
class RerankerSpec:
    """A reranker: the model underneath, and the text it reads.

    Attributes:
        model: Everything about the model; its query and passage templates are not used.
        pair_template: Holds `{query}` and `{passage}`.
    """

    model: EncoderSpec
    pair_template: str = PAIR_TEMPLATE

    @property
    def name(self) -> str:
        """What the user types."""
        return self.model.name


_NEMOTRON = RerankerSpec(
    replace(
        LLAMA_NEMOTRON_1B,
        name="nvidia/llama-nemotron-rerank-1b-v2",
        hf_id="nvidia/llama-nemotron-rerank-1b-v2",
        revision="78efcfdc23b53a753f6c73f2d78b18132a34ac4d",
        max_tokens=8192,
        licence="OpenMDW 1.1",
        shorter_dims=(),
    )
)
RERANKERS: dict[str, RerankerSpec] = {
    spec.name: spec
    for spec in (
        _NEMOTRON,
        RerankerSpec(
            replace(
                _NEMOTRON.model,
                name="nvidia/llama-3.2-nv-rerankqa-1b-v2",
                hf_id="nvidia/llama-3.2-nv-rerankqa-1b-v2",
                revision="",
                # As in NVIDIA's model catalogue, which calls it ready for commercial use.
                licence="NVIDIA Open Model License, with the Llama 3.2 community licence",
            )
        ),
    )
}


class CrossEncoder:
    """A reranker whose weights are in memory; made by `open`."""

    def __init__(
        self,
        spec: RerankerSpec,
        tokens: TextTokens,
        model: StockModel,
        score: torch.Tensor,
        choice: DeviceChoice,
    ) -> None:
        self._spec = spec.model
        self.choice = choice
        self._template = spec.pair_template
        self._tokens = tokens
        self._model = model
        self._score = score  # (1, dim), the temperature taken into it
        self._budget = token_budget(model.model.config, choice, model.attention)

    @classmethod
    def open(
        cls,
        spec: RerankerSpec,
        folder: Path,
        choice: DeviceChoice | None = None,
        attention: AttentionChoice | None = None,
    ) -> Self:
        """Load a reranker from a Hugging Face folder and prove its attention.

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: The files are not those of a reranker, or it failed the self-test.
        """
        choice = choice or choose_device()
        attention = attention or choose_attention(choice.device, choice.dtype)
        check_memory(spec.model, count_weights(folder), choice)
        register()
        tokens = TextTokens.open(spec.model, folder)
        score = _score_weights(spec.model, folder).to(choice.device)
        model = load_model(spec.model, folder, choice, attention.implementation)
        stock = StockModel(model, choice.device, attention)
        reranker = cls(spec, tokens, stock, score, choice)
        prove_attention(reranker)
        return reranker

    @property
    def spec(self) -> EncoderSpec:
        """What the model underneath is."""
        return self._spec

    def scores(self, query: str, passages: Sequence[str], /) -> Vectors:
        """How well each passage answers the question: shape (passages,), higher is better.

        The scores are logits: of any size, comparable for one question only.
        """
        head, tail = self._template.split("{passage}")
        head = head.replace("{query}", query)
        rows = self._tokens.ids([f"{head}{passage}{tail}" for passage in passages])
        cut = sum(len(ids) > self.spec.max_tokens for ids in rows)
        if cut:
            log.warning("the reranker did not read the end of %d passages", cut)
        rows = [self._tokens.cut(ids) for ids in rows]
        scores = np.empty(len(rows), np.float32)

        def step(batch: list[int]) -> None:
            chosen = [rows[i] for i in batch]
            states = self._model.states(chosen)
            pooled = pool(states, [len(row) for row in chosen], self.spec.pooling)
            scores[batch] = (pooled @ self._score.T).squeeze(1).cpu().numpy()

        with torch.inference_mode():
            run_batches([len(row) for row in rows], self._budget, step, torch.OutOfMemoryError)
        return scores

    def states(self, rows: TokenRows, /) -> tuple[Vectors, ...]:
        """Run the model on one batch of token ids: for each text, states of shape (tokens, dim)."""
        with torch.inference_mode():
            states = self._model.states(rows).float().cpu()
        return tuple(part.numpy() for part in torch.split(states, [len(row) for row in rows]))


def load_reranker(
    name: str, *, accept_licence: bool = False, offline: bool = False
) -> CrossEncoder:
    """Load a reranker by its name, or from a folder that holds one of the same architecture.

    Raises:
        UsageError: No reranker has this name.
        EncoderNotAvailable, EncoderRefused: As `CrossEncoder.open`.
    """
    if name in RERANKERS:
        spec = RERANKERS[name]
        return CrossEncoder.open(spec, hub_folder(spec.model, accept_licence, offline))
    folder = expanded(name)
    if not folder.is_dir():
        raise UsageError(
            f"No reranker is called {name!r}.",
            f"Take one of {', '.join(RERANKERS)}, or the folder of one.",
        )
    return CrossEncoder.open(read_reranker(folder.resolve()), folder.resolve())


def read_reranker(folder: Path) -> RerankerSpec:
    """Describe the reranker in a folder, if it is of the one architecture that is known.

    Raises:
        EncoderRefused: It is another one, or pools in another way.
    """
    config = _config(folder)
    if config.get("architectures") != [ARCHITECTURE] or config.get("pooling", "avg") != "avg":
        raise EncoderRefused(
            f"{folder} does not hold a reranker that is known here ({ARCHITECTURE}, mean pooling).",
            f"Take one of {', '.join(RERANKERS)}.",
        )
    hidden = config.get("hidden_size")
    if not isinstance(hidden, int):
        raise EncoderRefused(f"config.json in {folder} has no hidden_size.", "Use whole files.")
    model = replace(
        _NEMOTRON.model, name=str(folder), hf_id=str(folder), revision="", weights="folder",
        dim=hidden, licence="see its model card",
    )  # fmt: skip
    return RerankerSpec(model)


def _config(folder: Path) -> dict[str, object]:
    try:
        data = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderNotAvailable(
            f"config.json cannot be read from {folder}: {error}.", "Use the whole files of a model."
        ) from error
    return data if isinstance(data, dict) else {}


def _score_weights(spec: EncoderSpec, folder: Path) -> torch.Tensor:
    """The weights of the score, float32, shape (1, dim), divided by the temperature."""
    temperature = _config(folder).get("temperature", 1.0)
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt") as file:
                if "score.weight" not in file.keys():  # noqa: SIM118 - not a dict
                    continue
                weight: torch.Tensor = file.get_tensor("score.weight").float()
        except (OSError, SafetensorError) as error:
            raise EncoderNotAvailable(
                f"The weights of {spec.name} cannot be read from {path}: {error}.",
                "Delete that folder and try again; it is downloaded anew.",
            ) from error
        if weight.shape == (1, spec.model_dim) and isinstance(temperature, int | float):
            return weight / temperature
    raise EncoderRefused(
        f"{folder} has no score of one number over {spec.model_dim} dimensions.",
        "Use the unchanged files of a reranker.",
    )
