"""RTF by striprtf: its text, without formatting; notes after their paragraph."""

import re
from collections.abc import Sequence
from pathlib import Path

from striprtf.striprtf import rtf_to_text

from indexer.document import Document
from indexer.read.blocks import Block, Origin, assemble

# Titles outside ASCII come as question marks: the first heading is better than those.
_TITLE = re.compile(r"\{\\title ([^{}\\?]+)\}")
_TOKEN = re.compile(
    r"\\[\\{}]|\{(?:\\\*)?(?P<note>\\(?:footnote|annotation)(?![a-z]) ?)?"
    r"|\}|\\(?P<end>par|cell|nestcell)(?![a-z])"
)
# A word joiner, which no text keeps, marks the brackets that are ours.
_OPENING, _NOTE_START = r"{[\u8288?", re.compile("\\[\u2060\\s*")
# Within a note, where it would end the brackets' line.
_PARAGRAPH = re.compile(r"\\par(?![a-z]) ?")


def read(path: Path, source: str) -> Document:
    """Return the document of an RTF file; its code pages are undone by striprtf."""
    rtf = path.read_bytes().decode("latin-1")
    text = rtf_to_text(_with_notes(rtf), errors="replace")  # type: ignore[no-untyped-call]
    text = _NOTE_START.sub("[", text)
    title = _TITLE.search(rtf)
    return assemble(Origin(source, "rtf", title[1] if title else ""), [Block(text)])


def _with_notes(rtf: str) -> str:
    """Move notes and comments, which striprtf 0.0.29 leaves out, behind their paragraph."""
    if r"\footnote" not in rtf and r"\annotation" not in rtf:
        return rtf
    parts: list[str] = []  # of the text
    notes: list[list[str]] = []  # of the paragraph, each in parts, as it may hold notes
    unclosed: list[tuple[int, list[str]]] = []  # their depths
    depth = done = 0
    for token in _TOKEN.finditer(rtf):
        here = unclosed[-1][1] if unclosed else parts
        if token[0].startswith("{"):
            depth += 1
            if token["note"]:
                here.append(rtf[done : token.start()])
                notes.append([])
                unclosed.append((depth, notes[-1]))
                done = token.end()
        elif token[0] == "}":
            if unclosed and depth == unclosed[-1][0]:
                here.append(rtf[done : token.start()])
                unclosed.pop()
                done = token.end()
            depth -= 1
        elif token["end"] and notes and not unclosed:
            before = r"\par " if token["end"] == "par" else r" "
            parts += [rtf[done : token.start()], *(before + _bracketed(note) for note in notes)]
            notes, done = [], token.start()
    if unclosed:  # a file that was cut
        unclosed[-1][1].append(rtf[done:])
        done = len(rtf)
    text, brace, rest = rtf[done:].rpartition("}")
    if not brace:  # a file that was cut, too
        text, rest = rest, ""
    return "".join([*parts, text, *map(_bracketed, notes), brace, rest])


def _bracketed(note: Sequence[str]) -> str:
    return _OPENING + _PARAGRAPH.sub(" ", "".join(note)) + "]}"
