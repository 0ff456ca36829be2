"""The page, run by Streamlit's own test runner."""

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from lxml import html
from streamlit.testing.v1 import AppTest

from app.narrowing import url_checks
from indexer.build import build_index
from indexer.manifest import NO_SHA256, read_manifest, sealed
from indexer.store import IndexWriter, lock_for_writing
from retriever.confidence import FEATURES, ConfidenceModel
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder

SCRIPT = Path(__file__).parent / "concept_page.py"
PAGE = Path(__file__).parent.parent.parent / "app" / "page.py"


@pytest.fixture(autouse=True)
def own_main_module() -> Iterator[None]:
    """Streamlit's runner leaves the page as `__main__`, where processes started later look."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


def open_page(index_dir: Path, **url: str | list[str]) -> AppTest:
    """Run the page of an index for the first time, with these parameters in its URL."""
    page = AppTest.from_file(SCRIPT, default_timeout=60)
    page.session_state["index_dir"] = str(index_dir)
    for name, value in url.items():
        page.query_params[name] = value
    return page.run()


def texts(page: AppTest, style: str) -> list[str]:
    """The texts of all elements of this class, in order."""
    assert not page.exception
    found = []
    for block in page.get("html"):
        tree = html.fragment_fromstring(block.proto.body, create_parent="div")
        found += [element.text_content() for element in tree.find_class(style)]
    return found


def test_a_question_in_english_shows_the_german_and_the_japanese_passage(index_dir: Path) -> None:
    page = open_page(index_dir, q="Where is the cat?", k="2")
    assert texts(page, "ct-line") == ["2 passages in 2 languages"]
    assert texts(page, "ct-rank") == ["1", "2"]
    assert texts(page, "ct-source") == ["animals.txt", "weather.txt"]
    assert texts(page, "ct-score") == ["cosine 1.000", "cosine 0.707"]
    assert texts(page, "ct-language") == ["German de", "Japanese ja"]
    assert texts(page, "ct-snippet") == [
        "Die Katze schläft auf dem Sofa.",
        "猫は水が好きではありません。",
    ]


def test_typing_a_question_searches(index_dir: Path) -> None:
    page = open_page(index_dir)
    page.text_input(key="q").set_value("bread").run()
    assert texts(page, "ct-rank") == ["1", "2", "3", "4"]
    page.number_input(key="k").set_value(1).run()
    assert texts(page, "ct-rank") == ["1"]


def test_before_a_question_the_page_says_what_to_do_and_names_the_languages(
    index_dir: Path,
) -> None:
    page = open_page(index_dir)
    assert texts(page, "ct-start") == ["German 2Spanish 1Japanese 1"]
    assert texts(page, "ct-line") == [
        "Type a question and press Enter: it finds the passages that answer it in all the "
        "languages of this folder."
    ]
    assert texts(page, "ct-card") == []


def test_questions_that_the_folder_brings_are_offered_to_begin_with(
    corpus_dir: Path, index_dir: Path
) -> None:
    lines = [
        {"question": "Where is the cat? *now* :smile: <b>", "source": "animals.txt"},
        {"question": "¿Cuándo sale el tren?", "source": "trip/train.md", "language": "es"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    (corpus_dir / "questions.jsonl").write_text(text, encoding="utf-8")
    page = open_page(index_dir)
    (shown,) = texts(page, "ct-examples")
    assert shown == "For instance:Where is the cat? *now* :smile: <b>¿Cuándo sale el tren?"
    (block,) = [block for block in page.get("html") if 'class="ct-examples"' in block.proto.body]
    links = html.fragment_fromstring(block.proto.body).xpath("//a")
    assert [link.get("href") for link in links] == [
        "?q=Where%20is%20the%20cat%3F%20%2Anow%2A%20%3Asmile%3A%20%3Cb%3E",
        "?q=%C2%BFCu%C3%A1ndo%20sale%20el%20tren%3F",
    ]
    assert [(link.get("lang"), link.get("dir")) for link in links] == [
        ("en", "auto"),
        ("es", "auto"),
    ]


def test_a_quoted_phrase_that_stands_nowhere_is_named(index_dir: Path) -> None:
    page = open_page(index_dir, q='cat "Sofa liegt" "Katze" "Sofa liegt"')
    assert texts(page, "ct-what") == ["“Sofa liegt” stands in no passage."]
    page.selectbox(key="mode").set_value("dense").run()
    assert texts(page, "ct-what") == []


def test_an_index_of_so_few_passages_that_none_stands_out_says_so(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(index_dir, q="cat")
    assert len(texts(page, "ct-line")) == 1
    page.selectbox(key="least").set_value("strong").run()
    assert texts(page, "ct-line")[1] == (
        "How sure the hits are is not known: nothing was fitted for concepts."
    )
    model = ConfidenceModel((0.0,) * len(FEATURES), 0.9, 0.5, 0.05, 0.2)
    monkeypatch.setattr("retriever.sure.confidence_model", lambda encoder, mode: model)
    page.selectbox(key="least").set_value("weak").run()
    assert texts(page, "ct-line")[1] == (
        "How sure the hits are is not known: among 4 passages none can stand out; it takes 10 to "
        "tell."
    )


def test_the_language_filter_offers_names_and_counts_and_keeps_the_rest_out(
    index_dir: Path,
) -> None:
    page = open_page(index_dir, q="cat")
    languages = page.multiselect(key="languages")
    assert languages.options == ["German (de) · 2", "Spanish (es) · 1", "Japanese (ja) · 1"]
    languages.set_value(["ja", "es"]).run()
    assert texts(page, "ct-source") == ["weather.txt", "trip/train.md"]
    assert page.query_params["lang"] == ["ja", "es"]


def test_the_path_filter_keeps_the_rest_out(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat", path="trip/")
    assert texts(page, "ct-source") == ["trip/train.md"]
    assert texts(page, "ct-line") == ["1 passage in 1 language, only files that match trip/"]


def test_a_link_holds_question_number_languages_and_path(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat", k="2", lang=["de", "ja"], path="*.txt")
    assert page.text_input(key="q").value == "cat"
    assert page.number_input(key="k").value == 2
    assert page.multiselect(key="languages").value == ["de", "ja"]
    assert page.text_input(key="path").value == "*.txt"
    assert texts(page, "ct-source") == ["animals.txt", "weather.txt"]


def test_a_link_with_nonsense_in_it_still_opens_and_says_what_was_left_out(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat", k="many", lang=["xx", "ja"], least="foo", each="0", new="")
    assert texts(page, "ct-what") == [
        "The link holds what makes no sense here: lang=xx, k=many, each=0, least=foo."
    ]
    assert page.selectbox(key="least").value == "weak"
    assert page.number_input(key="k").value == 10
    assert page.multiselect(key="languages").value == ["ja"]
    assert texts(page, "ct-source") == ["weather.txt"]
    assert page.query_params["lang"] == "ja"
    assert "least" not in page.query_params
    page.run()
    assert texts(page, "ct-what") == []


@pytest.mark.parametrize(
    ("parameter", "sound"),
    [
        ("k", {"1", "50", "1.5", "٣"}), ("each", {"1", "50", "1.5", "٣"}),
        ("format", {"md", "txt"}),
        ("after", {"2026-01-31"}), ("before", {"2026-01-31"}), 
        ("mode", {"hybrid", "lexical"}), ("least", {"weak", "strong"}),
        ("fold", {"true", "false"}),
    ],
)  # fmt: skip
def test_what_makes_sense_in_a_link(parameter: str, sound: set[str], index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    values = {
        "1", "50", "51", "0", "-1", "0.5", "1.5", "٣", "9" * 20, "inf", "nan", "md", "txt", "exe",
        "2026-01-31", "20260131", "2026-W05-1", "0001-01-01", "9999-01-01", "2026-13-01",
        "gestern", "ja", "xx", "hybrid", "lexical", "meaning", "weak", "strong",
        "everything", "true", "false", "yes",
    }  # fmt: skip
    makes_sense = url_checks(retriever)[parameter]
    assert {value for value in values if makes_sense(value)} == sound


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [("k", "1.5", 1), ("k", "0.5", 10), ("k", "٣", 3), ("k", "9" * 20, 10),
     ("after", "2099-01-31", date(2099, 1, 31)), ("after", "20260131", None),
     ("after", "2026-W05-1", None), ("after", "9999-01-01", None)],
)  # fmt: skip
def test_what_the_controls_take_from_a_link_is_what_makes_sense(
    name: str, value: str, held: object, index_dir: Path
) -> None:
    page = open_page(index_dir, q="cat", **{name: value})
    (control,) = (c for c in (*page.number_input, *page.date_input) if c.key == name)
    assert control.value == held
    said = any(what.startswith("The link holds") for what in texts(page, "ct-what"))
    assert said == (held in (None, 10))


def test_choices_are_in_the_url_by_tokens_that_are_no_labels(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat", mode="lexical")
    assert page.selectbox(key="mode").value == "lexical"
    page.selectbox(key="least").set_value("possible").run()
    assert (page.query_params["mode"], page.query_params["least"]) == ("lexical", "possible")
    page.selectbox(key="least").set_value("weak").run()
    page.selectbox(key="mode").set_value("hybrid").run()
    assert [*page.query_params] == ["q"]


def test_a_blank_question_gets_a_hint(index_dir: Path) -> None:
    page = open_page(index_dir, q="   ")
    assert texts(page, "ct-info") == ["The question is blank.Type a question, in any language."]


def test_filters_that_leave_nothing_are_named(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat", lang=["ja"], path="trip/")
    assert texts(page, "ct-info") == [
        "The filters leave no passage."
        "Clear one of languages: Japanese; only files that match: trip/"
    ]


def test_a_pattern_and_days_that_make_no_sense_are_named_as_the_page_names_them(
    index_dir: Path,
) -> None:
    page = open_page(index_dir, q="cat", path="!")
    assert texts(page, "ct-what")[0].startswith("“Only those that match” holds a pattern that ")
    page = open_page(index_dir, q="cat", after="2026-02-01", before="2026-02-01")
    assert texts(page, "ct-error") == [
        "No day lies between 2026-02-01 and 2026-02-01.Give the earlier one to “Written to since”."
    ]


def test_a_question_that_is_too_long_says_what_was_not_read(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat" * 171)
    assert texts(page, "ct-warning") == [
        "The question is 1 token too long; its end was not read.Ask in fewer words."
    ]


def test_no_index_shows_the_command_that_builds_one(tmp_path: Path) -> None:
    missing = tmp_path / "index"
    assert texts(open_page(missing), "ct-error") == [
        f"No index at {missing}.Build one: python -m indexer build ./docs --index {missing}"
    ]


def test_an_index_that_is_built_later_is_found_without_a_restart(
    corpus_dir: Path, tmp_path: Path
) -> None:
    page = open_page(tmp_path / "index", q="cat")
    build_index(corpus_dir, tmp_path / "index", ConceptEncoder())
    page.run()
    assert texts(page, "ct-error") == []
    assert texts(page, "ct-source")[0] == "animals.txt"


def test_a_damaged_index_says_so(index_dir: Path) -> None:
    (index_dir / "g0001" / "vectors.bin").write_bytes(b"")
    what, next_step = "is damaged", "--fresh"
    message = texts(open_page(index_dir, q="cat"), "ct-error")[0]
    assert what in message
    assert next_step in message


def test_an_index_of_an_encoder_that_is_not_in_the_registry_is_refused(index_dir: Path) -> None:
    page = AppTest.from_file(PAGE, default_timeout=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [str(PAGE), str(index_dir)])
        page.run()
    assert texts(page, "ct-what") == [
        "The index was made with concepts, which is not a name of the registry."
    ]


def test_an_index_of_another_encoder_is_refused(index_dir: Path) -> None:
    path = index_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["encoder"]["name"] = "another"
    path.write_bytes(sealed(json.dumps(manifest | {"sha256": NO_SHA256}).encode()))
    assert texts(open_page(index_dir), "ct-what") == [
        "The index was made with another, not with concepts."
    ]


def test_an_unfinished_build_says_that_more_is_coming(index_dir: Path) -> None:
    lock = lock_for_writing(index_dir)
    with IndexWriter.open(index_dir, read_manifest(index_dir), lock) as writer:
        writer.mark_unfinished()
        page = open_page(index_dir, q="cat")
    lock.release()
    assert texts(page, "ct-what") == [
        "This index is still being built; what is there already is searched."
    ]
    assert "Builtstill being built" in texts(page, "ct-facts")[0]
    assert texts(page, "ct-source")[0] == "animals.txt"


def test_an_update_while_the_page_is_open_is_found_and_counted(
    corpus_dir: Path, index_dir: Path
) -> None:
    page = open_page(index_dir, q="train")
    assert texts(page, "ct-source")[0] == "trip/train.md"
    assert "Documents4Passages4" in texts(page, "ct-facts")[0]
    (corpus_dir / "поезд.txt").write_text("Поезд идёт в Москву.", encoding="utf-8")
    build_index(corpus_dir, index_dir, ConceptEncoder())
    page.run()
    assert texts(page, "ct-source")[:2] == ["trip/train.md", "поезд.txt"]
    assert "Documents5Passages5" in texts(page, "ct-facts")[0]


def test_a_hostile_file_name_and_a_hostile_passage_are_shown_literally(tmp_path: Path) -> None:
    name = "**x** [a](http:b) :smile: $x$ <img src=x onerror=alert(1)>.txt"
    text = "<script>alert(1)</script> **The cat** :red[sleeps] <b onclick=alert(1)>here</b>."
    corpus = tmp_path / "docs"
    corpus.mkdir()
    (corpus / name).write_text(text)
    build_index(corpus, tmp_path / "index", ConceptEncoder())
    page = open_page(tmp_path / "index", q="cat")
    assert texts(page, "ct-source") == [name]
    assert texts(page, "ct-snippet") == [text]
    assert texts(page, "ct-whole") == [f"Whole passage{text}"]


def test_no_text_from_outside_is_read_as_markdown(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat", lang=["ja"])
    assert [list(page.get(kind)) for kind in ("markdown", "caption", "title", "error")] == [[]] * 4


def test_a_chosen_language_that_leaves_the_index_leaves_the_filter(
    corpus_dir: Path, index_dir: Path
) -> None:
    page = open_page(index_dir, q="cat", lang=["ja"])
    (corpus_dir / "weather.txt").unlink()
    build_index(corpus_dir, index_dir, ConceptEncoder())
    page.run()  # this search follows the update, and the next run knows the languages
    page.run()
    assert page.multiselect(key="languages").value == []
    assert texts(page, "ct-source")[0] == "animals.txt"


def test_formats_and_times_narrow_the_search(index_dir: Path) -> None:
    page = open_page(index_dir, q="cat", format=["md"])
    assert texts(page, "ct-source") == ["trip/train.md"]
    page.multiselect(key="format").set_value(["html", "md"]).run()
    assert sorted(texts(page, "ct-source")) == ["garantie.html", "trip/train.md"]
    page = open_page(index_dir, q="cat", before="2001-01-01")
    assert texts(page, "ct-source") == []


def test_words_alone_are_searched_if_wanted(index_dir: Path) -> None:
    page = open_page(index_dir, q="Sofa")
    page.selectbox(key="mode").set_value("lexical").run()
    assert texts(page, "ct-source") == ["animals.txt"]
    assert texts(page, "ct-score")[0].startswith("lexical ")


def test_words_that_stand_nowhere_are_not_an_empty_index(index_dir: Path) -> None:
    page = open_page(index_dir, q="Dampfmaschine", mode="lexical")
    assert texts(page, "ct-what") == ["No passage holds a word of the question that counts."]
    assert texts(page, "ct-next") == [
        'Search by meaning too: choose "meaning and words" behind "More".'
    ]


def test_a_page_with_sure_results_only_says_that_nothing_is_and_shows_it_when_asked(
    index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ConfidenceModel((-9.0,) + (0.0,) * (len(FEATURES) - 1), 0.9, 0.5, 0.05, 0.2)
    monkeypatch.setattr("retriever.sure.confidence_model", lambda encoder, mode: model)
    monkeypatch.setattr("retriever.confidence.LEAST_PASSAGES", 2)
    monkeypatch.setattr("retriever.sure.LEAST_PASSAGES", 2)
    page = open_page(index_dir, q="cat", k="2")
    assert texts(page, "ct-rank") == ["1", "2"]
    assert texts(page, "ct-sure") == texts(page, "ct-what") == []
    assert texts(page, "ct-line")[1] == (
        "Scores alone do not tell whether one of these answers; if the documents hold the answer, "
        "it is often among the first."
    )
    page.selectbox(key="least").set_value("possible").run()
    assert texts(page, "ct-rank") == []
    assert texts(page, "ct-what") == ["Not shown: 2 passages found, but none as sure as asked for."]
    page.button(key="anyway").click().run()
    assert texts(page, "ct-rank") == ["1", "2"]


def test_the_page_says_why_and_shows_words_from_documents_as_text(index_dir: Path) -> None:
    page = open_page(index_dir, q="Where is the cat?", k="1")
    assert texts(page, "ct-share") == ["1.00"]
    assert "This encoder does not show which words" in texts(page, "ct-why")[0]
