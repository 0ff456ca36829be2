"""What `search` prints: hits, how they were found, and why there may be none."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from encoder.console import stderr, stdout
from encoder.hardware import OnThisMachine, runs_on
from retriever.context import also_in, cite
from retriever.hit import Hit, Label
from retriever.snippet import Snippet, clean_line
from retriever.why import Why

if TYPE_CHECKING:  # these bring libraries that --help does not need
    from retriever.remarks import Asked
    from retriever.retriever import Retriever

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
        marked = "In [brackets]" if stdout.color_system is None else "Underlined"
        return f"{marked}: the words in which the question found most of what it asks for."
    return "No words are marked: this encoder shows no token states, so sentences were encoded."


def print_hit(hit: Hit, snippet: Snippet, *, explain: bool) -> None:
    """One line of facts; the text below on a line of its own, so that it can run right to left."""
    heading = f"  {clean_line(hit.passage.heading)}" if hit.passage.heading else ""
    facts = Text()
    facts.append(f"{hit.rank:>3}  ", "bold")
    facts.append(f"{hit.score:.3f}  ", "green")
    if hit.confidence is not None:
        # "weak" says nothing of a hit; on one after the other it would seem to speak against them.
        said = hit.confidence.label if explain or hit.confidence.label != "weak" else ""
        facts.append(f"{said:<8}  ", CONFIDENCE_STYLE[hit.confidence.label])
    if explain and hit.confidence is not None:
        facts.append(f"{hit.confidence.probability:.0%}  ", "dim")
    if explain:
        facts.append(f"cosine {hit.cosine:.3f}  ", "dim")
    facts.append(f"{clean_line(hit.passage.language):<3}  ", "cyan")
    facts.append(cite(hit.passage), "bold")
    facts.append(heading, "dim")
    if hit.also_in:
        facts.append(f"  also in: {also_in(hit)}", "cyan")
    stdout.print(facts)
    stdout.print(marked(snippet, explain=explain), soft_wrap=True)
    stdout.print()


def marked(snippet: Snippet, *, explain: bool) -> Text:
    """The best sentence bold and its words underlined; a pipe shows neither, so brackets there."""
    words = snippet.words if explain else ()
    if stdout.color_system is None:
        text = snippet.text
        for start, end in reversed(words):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        return Text(text)
    marked = Text(snippet.text)
    marked.stylize("bold", snippet.best_start, snippet.best_end)
    for start, end in words:
        marked.stylize("underline", start, end)
    return marked


def print_ranking(retriever: "Retriever", asked: "Asked") -> None:
    """Say what encoded the question and what ranked the hits."""
    if isinstance(retriever.encoder, OnThisMachine):
        encoded = f"{retriever.encoder.spec.name} on {runs_on(retriever.encoder.choice)}"
        stderr.print(f"Encoder: {clean_line(encoded)}.", markup=False)
    if asked.mode == "lexical":
        stderr.print("Search: by the question's words alone; neither meaning nor balance ranks.")
        return
    balance = retriever.balance_choice(asked.question, asked.balance)
    stderr.print(f"Balance: {balance.reason}.", markup=False)
    stderr.print(f"Search: {retriever.card_choice(asked.balance).reason}.", markup=False)


def print_remark(remark: str) -> None:
    """Say something that is not wrong but may surprise."""
    stderr.print(f"Note: {clean_line(remark)}.", markup=False)


def print_nothing_found(why: str) -> None:
    """Say it where remarks are said."""
    stderr.print(clean_line(why), markup=False)
