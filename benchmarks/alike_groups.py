"""Groups of a parallel collection that tell the same, by the words of their English versions.

Where the answer to a question is taken out of a folder, another document may still answer it: of
ntrex-news' 123 articles a fifth are reports of an event that others report, too. No encoder is
asked which: two groups are alike where the cosine of their rare words is high (the logarithm of how
often a word stands there, times that of how few groups have it).
"""

import re
from collections import Counter
from collections.abc import Mapping

import numpy as np

ALIKE = 0.2


def alike_groups(texts: Mapping[str, str], least: float = ALIKE) -> dict[str, frozenset[str]]:
    """For each group those that tell the same, itself not among them.

    Args:
        texts: What each group says, all in one language.
        least: Cosine from which on two are alike.
    """
    names = sorted(texts)
    counts = [Counter(re.findall(r"\w+", texts[name].lower())) for name in names]
    groups_with = Counter(word for count in counts for word in count)
    place = {word: i for i, word in enumerate(groups_with)}
    weights = np.zeros((len(names), len(place)))
    for row, count in zip(weights, counts, strict=True):
        for word, times in count.items():
            row[place[word]] = (1 + np.log(times)) * np.log(len(names) / groups_with[word])
    weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-9)
    near = weights @ weights.T >= least
    np.fill_diagonal(near, False)
    return {
        name: frozenset(names[i] for i in np.flatnonzero(row))
        for name, row in zip(names, near, strict=True)
    }
