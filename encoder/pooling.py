"""token vectors -> one unit vector for each text."""

from collections.abc import Sequence

import torch

from encoder.spec import Pooling


def pool(states: torch.Tensor, lengths: Sequence[int], pooling: Pooling) -> torch.Tensor:
    """Pool the token states of each text, in float32.

    Args:
        states: Shape (tokens, dim), any float dtype: all texts one after the other, no padding.
        lengths: Tokens of each text, at least 1 each; they sum to the number of tokens.

    Returns:
        Shape (texts, dim), float32, not yet of unit length.
    """
    ends = torch.tensor(lengths).cumsum(0)  # (texts,)
    if pooling == "last_token":
        return states[(ends - 1).to(states.device, non_blocking=True)].float()
    if pooling == "cls":
        firsts = ends - torch.tensor(lengths)
        return states[firsts.to(states.device, non_blocking=True)].float()
    # Half-precision sums over thousands of tokens lose digits.
    parts = torch.split(states, list(lengths))
    return torch.stack([part.float().mean(dim=0) for part in parts])


def to_unit(vectors: torch.Tensor, dim: int) -> torch.Tensor:
    """Keep the first `dim` dimensions and scale to unit length: shape (texts, dim)."""
    return torch.nn.functional.normalize(vectors[:, :dim], dim=-1)
