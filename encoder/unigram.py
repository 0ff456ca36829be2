"""The tokens of many words at once, for a tokeniser of the kind that e5-small has.

That is: Unigram pieces over text that was brought into NFKC and cut at white space.
"""

import json
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from encoder.unigram_cut import BREAK, CutWords, cut_words
from encoder.unigram_trie import PieceTrie, UnfitVocabularyError, build_trie

_NORMALIZER = {
    "type": "Sequence",
    "normalizers": [
        {"type": "Nmt"},
        {"type": "NFKC"},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    ],
}
_METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
_PRE_TOKENIZER = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, _METASPACE]}

# Characters that the first step of the normaliser (Nmt) turns into blanks, and that no cut of a
# text at white space removes.
_BLANK_TO_NMT = re.compile("[\u200b-\u200f\u2581\ufeff\ufffd]")
# Categories of unassigned code points and of halves of surrogate pairs.
_NOT_KNOWN = ("Cn", "Cs")
# The normaliser removes it.
_NOT_TO_BE_CUT = "\x01"


class Forms(dict[str, str]):
    """What the normaliser makes of single characters, with `BREAK` for a blank; asked once each."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._normalizer = tokenizer.normalizer

    def __missing__(self, char: str) -> str:
        form = self[char] = self._normalizer.normalize_str(char).replace(" ", BREAK)
        return form

    def keep(self, char: str) -> bool:
        """Tell whether a character stays what it is, wherever it stands."""
        # What Python does not know may change by a newer Unicode, and is_normalized not tell.
        return unicodedata.category(char) not in _NOT_KNOWN and self[char] == char

    def of(self, word: str) -> tuple[str, list[int]] | None:
        """Return a word's normal form, if it is the one of its characters one by one.

        Returns:
            The form, and the end in the word of a token that ends after so many characters of the
            form; None where characters change together, vanish, or leave no word beside a blank.
        """
        forms = [self[char] for char in word]
        form = "".join(forms)
        whole: str = self._normalizer.normalize_str(word)
        if "" in forms or whole.replace(" ", BREAK) != form or "" in whole.split(" "):
            return None
        ends = [1]
        for place, part in enumerate(forms, 1):
            # The mark of a word's start belongs to the character after it.
            ends += [place, place + 1] if part == BREAK else [place] * len(part)
        return form, ends


class ManyWords:
    """Cuts words as a tokeniser does, all at once."""

    def __init__(self, trie: PieceTrie, tokenizer: Tokenizer) -> None:
        self._trie = trie
        self._forms = Forms(tokenizer)

    def cut(self, words: Sequence[str]) -> CutWords:
        """Cut words, at least one, none of them empty or with white space; no end is 0."""
        forms, changed = list(words), _may_change(words)
        # Where in `ends` the ends of a word begin that its normaliser changes.
        first, ends = np.full(len(words), -1), [0]
        for at in changed:
            forms[at], own_ends = self._forms.of(words[at]) or (_NOT_TO_BE_CUT, [])
            first[at] = len(ends)
            ends += own_ends
        cut = cut_words(self._trie, forms, self._forms.keep)
        in_word = np.maximum(cut.ends, 1)
        if changed:
            first = np.repeat(first[cut.known], cut.counts)
            in_form = np.flatnonzero(first >= 0)
            in_word[in_form] = np.array(ends)[first[in_form] + cut.ends[in_form]]
        return CutWords(cut.known, cut.counts, in_word)


def fits(tokenizer: Tokenizer) -> bool:
    """Tell whether a tokeniser is of the kind that is cut here."""
    parts = (tokenizer.model, tokenizer.normalizer, tokenizer.pre_tokenizer)
    if None in parts or tokenizer.get_added_tokens_decoder():
        return False
    # A vocabulary takes long to spell out; its kind is told by its class.
    rules = [json.loads(part.__getstate__()) for part in parts[1:]]
    return isinstance(tokenizer.model, Unigram) and rules == [_NORMALIZER, _PRE_TOKENIZER]


def trie_of(tokenizer: Tokenizer) -> PieceTrie:
    """Lay out the vocabulary of a tokeniser that `fits`: about a second.

    Raises:
        UnfitVocabularyError: It cannot be laid out.
    """
    model = json.loads(tokenizer.model.__getstate__())
    if model["byte_fallback"]:
        raise UnfitVocabularyError("unknown characters have tokens of their own")
    forms = Forms(tokenizer)
    return build_trie([(piece, score) for piece, score in model["vocab"]], forms.keep)


def _may_change(words: Sequence[str]) -> list[int]:
    """Numbers of the words that the normaliser may change, beside those with a foreign letter."""
    if _unchanged("\n".join(words)):
        return []
    return [at for at, word in enumerate(words) if not _unchanged(word)]


def _unchanged(text: str) -> bool:
    return unicodedata.is_normalized("NFKC", text) and not _BLANK_TO_NMT.search(text)
