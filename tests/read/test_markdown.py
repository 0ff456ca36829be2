"""Markdown as a person reads it."""

from indexer.document import Document, Heading
from tests.read.conftest import ReadBytes

_ALL = """---
title: "The Manual"
tags: [a, b]
---
# Getting *started*

Read [the guide](https://example.org/guide) first.
![A picture](picture.png)

- one
- two
  - nested

1. first
2. second

```python
def f():
    return "x"
```

| City | People |
|------|-------:|
| Köln | 1.1 M |

<details><summary>More</summary>Hidden <b>text</b></details>

Last **line**
"""


def test_markup_goes_and_text_stays(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.md", _ALL.encode())
    assert document.text == (
        "Getting started\n\n"
        "Read the guide first.\n\n"
        "- one\n- two\n- nested\n\n"
        "1. first\n2. second\n\n"
        'def f():\n    return "x"\n\n'
        "City | People\nKöln | 1.1 M\n\n"
        "More\n\nHidden text\n\n"
        "Last line"
    )
    assert document.title == "The Manual"


def test_headings_have_levels_and_spans(read_bytes: ReadBytes) -> None:
    assert read_bytes("a.md", b"# One\n\ntext\n\nTwo\n---\n\n### `three`\n") == Document(
        source="a.md",
        format="md",
        title="One",
        text="One\n\ntext\n\nTwo\n\nthree",
        headings=(Heading(1, 0, 3), Heading(2, 11, 14), Heading(3, 16, 21)),
    )


def test_a_soft_line_break_is_a_blank_but_not_in_japanese(read_bytes: ReadBytes) -> None:
    assert read_bytes("a.md", "soft\nbreak\n\n日本\n語".encode()).text == "soft break\n\n日本語"


def test_a_markdown_file_that_begins_with_a_tag_is_markdown(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.md", b"<html>\n\n# Title\n")
    assert (document.format, document.text) == ("md", "Title")
