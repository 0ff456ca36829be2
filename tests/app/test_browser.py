"""What only a real browser can tell: Enter, directions, widths, hosts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from indexer.build import build_index
from tests.app.page_server import free_port, running
from tests.concept_encoder import ConceptEncoder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
    # Playwright's own transports are closed by the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

SCRIPT = Path(__file__).parent / "concept_page.py"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE_NAME = "**x** [a](http:b) :smile: $x$ <img src=x onerror=alert(1)>.txt"
HOSTILE_TEXT = "<img src=x onerror=alert(1)> **Train** :red[no] $x^2$ <script>alert(1)</script>."
DOCUMENTS = {
    "animals.txt": "Die Katze schläft auf dem Sofa.",
    "حيوانات.txt": "القطة نائمة على الأريكة. لا أحد يوقظها قبل المساء.",
    "מים.txt": "המים קרים מאוד היום. אין כאן אף אחד.",
    HOSTILE_NAME: HOSTILE_TEXT,
    f"{'long' * 40}.txt": "https://example.invalid/" + "bread" * 60,
}


@dataclass
class Opened:
    """The page in a browser; hosts are all that it has contacted."""

    page: "Page"
    hosts: set[str] = field(default_factory=set)

    def texts(self, style: str) -> list[str]:
        found: list[str] = self.page.locator(f".{style}").all_inner_texts()
        return found

    def ask(self, question: str) -> None:
        box = self.page.get_by_label("Ask in any language")
        box.fill(question)
        box.press("Enter")
        self.settle(question)

    def settle(self, question: str) -> None:
        self.page.wait_for_function("q => document.title.startsWith(q)", arg=question)
        self.page.wait_for_selector(".ct-card")
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


@contextmanager
def served(index_dir: Path) -> Iterator[str]:
    """Where the page of an index is while it runs."""
    port = free_port()
    code = (
        "from pathlib import Path; from app.launch import serve; "
        f"serve(Path({str(SCRIPT)!r}), Path({str(index_dir)!r}), {port})"
    )
    with running(["-c", code], port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of a small index is."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "docs").mkdir()
    for name, text in DOCUMENTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    (folder / "docs" / ".ragignore").write_text("questions.jsonl")
    (folder / "docs" / "questions.jsonl").write_text(
        '{"question": "אפו המים?", "source": "מים.txt", "language": "he"}', encoding="utf-8"
    )
    build_index(folder / "docs", folder / "index", ConceptEncoder())
    with served(folder / "index") as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """One browser for all tests; each gets a profile of its own in it."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def opened(url: str, chromium: "Browser") -> Iterator[Opened]:
    """The page in a fresh profile."""
    with profile(chromium) as opened:
        opened.page.goto(url)
        opened.page.wait_for_selector(".ct-start")
        yield opened


@contextmanager
def profile(chromium: "Browser") -> Iterator[Opened]:
    """A profile without a past, which notes whom it contacts."""
    context = chromium.new_context()
    opened = Opened(context.new_page())
    context.on("request", lambda request: opened.hosts.add(host_of(request.url)))
    opened.page.on("websocket", lambda socket: opened.hosts.add(host_of(socket.url)))
    opened.page.set_default_timeout(60_000)
    yield opened
    context.close()


def host_of(url: str) -> str:
    """The host of a URL; those without one ("data:") contact nobody and give their scheme."""
    parts = urlsplit(url)
    return parts.hostname or parts.scheme


def test_enter_searches_and_the_url_leads_back_to_it(opened: Opened) -> None:
    opened.ask("Where is the cat?")
    assert set(opened.texts("ct-source")[:2]) == {"animals.txt", "حيوانات.txt"}
    assert opened.texts("ct-score")[:3] == ["cosine 1.000", "cosine 1.000", "cosine 0.000"]
    assert parse_qs(urlsplit(opened.page.url).query) == {"q": ["Where is the cat?"]}
    opened.page.reload()
    opened.settle("Where is the cat?")
    assert set(opened.texts("ct-source")[:2]) == {"animals.txt", "حيوانات.txt"}


def test_questions_in_six_languages_find_the_same_passage(opened: Opened) -> None:
    for question in ("¿Dónde está el agua?", "水はどこ？", "אפו המים?", "أين الماء؟", "Где вода?"):
        opened.ask(question)
        assert opened.texts("ct-source")[0] == "מים.txt", question
    opened.ask("Wo ist das Wasser?")
    assert opened.texts("ct-score")[0] == "cosine 1.000"


def test_an_index_that_is_missing_or_damaged_says_what_to_do(
    tmp_path: Path, chromium: "Browser"
) -> None:
    index = tmp_path / "index"
    with served(index) as address, profile(chromium) as opened:
        opened.page.goto(address)
        opened.page.wait_for_selector(".ct-error")
        assert opened.texts("ct-what") == [f"No index at {index}."]
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "a.txt").write_text("Die Katze.", encoding="utf-8")
        build_index(tmp_path / "docs", index, ConceptEncoder())
        (index / "g0001" / "vectors.bin").write_bytes(b"")
        opened.page.reload()
        opened.page.wait_for_function("document.body.innerText.includes('is damaged')")
        (next_step,) = opened.texts("ct-next")
        assert next_step.startswith("Build it anew: python -m indexer build DOCS")


