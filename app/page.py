"""cards -> widgets: the page, run by Streamlit from top to bottom at every interaction.

header -> _opened -> _request -> Retriever.search -> explain_hits -> cards -> card_html

Texts from documents, file names, the index and errors reach the browser through app/markup.py only:
whatever else Streamlit offers reads them as Markdown.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.link import follow_url, nonsense, write_url
from app.markup import (
    card_html,
    counted,
    error_html,
    examples_html,
    facts_html,
    header_html,
    languages_html,
    line_html,
    notice_html,
)
from app.narrowing import MODES, Narrowing, draw_narrowing, url_checks
from app.view_model import IndexFacts, cards, index_facts, language_counts
from encoder.errors import RagError
from encoder.load import load_encoder
from indexer.errors import IndexMismatch
from retriever.confidence import reaches
from retriever.errors import BlankQuery
from retriever.filters import Filters
from retriever.hit import Hit
from retriever.remarks import Asked, missing_phrases, only_weak, unknown_confidence
from retriever.retriever import Retriever
from retriever.snippet import Snippets, clean_line
from retriever.why import explain_hits

OpenRetriever = Callable[[Path], Retriever]

MOST_QUERY_CHARS = 4000
# Finding the best sentences is the slow part on a CPU: the first cards do not wait for the last.
CARDS_AT_ONCE = 5

HERE = Path(__file__).resolve().parent
# Not an emoji or a named icon: Streamlit fetches the pictures of some of these from other hosts.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    'rx="8" fill="#0f766e"/><path d="M7 9h12M7 15h18M7 21h9" stroke="#fff" stroke-width="3" '
    'stroke-linecap="round"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; languages are codes."""

    query: str
    languages: tuple[str, ...]
    narrowing: Narrowing

    @property
    def filters(self) -> Filters:
        """What a passage must be."""
        chosen = self.narrowing
        return Filters(self.languages, chosen.path, chosen.formats, chosen.since, chosen.until)

    @property
    def asked(self) -> Asked:
        """What there may be a remark about."""
        return Asked(self.query, self.filters, self.narrowing.mode, "auto")


def draw(index_dir: Path, open_retriever: OpenRetriever = Retriever.open) -> None:
    """Draw the page of an index; errors that a person can act on become a message on it."""
    st.set_page_config(page_title=_title(), page_icon=ICON, layout="centered")
    st.html(HERE / "page.css")
    st.html(header_html())
    try:
        retriever = _opened(str(index_dir), open_retriever)
        side = st.sidebar.empty()
        facts = _draw_facts(side, retriever)
        request = _request(retriever)
        if facts.unfinished:
            st.html(notice_html("warning", *_unfinished(index_dir)))
        if not request.query:
            _draw_start(facts)
            return
        _draw_hits(retriever, request)
        _draw_facts(side, retriever)  # the search may have followed a newer commit
    except BlankQuery as blank:
        st.html(notice_html("info", blank.what, blank.next_step))
    except IndexMismatch as error:
        # A build has published an index of another encoder: the next run opens it with that one.
        _opened.clear(str(index_dir), open_retriever)
        st.html(error_html(error))
    except RagError as error:
        st.html(error_html(error))


@st.cache_resource(show_spinner="Loading the encoder…")
def _opened(index_dir: str, _open_retriever: OpenRetriever) -> Retriever:
    return _open_retriever(Path(index_dir))


def _title() -> str:
    query = clean_line(st.query_params.get("q", ""))
    return f"{query[:60]} – Crosstongue" if query else "Crosstongue"


def _request(retriever: Retriever) -> Request:
    """Draw the question box and the filters; the URL holds what they hold."""
    checks = {"lang": retriever.languages().__contains__, **url_checks(retriever)}
    strange = nonsense(checks)  # said once: drawing the controls takes it out of the URL
    if strange:
        what = f"The link holds what makes no sense here: {', '.join(strange)}."
        st.html(notice_html("info", what, "It was left out."))
    query = st.text_input(
        "Ask in any language",
        type="search",
        placeholder="",
        max_chars=MOST_QUERY_CHARS,
        key="q",
        bind="query-params",
    )
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        languages = _languages_wanted(retriever)
    with row.popover("More", icon=":material/tune:"):
        narrowing = draw_narrowing(retriever)
    return Request(query or "", languages, narrowing)


def _languages_wanted(retriever: Retriever) -> tuple[str, ...]:
    """Draw the language filter; the URL holds its codes (app/link.py)."""
    counts = retriever.languages()
    names = {code: f"{count.name} ({count.code}) · {count.passages:,}"
             for code, count in zip(counts, language_counts(counts), strict=True)}  # fmt: skip
    in_url = follow_url("lang", counts)
    if in_url is not None:
        st.session_state["languages"] = in_url
    wanted = st.multiselect(
        "Languages of the passages",
        list(counts),
        format_func=lambda code: names.get(code, code),
        placeholder="All languages",
        key="languages",
    )
    write_url("lang", wanted)
    return tuple(wanted)


