"""texts -> the states of their tokens, with the place of each in its text: what `why` looks at."""

from collections.abc import Callable, Sequence

import numpy as np

from encoder.spec import TextStates, TokenRows, Vectors
from encoder.tokens import TextTokens

Model = Callable[[TokenRows], tuple[Vectors, ...]]
"""Token ids of a batch to the states of each text, shape (tokens, dim)."""
Run = Callable[[Sequence[int], Callable[[list[int]], None]], None]
"""Lengths of texts and a step for the texts at some positions: runs it until it has had all."""


def token_states(
    model: Model,
    tokens: TextTokens,
    texts: Sequence[tuple[str, int, int]],
    run: Run,
) -> tuple[TextStates, ...]:
    """Run a model over texts and keep every token's state.

    Args:
        model: What computes them.
        tokens: The model's tokeniser.
        texts: As the model reads them, each with the span [start, end) of the bare text in it.
        run: Makes batches of texts of these lengths and calls the step for each, on any thread.

    Returns:
        For each text the tokens of the bare text, their spans counted from its start. What the
        model does not read has none.
    """
    placed = tokens.placed([text for text, _, _ in texts])
    found: dict[int, TextStates] = {}

    def step(batch: list[int]) -> None:
        states_of = model([placed[i][0] for i in batch])
        for position, states in zip(batch, states_of, strict=True):
            spans = placed[position][1]
            _, start, end = texts[position]
            # A word's first token may begin at the space before it, which is the template's.
            inside = (spans[:, 0] < spans[:, 1]) & (spans[:, 1] > start) & (spans[:, 1] <= end)
            found[position] = TextStates(states[inside], np.maximum(spans[inside] - start, 0))

    run([len(ids) for ids, _ in placed], step)
    return tuple(found[i] for i in range(len(texts)))
