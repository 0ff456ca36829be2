import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.errors import UsageError
from encoder.local import LocalEncoder
from encoder.spec import TokenEnds
from indexer.chunk import Chunking, Passage, chunk_document
from indexer.document import Document, Heading, Page
from tests.concept_encoder import ConceptEncoder

SCRIPTS = {
    "thai": "ภาษาไทยเป็นภาษาราชการ ของประเทศไทย ",
    "khmer": "ភាសាខ្មែរគឺជាភាសាកំណើត។ ",
    "burmese": "မြန်မာဘာသာစကားသည်တရားဝင်ဘာသာ။ ",
    "lao": "ພາສາລາວເປັນພາສາທາງການ ",
    "tibetan": "བོད་ཀྱི་སྐད་ཡིག་ནི་བོད། ",
    "chinese": "汉语是世界上使用人数最多的语言。",
    "japanese": "日本語は美しい言語です。",
    "korean": "한국어는 한국의 공용어입니다. ",
    "arabic": "اللغة العربية من أكثر اللغات انتشارا. ",
    "hindi": "हिन्दी भारत की एक भाषा है। ",
    "emoji": "👩‍👩‍👧😀🇩🇪",
    "no spaces": "abcdefghij",
    "spaces": "a b\n\nc. ",
}
TEXTS = st.lists(
    st.tuples(st.sampled_from(sorted(SCRIPTS)), st.integers(1, 40)), min_size=1, max_size=6
).map(lambda parts: "".join(SCRIPTS[name] * times for name, times in parts))
CHUNKINGS = st.integers(8, 120).flatmap(
    lambda size: st.integers(0, size // 2).map(lambda overlap: Chunking(size, overlap))
)


def chunk(text: str, chunking: Chunking) -> tuple[Passage, ...]:
    return chunk_document(Document("a.txt", "txt", "", text), ConceptEncoder(), chunking)


def assert_spans_cover(text: str, passages: tuple[Passage, ...]) -> None:
    assert passages[0].start == 0
    assert passages[-1].end == len(text)
    for before, after in pairwise(passages):
        assert before.start < after.start <= before.end < after.end


@given(TEXTS, CHUNKINGS)
def test_the_union_of_spans_is_the_text_in_every_script(text: str, chunking: Chunking) -> None:
    passages = chunk(text, chunking)
    assert_spans_cover(text, passages)
    assert all(p.text == text[p.start : p.end].strip() for p in passages)


@given(st.text(min_size=1, max_size=400), CHUNKINGS)
def test_the_union_of_spans_is_the_text_whatever_its_characters(
    text: str, chunking: Chunking
) -> None:
    assert_spans_cover(text, chunk(text, chunking))


@given(TEXTS, CHUNKINGS)
def test_no_passage_exceeds_its_limit(text: str, chunking: Chunking) -> None:
    encoder = ConceptEncoder()
    for passage in chunk(text, chunking):
        assert len(encoder.token_ends(passage.text)) <= chunking.max_tokens


@given(TEXTS, CHUNKINGS)
def test_the_overlap_stays_within_its_limit(text: str, chunking: Chunking) -> None:
    encoder = ConceptEncoder()
    passages = chunk(text, chunking)
    for before, after in pairwise(passages):
        shared = text[after.start : before.end]
        assert len(encoder.token_ends(shared)) <= chunking.overlap_tokens


@pytest.mark.parametrize("size", [16, 256, 508])
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_the_real_tokeniser_finds_no_passage_above_the_limit(
    name: str, size: int, e5: LocalEncoder
) -> None:
    document = Document("a.txt", "txt", "", SCRIPTS[name] * 300)
    passages = chunk_document(document, e5, Chunking(size, size // 8))
    assert_spans_cover(document.text, passages)
    assert all(len(e5.token_ends(p.text)) <= size for p in passages)


class FirstWordCosts(ConceptEncoder):
    """A text's first character has four tokens; counts how often it is asked."""

    def __init__(self, *, words_stand_alone: bool) -> None:
        super().__init__()
        self.words_stand_alone = words_stand_alone
        self.asked = 0

    def token_ends(self, text: str, /) -> TokenEnds:
        self.asked += 1
        ends = super().token_ends(text)
        return np.concatenate([ends[:1].repeat(3), ends])


def test_a_passage_is_counted_by_itself_where_its_words_do_not_stand_alone() -> None:
    encoder = FirstWordCosts(words_stand_alone=False)
    document = Document("a.txt", "txt", "", "Ten signs. " * 50)
    passages = chunk_document(document, encoder, Chunking(28, 0))
    assert {len(encoder.token_ends(p.text)) for p in passages} == {2 * 9 + 3}


def test_whole_words_that_stand_alone_are_not_counted_again() -> None:
    encoder = FirstWordCosts(words_stand_alone=True)
    document = Document("a.txt", "txt", "", "Ten signs. " * 50)
    chunk_document(document, encoder, Chunking(28, 0))
    assert encoder.asked == 1


def test_a_passage_ends_with_a_sentence() -> None:
    text = "The first sentence is here. The second one is here too. And a third."
    assert [p.text for p in chunk(text, Chunking(30, 0))] == [
        "The first sentence is here.",
        "The second one is here too.",
        "And a third.",
    ]


def test_whole_sentences_are_repeated_within_the_overlap() -> None:
    text = "The first sentence is long enough. Yes. The second one is long enough too."
    assert [p.text for p in chunk(text, Chunking(40, 8))] == [
        "The first sentence is long enough. Yes.",
        "Yes. The second one is long enough too.",
    ]


def test_a_passage_ends_before_a_heading_rather_than_after_it() -> None:
    text = "Some words about bread here.\n\nWarranty\n\nTwo years, and not a day longer than that."
    document = Document("a.md", "md", "", text, headings=(Heading(1, 30, 38),))
    passages = chunk_document(document, ConceptEncoder(), Chunking(48, 0))
    assert [(p.heading, p.text) for p in passages] == [
        ("", "Some words about bread here."),
        ("Warranty", "Warranty\n\nTwo years, and not a day longer than that."),
    ]


def test_a_passage_belongs_to_the_page_where_it_starts() -> None:
    text = "First page, first sentence. \n\nSecond page, first sentence. "
    document = Document("a.pdf", "pdf", "", text, pages=(Page(1, 0, 30), Page(2, 30, len(text))))
    passages = chunk_document(document, ConceptEncoder(), Chunking(26, 0))
    assert [(p.page, p.text) for p in passages] == [
        (1, "First page, first sentence."),
        (2, "Second page, first sentence."),
    ]


def test_a_long_line_without_any_break_is_cut_in_linear_time() -> None:
    passages = chunk("x" * 200_000, Chunking(200, 20))
    assert len(passages) == 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["x", "汉语是世界上使用人数最多的语言", "The cat sat on the mat, "]
)
def test_one_line_of_64_mb_is_cut(unit: str, e5: LocalEncoder) -> None:
    text = unit * (64_000_000 // len(unit.encode()))
    started = time.perf_counter()
    passages = chunk_document(Document("a.txt", "txt", "", text), e5, Chunking())
    assert_spans_cover(text, passages)
    assert all(len(e5.token_ends(p.text)) <= e5.passage_room for p in passages[::1000])
    # Ten times what it took on a busy machine: far below what quadratic time would need.
    assert time.perf_counter() - started < 600


@pytest.mark.parametrize(
    ("chunking", "message"),
    [
        (Chunking(7, 0), "--max-tokens is 7; concepts takes 8 to 508."),
        (Chunking(509, 0), "--max-tokens is 509; concepts takes 8 to 508."),
        (Chunking(100, 51), "--overlap is 51; with --max-tokens 100 it can be 0 to 50."),
        (Chunking(100, -1), "--overlap is -1; with --max-tokens 100 it can be 0 to 50."),
    ],
)
def test_settings_that_no_passage_can_satisfy_are_refused(chunking: Chunking, message: str) -> None:
    with pytest.raises(UsageError) as error:
        chunking.check(ConceptEncoder())
    assert error.value.what == message