def test_the_back_button_takes_a_filter_off(opened: Opened) -> None:
    opened.ask("cat")
    before = opened.texts("ct-line")
    opened.page.get_by_label("Languages of the passages").click()
    opened.page.get_by_text("Arabic (ar) · 1").click()
    opened.page.keyboard.press("Escape")
    opened.page.wait_for_function("document.querySelectorAll('.ct-card').length == 1")
    assert opened.texts("ct-language") == ["Arabic ar"]
    assert parse_qs(urlsplit(opened.page.url).query) == {"q": ["cat"], "lang": ["ar"]}
    opened.page.go_back()
    opened.page.wait_for_function("document.querySelectorAll('.ct-card').length > 1")
    assert opened.texts("ct-line") == before
    assert parse_qs(urlsplit(opened.page.url).query) == {"q": ["cat"]}


def test_a_link_opens_with_its_filter_on(opened: Opened) -> None:
    opened.page.goto(f"{opened.page.url}?q=cat&lang=ar")
    opened.settle("cat")
    assert opened.texts("ct-language") == ["Arabic ar"]


def test_an_example_leads_to_its_passages_in_the_same_window(opened: Opened) -> None:
    link = opened.page.locator(".ct-examples a")
    assert link.all_inner_texts() == ["אפו המים?"]
    link.click()
    opened.settle("אפו המים?")
    assert opened.texts("ct-source")[0] == "מים.txt"
    assert len(opened.page.context.pages) == 1


def test_the_controls_stand_in_two_groups_and_the_url_holds_tokens(opened: Opened) -> None:
    opened.ask("cat")
    opened.page.get_by_test_id("stPopoverButton").click()
    groups = opened.page.locator(".ct-group")
    groups.first.wait_for()
    results, files = (groups.nth(i).bounding_box() for i in range(2))
    assert results is not None
    assert files is not None
    assert results["y"] == files["y"]
    assert results["x"] < files["x"]
    opened.page.get_by_label("Find by").click()
    opened.page.get_by_text("words", exact=True).click()
    opened.page.wait_for_function("location.search.includes('mode=')")
    assert parse_qs(urlsplit(opened.page.url).query) == {"q": ["cat"], "mode": ["lexical"]}
    opened.page.go_back()
    opened.page.wait_for_function("!location.search.includes('mode=')")
    opened.page.wait_for_selector(".ct-card")


def test_arabic_and_hebrew_read_from_the_right(opened: Opened) -> None:
    opened.ask("cat water")
    snippets = opened.page.locator(".ct-snippet")
    begins = snippets.evaluate_all(
        """elements => elements.map(element => {
            const range = document.createRange();
            const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
            range.setStart(text, 0);
            range.setEnd(text, 1);
            const first = range.getBoundingClientRect(), box = element.getBoundingClientRect();
            const from_left = first.left - box.left, from_right = box.right - first.right;
            return [element.lang, from_left < from_right ? 'left' : 'right'];
        })"""
    )
    assert dict(begins)["ar"] == "right"
    assert dict(begins)["he"] == "right"
    assert dict(begins)["de"] == "left"


def test_a_question_is_written_from_its_own_side(opened: Opened) -> None:
    box = opened.page.get_by_label("Ask in any language")
    assert box.evaluate("box => getComputedStyle(box).unicodeBidi") == "plaintext"


def test_hostile_texts_appear_literally(opened: Opened) -> None:
    dialogs: list[object] = []
    opened.page.on("dialog", lambda dialog: dialogs.append(dialog))
    opened.ask("train")
    assert opened.texts("ct-source")[0] == HOSTILE_NAME
    assert opened.texts("ct-snippet")[0] == HOSTILE_TEXT
    assert opened.page.locator(".ct-card img, .ct-card script, .ct-card a").count() == 0
    assert dialogs == []


def test_a_phone_needs_no_scrolling_to_the_side(opened: Opened) -> None:
    opened.page.set_viewport_size({"width": 375, "height": 812})
    opened.ask("bread")
    assert opened.texts("ct-source")[0] == f"{'long' * 40}.txt"
    opened.page.get_by_label("Ask in any language").focus()
    assert not opened.page.get_by_test_id("InputInstructions").is_visible()
    opened.page.locator(".ct-whole summary").first.click()
    widest = opened.page.evaluate(
        "Math.max(...[...document.querySelectorAll('.ct-card, .ct-card *')]"
        ".map(element => element.getBoundingClientRect().right))"
    )
    assert widest <= 375
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 375


def test_the_whole_passage_unfolds(opened: Opened) -> None:
    opened.ask("cat")
    whole = opened.page.locator(".ct-whole p").first
    assert not whole.is_visible()
    opened.page.locator(".ct-whole summary").first.click()
    assert whole.is_visible()


def test_nobody_but_this_machine_is_contacted(opened: Opened) -> None:
    opened.ask("cat")
    opened.page.get_by_test_id("stPopoverButton").click()
    opened.page.wait_for_timeout(500)
    assert opened.hosts - {"data", "blob"} == {"127.0.0.1"}
