"""How much of a language's lean is to be believed, when few passages speak for it.

The mean of n passages lies from the true mean of their language by chance, as the passages' content
has it: with covariance C / n. The true mean lies from where it was expected as languages lean: with
covariance S. The best linear estimate of the true one (Wiener's filter) takes S (S + C / n)^-1 of
what was seen: nearly all in the directions that tell languages apart, little in those that tell
contents apart, so that three passages on cooking do not make cooking a property of their language.
"""

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import LanguageOffsets
from encoder.spec import Vectors

# Added to S in every direction, as a part of its mean: 30 languages do not show all there is.
UNSEEN_LEANS = 0.1


def believable(
    seen: Vectors,
    counts: npt.NDArray[np.int64],
    spreads: npt.NDArray[np.float64],
    offsets: LanguageOffsets,
) -> Vectors:
    """Shrink what was seen of languages' leans.

    Args:
        seen: Mean of the passages in each language minus the expected one, shape (languages, dim).
        counts: Passages behind each, shape (languages,); of none nothing is believed.
        spreads: How wide S is for each, in units of the covariance of the fitted leans.
        offsets: What was fitted for the encoder.

    Returns:
        Shape (languages, dim).
    """
    there, back, ratios = _common_axes(offsets)
    known = ratios * spreads[:, None] * counts[:, None]
    share = known / (known + 1)  # (languages, dim), each in [0, 1)
    believed: Vectors = ((seen @ there) * share @ back).astype(np.float32)
    return believed


def _common_axes(
    offsets: LanguageOffsets,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Axes in which S and C are both diagonal: the way there, the way back, and S over C."""
    dim = offsets.content.shape[0]
    leans = offsets.passages.astype(np.float64)
    spread = leans.T @ leans / len(leans)
    spread += UNSEEN_LEANS * np.trace(spread) / dim * np.eye(dim)
    sizes, axes = np.linalg.eigh(offsets.content.astype(np.float64) / dim)
    sizes = np.maximum(sizes, 1e-6 * sizes.max())
    unit_content = (axes * sizes**-0.5) @ axes.T  # symmetric: C in these axes is the identity
    ratios, turn = np.linalg.eigh(unit_content @ spread @ unit_content)
    return unit_content @ turn, turn.T @ (axes * sizes**0.5) @ axes.T, np.maximum(ratios, 0)
