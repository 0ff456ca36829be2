"""token vectors -> one unit vector for each text."""

import torch

from encoder.spec import Pooling


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Pool the states of unmasked tokens and scale the result to unit length, in float32.

    Args:
        states: Shape (texts, tokens, dim), any float dtype.
        mask: Shape (texts, tokens); 1 for a token, 0 for padding. Padding is on the right.

    Returns:
        Shape (texts, dim), float32, unit rows.
    """
    states = states.float()  # half-precision sums over thousands of tokens lose digits
    if pooling == "mean":
        weights = mask.unsqueeze(-1).float()  # (texts, tokens, 1)
        pooled = (states * weights).sum(dim=1) / weights.sum(dim=1)
    elif pooling == "cls":
        pooled = states[:, 0]
    else:
        last = mask.sum(dim=1) - 1  # (texts,)
        pooled = states[torch.arange(len(states), device=states.device), last]
    return torch.nn.functional.normalize(pooled, dim=-1)
