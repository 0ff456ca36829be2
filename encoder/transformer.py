"""token batches -> vectors: a transformer from stock model code, pooled to unit rows."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import torch

from encoder.architectures import load_model
from encoder.attention import AttentionChoice, choose_attention, register
from encoder.batching import CPU_BUDGET_TOKENS, TokenBudget, cpu_budget, fit_budget, run_batches
from encoder.bert import open_bert
from encoder.dense import load_dense
from encoder.errors import EncoderNotAvailable, UsageError
from encoder.forward import Forward, StockModel
from encoder.hardware import DeviceChoice, choose_device
from encoder.int8 import with_rounded_weights
from encoder.local import LocalEncoder
from encoder.memory import check_memory, count_weights
from encoder.settle_products import settle_products
from encoder.side_by_side import SideBySide
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.tokens import TextTokens
from encoder.torch_alone import compute_alone
from encoder.weights import check_vocabulary

OWN_FORWARD = AttentionChoice("packed", "a plain BERT on a CPU runs without padding here")


class TransformerEncoder(LocalEncoder):
    """An encoder that torch computes; made by `open`."""

    def __init__(
        self,
        tokens: TextTokens,
        forward: Forward,
        choice: DeviceChoice,
        attention: AttentionChoice,
        budget: TokenBudget,
        side_by_side: SideBySide | None = None,
    ) -> None:
        super().__init__(forward.spec, tokens, choice)
        self.forward = forward
        self._attention = attention
        self._budget = budget
        self._side_by_side = side_by_side

    @classmethod
    def open(
        cls,
        spec: EncoderSpec,
        folder: Path,
        choice: DeviceChoice | None = None,
        attention: AttentionChoice | None = None,
    ) -> Self:
        """Load tokeniser and weights from a Hugging Face folder.

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: The files are not those of the model that the spec describes.
            UsageError: The user asked for 8-bit products where they are not possible.
        """
        choice = choice or choose_device()
        bert = None if attention or spec.int8_weights else open_bert(spec, folder, choice)
        tokens = TextTokens.open(spec, folder)
        if bert is not None:
            check_vocabulary(spec, folder, bert.known_tokens, tokens.size)
            choice = settle_products(bert, spec, choice)
            threads = torch.get_num_threads()
            budget = TokenBudget(cpu_budget(threads), packed=True)
            forward = Forward(bert, spec)
            side_by_side = SideBySide(threads, compute_alone)
            return cls(tokens, forward, choice, OWN_FORWARD, budget, side_by_side)
        if choice.products == "int8":
            raise UsageError(
                f"8-bit products are not possible for {spec.name} on {choice.device}.",
                "Leave products=int8 out of the encoder's name.",
            )
        attention = attention or choose_attention(choice.device, choice.dtype)
        check_memory(spec, count_weights(folder), choice)
        register()
        model = load_model(spec, folder, choice, attention.implementation)
        check_vocabulary(spec, folder, model.get_input_embeddings().num_embeddings, tokens.size)
        dense = load_dense(spec, folder, choice.device) if spec.dense_head else None
        forward = Forward(StockModel(model, choice.device, attention), spec, dense)
        if spec.int8_weights:
            choice = with_rounded_weights(model, forward, choice)
        return cls(
            tokens, forward, choice, attention, token_budget(model.config, choice, attention)
        )

    @property
    def attention(self) -> AttentionChoice:
        """How attention is computed, and why."""
        return self._attention

    def states(self, rows: TokenRows, /) -> tuple[Vectors, ...]:
        """Run the model on one batch of token ids: for each text, states of shape (tokens, dim)."""
        with torch.inference_mode():
            states = self.forward.model.states(rows).float().cpu()
        return tuple(part.numpy() for part in torch.split(states, [len(row) for row in rows]))

    def head(self, pooled: Vectors, /) -> Vectors:
        """Apply the dense layers, where the model has some: (texts, model dim) to (texts, dim)."""
        if self.forward.dense is None:
            return pooled
        with torch.inference_mode():
            given = torch.from_numpy(pooled).to(self._choice.device)
            vectors: Vectors = self.forward.dense(given).float().cpu().numpy()
        return vectors

    @torch.inference_mode()
    def encode_rows(self, rows: TokenRows, /) -> Vectors:
        """Encode token ids, cut to fit; the processor waits for the device once, at the end."""
        vectors = torch.empty(len(rows), self._spec.dim, pin_memory=self._on_gpu)
        lengths = [len(row) for row in rows]
        results: list[tuple[list[int], torch.Tensor]] = []

        def step(batch: list[int]) -> None:
            results.append((batch, self.forward([rows[i] for i in batch])))

        try:
            self.run(lengths, step)
        except torch.OutOfMemoryError as error:
            raise EncoderNotAvailable(
                f"The memory of {self._choice.device} does not hold one text of {max(lengths)} "
                f"tokens beside the weights of {self._spec.name}.",
                "Build with a smaller --max-tokens, or use a smaller encoder.",
            ) from error
        order = torch.tensor([i for batch, _ in results for i in batch])
        vectors.copy_(torch.cat([part for _, part in results]), non_blocking=True)
        if self._on_gpu:
            torch.cuda.current_stream(self._choice.device).synchronize()
        return vectors[order.argsort()].numpy()

    def run(self, lengths: Sequence[int], step: Callable[[list[int]], None], /) -> None:
        """Run a step over batches of texts, the way that suits the device and the texts."""
        if self._side_by_side and self._side_by_side.suits(lengths):
            self._side_by_side.run(lengths, torch.inference_mode()(step))
        else:
            run_batches(lengths, self._budget, step, torch.OutOfMemoryError)

    @property
    def _on_gpu(self) -> bool:
        return self._choice.device.startswith("cuda")


def token_budget(config: Any, choice: DeviceChoice, attention: AttentionChoice) -> TokenBudget:
    """How many tokens share a forward pass on this device."""
    packed = attention.name != "padded"
    if not choice.device.startswith("cuda"):
        return TokenBudget(CPU_BUDGET_TOKENS, packed)
    free, _ = torch.cuda.mem_get_info(choice.device)
    bytes_per_number = 4 if choice.dtype == "float32" else 2
    tokens = fit_budget(free, config.hidden_size, config.intermediate_size, bytes_per_number)
    return TokenBudget(tokens, packed)
