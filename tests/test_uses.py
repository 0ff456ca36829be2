"""The examples of docs/uses.md, run one after another with the real small encoder."""

import re
from pathlib import Path
from typing import Any

import pytest

import encoder as package
from encoder.local import LocalEncoder
from encoder.mteb import SAME_FOR_TYPE

PAGE = Path(__file__).parent.parent / "docs" / "uses.md"
EXAMPLES = re.findall(r"^```python\n(.+?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def names(e5: LocalEncoder) -> dict[str, Any]:
    """What the examples define, run in order as a reader would."""
    assert len(EXAMPLES) == 3
    defined: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "load_encoder", lambda name: e5, raising=False)
        for example in EXAMPLES:
            exec(compile(example, str(PAGE), "exec"), defined)
    return defined


def test_a_translation_is_more_similar_than_another_sentence(names: dict[str, Any]) -> None:
    same, other = names["similarity"]
    assert same > other + 0.05
    assert 0 < other < same < 1


def test_texts_in_three_languages_find_the_name_of_their_class(names: dict[str, Any]) -> None:
    assert names["labels"] == ["sports", "cooking", "politics"]


def test_classes_learned_in_english_hold_in_other_languages(names: dict[str, Any]) -> None:
    assert names["sentiments"] == ["complaint", "praise"]


def test_the_instructions_of_the_card_stand_in_the_table() -> None:
    rows = PAGE.read_text("utf-8")
    for instruction in set(SAME_FOR_TYPE.values()):
        assert f"| both | {instruction} |" in rows
