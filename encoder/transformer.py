"""token batches -> vectors: a transformer from stock model code, pooled to unit rows."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer

from encoder.batching import plan_batches
from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.hardware import DeviceChoice, choose_device
from encoder.pooling import pool
from encoder.spec import EncoderSpec, TokenEnds, Vectors
from encoder.templates import passage_text, query_text, valid_text
from encoder.token_ends import token_ends_by

log = logging.getLogger(__name__)

# Texts that are tokenised, sorted by length and encoded together: bounds memory.
WINDOW_TEXTS = 1024
# Tokens of one forward pass. Small on a CPU, so that the activations stay in its cache (measured:
# benchmarks/encoder_throughput.py); large on a GPU, so that its matrix units stay busy.
BUDGET_TOKENS = {"cpu": 2048, "cuda": 32768}


class TransformerEncoder:
    """An encoder whose weights are in memory; made by `open`."""

    def __init__(
        self,
        spec: EncoderSpec,
        tokenizer: Tokenizer,
        model: Any,
        choice: DeviceChoice,
    ) -> None:
        self._spec = spec
        self._tokenizer = tokenizer
        self._model = model
        self._choice = choice
        self._token_ends = token_ends_by(tokenizer)
        self._passage_overhead = len(self._ids([passage_text(spec, "")])[0])

    @classmethod
    def open(cls, spec: EncoderSpec, folder: Path, choice: DeviceChoice | None = None) -> Self:
        """Load tokeniser and weights from a Hugging Face folder.

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: The files are not those of the model that the spec describes.
        """
        choice = choice or choose_device()
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # tokenizers raises bare Exception for every kind of bad file
            raise EncoderNotAvailable(
                f"The tokeniser of {spec.name} cannot be read from {folder}: {error}.",
                "Delete that folder and try again; it is made or downloaded anew.",
            ) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        model = _load_model(spec, folder, choice)
        _check_special_tokens(spec, tokenizer)
        return cls(spec, tokenizer, model, choice)

    @property
    def spec(self) -> EncoderSpec:
        """What this encoder is."""
        return self._spec

    @property
    def choice(self) -> DeviceChoice:
        """Where it runs, in which number format, and why."""
        return self._choice

    @property
    def passage_room(self) -> int:
        """Most tokens of a bare text that `encode_passages` reads."""
        return self._spec.max_tokens - self._passage_overhead

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        """Encode passages: shape (texts, dim), unit rows, in the order given."""
        return self._encode([passage_text(self._spec, text) for text in texts])

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        """Encode queries, each with the instruction before it: shape (texts, dim), unit rows.

        Raises:
            UsageError: An instruction for an encoder that takes none.
        """
        return self._encode([query_text(self._spec, text, instruction) for text in texts])

    def token_ends(self, text: str, /) -> TokenEnds:
        """Where each token of the bare text ends, in code points, never decreasing."""
        return self._token_ends(valid_text(text))

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        """How many tokens at the end of the query `encode_queries` would not read."""
        tokens = len(self._ids([query_text(self._spec, query, instruction)])[0])
        return max(0, tokens - self._spec.max_tokens)

    def hidden_states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Run the model: ids and mask of shape (texts, tokens) to states (texts, tokens, dim)."""
        # Without padding no mask is passed: that keeps attention on its fastest path.
        padded = bool((mask == 0).any())
        output = self._model(
            input_ids=ids.to(self._choice.device),
            attention_mask=mask.to(self._choice.device) if padded else None,
        )
        states: torch.Tensor = output.last_hidden_state
        return states

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [
            encoding.ids for encoding in self._tokenizer.encode_batch([*map(valid_text, texts)])
        ]

    def _cut(self, ids: list[int]) -> list[int]:
        limit = self._spec.max_tokens
        if len(ids) <= limit:
            return ids
        return ids[: limit - 1] + ids[-1:] if self._spec.add_eos else ids[:limit]

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self._spec.dim), np.float32)
        cut = 0
        for start in range(0, len(texts), WINDOW_TEXTS):
            whole = self._ids(texts[start : start + WINDOW_TEXTS])
            cut += sum(len(ids) > self._spec.max_tokens for ids in whole)
            rows = [self._cut(ids) for ids in whole]
            self._encode_window(rows, vectors[start : start + len(rows)])
        if cut:
            log.warning("%d of %d texts exceed %d tokens and were cut there",
                        cut, len(texts), self._spec.max_tokens)  # fmt: skip
        return vectors

    def _encode_window(self, rows: list[list[int]], vectors: Vectors) -> None:
        budget = BUDGET_TOKENS[self._choice.device.split(":")[0]]
        with torch.inference_mode():
            for batch in plan_batches([len(ids) for ids in rows], budget):
                ids, mask = _padded([rows[i] for i in batch])
                states = self.hidden_states(ids, mask)
                pooled = pool(states, mask.to(states.device), self._spec.pooling)
                vectors[batch] = pooled.cpu().numpy()


def _padded(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the right with id 0, which the mask hides: two tensors of shape (texts, tokens)."""
    width = max(len(ids) for ids in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def _load_model(spec: EncoderSpec, folder: Path, choice: DeviceChoice) -> Any:
    from transformers.utils import logging as transformers_logging

    # Its progress bar would stand among our own lines.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    config_class, model_class = _classes(spec.model_class)
    try:
        # Not AutoConfig: for a checkpoint that names its own code it asks to run that code.
        config = config_class.from_pretrained(folder, local_files_only=True)
        config.is_causal = spec.is_causal  # transformers >= 5.2 makes attention obey this
        config.use_cache = False
        options = {"add_pooling_layer": False} if spec.model_class == "BertModel" else {}
        model, found = model_class.from_pretrained(
            folder,
            config=config,
            output_loading_info=True,
            dtype=getattr(torch, choice.dtype),  # else a float32 file would stay float32
            attn_implementation="sdpa",
            local_files_only=True,
            use_safetensors=True,  # never a pickle
            **options,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise EncoderNotAvailable(
            f"The weights of {spec.name} cannot be read from {folder}: {error}.",
            "Delete that folder and try again; it is made or downloaded anew.",
        ) from error
    if found["missing_keys"] or found["mismatched_keys"]:  # these would be random numbers
        raise EncoderRefused(
            f"{folder} lacks weights of {spec.name}: {sorted(found['missing_keys'])[:3]} and more.",
            "Delete that folder and try again; it is made or downloaded anew.",
        )
    if config.hidden_size != spec.dim:
        raise EncoderRefused(
            f"{folder} holds a model of {config.hidden_size} dimensions; {spec.name} has "
            f"{spec.dim}.",
            "Point to the right folder.",
        )
    return model.eval().to(choice.device)


def _classes(model_class: str) -> tuple[Any, Any]:
    """Import only the one architecture that is needed: the whole of transformers takes seconds."""
    if model_class == "BertModel":
        from transformers.models.bert import BertConfig, BertModel

        return BertConfig, BertModel
    from transformers.models.llama import LlamaConfig, LlamaModel

    return LlamaConfig, LlamaModel


def _check_special_tokens(spec: EncoderSpec, tokenizer: Tokenizer) -> None:
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a").ids
    start = whole.index(bare[0])
    found = (start == 1, len(whole) - start - len(bare) == 1)
    if found != (spec.add_bos, spec.add_eos):
        raise EncoderRefused(
            f"The tokeniser adds (start, end) tokens {found}; {spec.name} needs "
            f"{(spec.add_bos, spec.add_eos)}.",
            "Use the unchanged files of the model.",
        )
