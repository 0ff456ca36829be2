"""token batches -> vectors on the device: packed or padded, pooled, shortened, of unit length."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from encoder.attention import AttentionChoice, TextBounds, offsets_of, packed_inputs
from encoder.pooling import pool, to_unit
from encoder.spec import EncoderSpec, TokenRows


class TokenModel(Protocol):
    """Computes the states of tokens; the texts of a batch never see each other."""

    def states(self, rows: TokenRows, /) -> torch.Tensor:
        """Token ids to states of shape (tokens, dim): all texts one after the other."""
        ...


@dataclass(frozen=True, slots=True)
class StockModel:
    """A model of transformers, run packed or padded as the choice of attention says."""

    model: Any
    device: str
    attention: AttentionChoice

    def states(self, rows: TokenRows, /) -> torch.Tensor:
        """Token ids to states of shape (tokens, dim): all texts one after the other."""
        return self._padded(rows) if self.attention.name == "padded" else self._packed(rows)

    def _packed(self, rows: TokenRows) -> torch.Tensor:
        lengths = tuple(map(len, rows))
        ids = torch.tensor([[token for row in rows for token in row]])  # (1, tokens)
        positions = torch.cat([torch.arange(length) for length in lengths]) + self._first_position
        bounds = TextBounds(lengths, self._to_device(offsets_of(lengths)))
        output = self.model(
            input_ids=self._to_device(ids),
            position_ids=self._to_device(positions.unsqueeze(0)),
            **packed_inputs(self.attention.name, bounds),
        )
        states: torch.Tensor = output.last_hidden_state[0]
        return states

    def _padded(self, rows: TokenRows) -> torch.Tensor:
        """Pad on the right with id 0, which the mask hides."""
        lengths = torch.tensor([len(row) for row in rows])
        width = int(lengths.max())
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        positions = torch.arange(width).expand(len(rows), width)
        mask = positions < lengths.unsqueeze(1)  # (texts, width)
        # Without padding no mask is passed: that keeps attention on its fastest path.
        padded = bool((lengths < width).any())
        output = self.model(
            input_ids=self._to_device(ids),
            attention_mask=self._to_device(mask.long()) if padded else None,
            position_ids=self._to_device(positions + self._first_position),
        )
        states: torch.Tensor = output.last_hidden_state.flatten(0, 1)  # (texts * width, dim)
        # By positions known here: a mask on the device would make the processor wait for it.
        return states[self._to_device(mask.flatten().nonzero().squeeze(1))] if padded else states

    @property
    def _first_position(self) -> int:
        """RoBERTa counts from the number after its padding token; all others from 0."""
        config = self.model.config
        roberta = "roberta" in config.model_type
        return int(config.pad_token_id) + 1 if roberta else 0

    def _to_device(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.device.startswith("cuda"):  # from pinned memory the copy waits for nothing
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


@dataclass(frozen=True, slots=True)
class Forward:
    """Everything between token ids and a vector."""

    model: TokenModel
    spec: EncoderSpec
    dense: torch.nn.Module | None = None

    def __call__(self, rows: TokenRows) -> torch.Tensor:
        """Token ids of a batch to unit rows on the device: shape (texts, dim), float32."""
        pooled = pool(self.model.states(rows), [len(row) for row in rows], self.spec.pooling)
        return to_unit(pooled if self.dense is None else self.dense(pooled), self.spec.dim)
