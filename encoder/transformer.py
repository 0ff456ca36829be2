"""token batches -> vectors: a transformer from stock model code, pooled to unit rows."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from encoder.architectures import load_model
from encoder.attention import AttentionChoice, choose_attention, register
from encoder.batching import CPU_BUDGET_TOKENS, TokenBudget, cpu_budget, fit_budget, run_batches
from encoder.bert import open_bert
from encoder.bert_int8 import settle_products
from encoder.cut import tell_of_cut_passages, tell_of_cut_queries
from encoder.dense import load_dense
from encoder.errors import EncoderNotAvailable, UsageError
from encoder.forward import Forward, StockModel, TokenRows
from encoder.hardware import DeviceChoice, choose_device
from encoder.int8 import with_rounded_weights
from encoder.memory import check_memory, count_weights
from encoder.side_by_side import SideBySide
from encoder.spec import EncoderSpec, TextStates, TokenEnds, Vectors
from encoder.templates import passage_text, placed_passage, placed_query, query_text
from encoder.token_states import token_states
from encoder.tokens import TextTokens

OWN_FORWARD = AttentionChoice("packed", "a plain BERT on a CPU runs without padding here")
# Texts that are tokenised, sorted by length and encoded together: bounds memory.
WINDOW_TEXTS = 1024


class TransformerEncoder:
    """An encoder whose weights are in memory; made by `open`."""

    def __init__(
        self,
        tokens: TextTokens,
        forward: Forward,
        choice: DeviceChoice,
        attention: AttentionChoice,
        budget: TokenBudget,
        side_by_side: SideBySide | None = None,
    ) -> None:
        self.forward = forward
        self._spec = forward.spec
        self.tokens = tokens
        self._choice = choice
        self._attention = attention
        self._budget = budget
        self._side_by_side = side_by_side
        self._passage_overhead = len(tokens.ids([passage_text(self._spec, "")])[0])

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
        tokens = TextTokens.open(spec, folder)
        bert = None if attention or spec.int8_weights else open_bert(spec, folder, choice)
        if bert is not None:
            choice = settle_products(bert, spec, choice)
            threads = torch.get_num_threads()
            budget = TokenBudget(cpu_budget(threads), packed=True)
            forward = Forward(bert, spec)
            return cls(tokens, forward, choice, OWN_FORWARD, budget, SideBySide(threads))
        if choice.products == "int8":
            raise UsageError(
                f"8-bit products are not possible for {spec.name} on {choice.device}.",
                "Leave products=int8 out of the encoder's name.",
            )
        attention = attention or choose_attention(choice.device, choice.dtype)
        check_memory(spec, count_weights(folder), choice)
        register()
        model = load_model(spec, folder, choice, attention.implementation)
        dense = load_dense(spec, folder, choice.device) if spec.dense_head else None
        forward = Forward(StockModel(model, choice.device, attention), spec, dense)
        if spec.int8_weights:
            choice = with_rounded_weights(model, forward, choice)
        return cls(
            tokens, forward, choice, attention, token_budget(model.config, choice, attention)
        )

    @property
    def spec(self) -> EncoderSpec:
        """What this encoder is."""
        return self._spec

    @property
    def choice(self) -> DeviceChoice:
        """Where it runs, in which number format, and why."""
        return self._choice

    @property
    def attention(self) -> AttentionChoice:
        """How attention is computed, and why."""
        return self._attention

    @property
    def words_stand_alone(self) -> bool:
        """Whether what stands between two blanks has the same tokens wherever it stands."""
        return self.tokens.words_stand_alone

    @property
    def passage_room(self) -> int:
        """Most tokens of a bare text that `encode_passages` reads."""
        return self._spec.max_tokens - self._passage_overhead

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        """Encode passages: shape (texts, dim), unit rows, in the order given."""
        rows, over = self._encode([passage_text(self._spec, text) for text in texts])
        tell_of_cut_passages(over, self._spec.max_tokens)
        return rows

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        """Encode queries, each with the instruction before it: shape (texts, dim), unit rows.

        Raises:
            UsageError: An instruction for an encoder that takes none.
        """
        rows, over = self._encode([query_text(self._spec, text, instruction) for text in texts])
        tell_of_cut_queries(over, self._spec.max_tokens)
        return rows

    def token_ends(self, text: str, /) -> TokenEnds:
        """Where each token of the bare text ends, in code points, never decreasing."""
        return self.tokens.ends(text)

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        """How many tokens at the end of the query `encode_queries` would not read."""
        tokens = len(self.tokens.ids([query_text(self._spec, query, instruction)])[0])
        return max(0, tokens - self._spec.max_tokens)

    def passage_states(self, texts: Sequence[str], /) -> tuple[TextStates, ...]:
        """The tokens of each passage, as `encode_passages` reads it, in the order given."""
        placed = [placed_passage(self._spec, text) for text in texts]
        return token_states(self.states, self.tokens, placed, self._run)

    def query_states(self, query: str, /, instruction: str | None = None) -> TextStates:
        """The tokens of a query, as `encode_queries` reads it."""
        placed = placed_query(self._spec, query, instruction)
        return token_states(self.states, self.tokens, [placed], self._run)[0]

    def states(self, rows: TokenRows) -> tuple[torch.Tensor, ...]:
        """Run the model on one batch of token ids: for each text, states of shape (tokens, dim)."""
        with torch.inference_mode():
            return torch.split(self.forward.model.states(rows), [len(row) for row in rows])

    def _encode(self, texts: Sequence[str]) -> tuple[Vectors, list[int]]:
        """The rows of texts in their templates, and how many tokens of each were not read."""
        vectors = np.empty((len(texts), self._spec.dim), np.float32)
        over: list[int] = []
        start = 0
        with torch.inference_mode():
            for whole in self._tokenised_ahead(texts):
                over += [max(0, len(ids) - self._spec.max_tokens) for ids in whole]
                rows = [self.tokens.cut(ids) for ids in whole]
                vectors[start : start + len(rows)] = self._encode_window(rows)
                start += len(rows)
        return vectors, over

    def _tokenised_ahead(self, texts: Sequence[str]) -> Iterator[list[list[int]]]:
        """Token ids, window by window; the next one is made while the device computes."""
        windows = [texts[i : i + WINDOW_TEXTS] for i in range(0, len(texts), WINDOW_TEXTS)]
        if len(windows) < 2:  # a thread would only cost
            yield from map(self.tokens.ids, windows)
            return
        with ThreadPoolExecutor(1, thread_name_prefix="tokenise") as thread:
            ahead = thread.submit(self.tokens.ids, windows[0])
            for window in windows[1:]:
                ready, ahead = ahead, thread.submit(self.tokens.ids, window)
                yield ready.result()
            yield ahead.result()

    def _encode_window(self, rows: TokenRows) -> Vectors:
        """Encode one window of token ids; the processor waits for the device once, at its end."""
        vectors = torch.empty(len(rows), self._spec.dim, pin_memory=self._on_gpu)
        lengths = [len(row) for row in rows]
        results: list[tuple[list[int], torch.Tensor]] = []

        def step(batch: list[int]) -> None:
            results.append((batch, self.forward([rows[i] for i in batch])))

        try:
            self._run(lengths, step)
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

    def _run(self, lengths: Sequence[int], step: Callable[[list[int]], None]) -> None:
        """Run a step over batches of texts, the way that suits the device and the texts."""
        if self._side_by_side and self._side_by_side.suits(lengths):
            self._side_by_side.run(lengths, step)
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