def _draw_start(facts: IndexFacts) -> None:
    st.html(
        line_html(
            "Type a question and press Enter: it finds the passages that answer it in all the "
            "languages of this folder."
        )
    )
    if facts.examples:
        st.html(examples_html(facts.examples))
    st.html(languages_html(facts.languages))


def _draw_hits(retriever: Retriever, request: Request) -> None:
    narrowing, filters = request.narrowing, request.filters
    narrowing.check()
    with st.spinner("Searching…"):
        hits = retriever.search(
            request.query,
            narrowing.k,
            languages=filters.languages,
            path=filters.path,
            formats=filters.formats,
            modified_after=filters.modified_after,
            modified_before=filters.modified_before,
            per_document=narrowing.per_document,
            mode=narrowing.mode,
            fold=narrowing.fold,
        )
    for remark in missing_phrases(retriever, request.asked):
        st.html(notice_html("info", f"{remark}."))
    if not hits:
        _draw_nothing_found(retriever, request)
        return
    shown = _sure_enough(hits, request)
    if not shown:
        return
    cut = retriever.encoder.query_tokens_cut(request.query)
    if cut:
        what = f"The question is {counted(cut, 'token')} too long; its end was not read."
        st.html(notice_html("warning", what, "Ask in fewer words."))
    st.html(line_html(_summary(shown, request)))
    wanted = narrowing.least != "weak"
    about_labels = unknown_confidence(retriever, request.asked, wanted=wanted)
    for remark in (*about_labels, *only_weak(shown)):
        st.html(line_html(f"{remark}."))
    snippets = Snippets()
    for start in range(0, len(shown), CARDS_AT_ONCE):
        part = shown[start : start + CARDS_AT_ONCE]
        with st.spinner("Finding the best sentences…"):
            whys = explain_hits(request.query, part, retriever.encoder)
        for card in cards(part, whys, snippets):
            st.html(card_html(card))


def _sure_enough(hits: Sequence[Hit], request: Request) -> Sequence[Hit]:
    """Leave out what is less sure than asked for; say so where nothing is left."""
    passed = [hit for hit in hits if reaches(hit.confidence, request.narrowing.least)]
    if passed:
        return passed
    what = f"Not shown: {counted(len(hits), 'passage')} found, but none as sure as asked for."
    near = 'That is asked for by "Show" behind "More". A less sure passage is often right.'
    st.html(notice_html("info", what, near))
    return hits if st.button("Show the nearest passages anyway", key="anyway") else ()


def _summary(hits: Sequence[Hit], request: Request) -> str:
    languages = len({hit.passage.language for hit in hits})
    found = f"{counted(len(hits), 'passage')} in {counted(languages, 'language')}"
    path = request.narrowing.path
    return f"{found}, only files that match {path}" if path else found


def _draw_nothing_found(retriever: Retriever, request: Request) -> None:
    filters = []
    if request.languages:
        wanted = language_counts(dict.fromkeys(request.languages, 0))
        filters.append(f"languages: {', '.join(language.name for language in wanted)}")
    filters += request.narrowing.filters()
    if filters:
        what, next_step = "The filters leave no passage.", f"Clear one of {'; '.join(filters)}"
    elif retriever.languages():
        what = "No passage holds a word of the question that counts."
        next_step = f'Search by meaning too: choose "{MODES["hybrid"]}" behind "More".'
    else:
        what = "There are no passages in this index."
        next_step = "Put documents into its folder and run the build again."
    st.html(notice_html("info", what, next_step))


def _unfinished(index_dir: Path) -> tuple[str, str]:
    return (
        "This index is still being built; what is there already is searched.",
        "If no build is running any more, run the same one again and it goes on: "
        f"python -m indexer build DOCS --index {index_dir}",
    )


def _draw_facts(place: "st.delta_generator.DeltaGenerator", retriever: Retriever) -> IndexFacts:
    index = retriever.index
    with index.reading() as database:
        commit = index.commit_id(database), index.finished_at_utc(database)
    languages = tuple(retriever.languages().items())
    facts = _facts(retriever, str(index.folder), commit, languages)
    place.html(facts_html(facts))
    return facts


@st.cache_resource(max_entries=8, show_spinner=False)
def _facts(
    _retriever: Retriever,
    folder: str,
    commit: tuple[int, str],
    languages: tuple[tuple[str, int], ...],
) -> IndexFacts:
    """Facts of a commit: counting a large index at every interaction would be felt."""
    return index_facts(_retriever)


def opener(encoder: str | None = None) -> OpenRetriever:
    """What opens an index: with its own encoder, or with the one that was named at the start."""
    if encoder is None:
        return Retriever.open
    return lambda index_dir: Retriever.open(index_dir, load_encoder(encoder))


if __name__ == "__main__":
    draw(Path(sys.argv[1]), opener(*sys.argv[2:3]))
