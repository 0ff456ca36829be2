"""py3langid's model, unpacked in memory.

The library (0.4.0) unpacks it through a temporary file. A process that reads documents may write
none (indexer/isolation), and needs the model for short texts in old encodings.
"""

import lzma
from array import array
from io import BytesIO

import numpy as np
import numpy.typing as npt
from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier


def load_identifier() -> LanguageIdentifier:
    """Return what `LanguageIdentifier.from_model_file` does; for 0.1 s it takes 70 MB more."""
    with lzma.open(MODEL_DIR / MODEL_FILE) as packed:
        unpacked = BytesIO(packed.read())
    with np.load(unpacked, allow_pickle=False) as tables:
        return LanguageIdentifier(
            tables["ptc"],
            tables["pc"],
            tables["classes"].tolist(),
            _as_array(tables["nextmove"]),
            tables["out_feat"].tolist(),
            norm_probs=True,
            tk_row=_as_array(tables["nextmove_row"]),
        )


def _as_array(numbers: npt.NDArray[np.unsignedinteger]) -> "array[int]":
    """The automaton is walked in Python, where an array of the standard library is the fastest."""
    return array(numbers.dtype.char, numbers.tobytes())
