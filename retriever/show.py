"""What `search` prints: hits, how they were found, and why there may be none."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.text import Text

from encoder.console import stderr, stdout
from retriever.context import also_in, cite
from retriever.hit import Hit, Label, SearchMode
from retriever.snippet import Snippet, clean_line
from retriever.why import Why

CONFIDENCE_STYLE: dict[Label, str] = {"strong": "bold green", "possible": "yellow", "weak": "dim"}


def as_data(hits: Sequence[Hit], whys: Sequence[Why]) -> list[dict[str, object]]:
    """What `--json` prints; with `--explain` each hit says why."""
    data = [asdict(hit) for hit in hits]
    for item, why in zip(data, whys, strict=False):
        item["why"] = asdict(why)
    return data


def how_explained(why: Why) -> str:
    """Say what is marked in the hits, and by what."""
    if why.by == "tokens":
        return "Underlined: the words in which the question found most of what it asks for."
    return "No words are marked: this encoder shows no token states, so sentences were encoded."


def print_hit(hit: Hit, snippet: Snippet, *, explain: bool) -> None:
    """One line of facts; the text below on a line of its own, so that it can run right to left."""
    heading = f"  {clean_line(hit.passage.heading)}" if hit.passage.heading else ""
    facts = Text()
    facts.append(f"{hit.rank:>3}  ", "bold")
    facts.append(f"{hit.score:.3f}  ", "green")
    if hit.confidence is not None:
        facts.append(f"{hit.confidence.label:<8}  ", CONFIDENCE_STYLE[hit.confidence.label])
    if explain and hit.confidence is not None:
        facts.append(f"{hit.confidence.probability:.0%}  ", "dim")
    if explain:
        facts.append(f"cosine {hit.cosine:.3f}  ", "dim")
    facts.append(f"{clean_line(hit.passage.language):<3}  ", "cyan")
    facts.append(cite(hit.passage), "bold")
    facts.append(heading, "dim")
    if hit.also_in:
        facts.append(f"  also in: {also_in(hit)}", "cyan")
    text = Text(snippet.text)
    text.stylize("bold", snippet.best_start, snippet.best_end)
    for start, end in snippet.words if explain else ():
        text.stylize("underline", start, end)
    stdout.print(facts)
    stdout.print(text, soft_wrap=True)
    stdout.print()


def print_nothing_found(
    held: dict[str, int], asked: Sequence[str], used: Sequence[str], mode: SearchMode
) -> None:
    """Say why there may be no hit; `used` are the options that left passages out."""
    strange = [code for code in asked if code not in held]
    if not held:
        stderr.print("Nothing found: the index holds no passages. See: python -m indexer ls")
    elif strange:
        stderr.print(
            f"Nothing found: no passage is in {', '.join(strange)}; the index holds "
            f"{', '.join(f'{clean_line(code)} ({number})' for code, number in held.items())}.",
            markup=False,
        )
    elif used:
        *first, last = used
        options = f"{', '.join(first)} or {last}" if first else last
        stderr.print(f"Nothing found: loosen {options}.")
    elif mode == "lexical":
        stderr.print(
            "Nothing found: no passage holds a word of the question that counts. "
            "Search by meaning too: --mode hybrid"
        )
    else:
        stderr.print("Nothing found.")
