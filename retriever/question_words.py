"""question -> terms: its words, codes and quoted phrases, each in all spellings that may match."""

import re
from collections.abc import Iterator

from indexer.lexical_terms import Spelling, Term
from indexer.words import codes, is_unspaced, pairs, spelling, word_forms, word_tokens

# What a spelling counts beside the word as it stands.
ABOVE, FORM, FORM_OF_FORM, GRAMS = 0.5, 0.8, 0.7, 0.9
# A question may be a page long; its first words say what it is about.
MOST_TERMS = 64
# Each quoted phrase that stands nowhere is a search and a remark of its own.
MOST_PHRASES = 16

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|『([^』]+)』')


def question_terms(question: str) -> tuple[Term, ...]:
    """The terms of a question, each once; quoted words count only together and in order."""
    terms: dict[str, Term] = {}
    rest = question
    for match in _QUOTED.finditer(question):
        term = _quoted_term(match)
        if term is not None and " " in term.text:
            rest = rest.replace(match[0], " \n ")
            terms[term.text] = term
    rest = spelling(rest)
    for word in word_tokens(rest):
        terms.setdefault(word, Term(word, tuple(_word(word))))
    for code in codes(rest):
        spellings = (Spelling("forms", (code,)), Spelling("above", (code,), ABOVE))
        terms.setdefault(code, Term(code, spellings))
    return tuple(terms.values())[:MOST_TERMS]


def quoted_phrases(question: str) -> Iterator[tuple[str, Term]]:
    """What a question has in quotes, as it is written there, and the term that finds it.

    Each once, and no more than `MOST_PHRASES`.
    """
    phrases: dict[str, Term] = {}
    for match in _QUOTED.finditer(question):
        term = _quoted_term(match)
        if term is not None:
            phrases.setdefault(_written(match), term)
        if len(phrases) == MOST_PHRASES:
            break
    yield from phrases.items()


def _written(match: re.Match[str]) -> str:
    written: str = next(filter(None, match.groups()))
    return written


def _quoted_term(match: re.Match[str]) -> Term | None:
    """None where no word stands between the quotes."""
    phrase = spelling(_written(match))
    tokens = tuple(word_tokens(phrase))
    if not tokens:
        return None
    spellings = _phrase(phrase, tokens) if len(tokens) > 1 else _word(tokens[0])
    return Term(" ".join(tokens), tuple(spellings))


def _phrase(phrase: str, tokens: tuple[str, ...]) -> Iterator[Spelling]:
    yield Spelling("words", tokens)
    together = "".join(phrase.split())
    if is_unspaced(together):
        yield Spelling("grams", tuple(pairs(together)))


def _word(word: str) -> Iterator[Spelling]:
    yield Spelling("words", (word,))
    yield Spelling("forms", (word,), FORM)
    yield Spelling("above", (word,), ABOVE)
    if is_unspaced(word) and len(word) > 1:
        yield Spelling("grams", tuple(pairs(word)), GRAMS)
    for form in word_forms(word):
        yield Spelling("words", (form,), FORM)
        yield Spelling("forms", (form,), FORM_OF_FORM)
        yield Spelling("above", (form,), ABOVE * FORM)
