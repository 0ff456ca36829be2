"""Marks of notes in an HTML page: "[1]" instead of a 1 that is glued to the word before it."""

from collections.abc import Mapping

_NOTE_TYPES = frozenset(("noteref", "doc-noteref", "doc-backlink"))
# As LibreOffice writes them.
_NOTE_CLASSES = frozenset(("sdfootnoteanc", "sdendnoteanc", "sdfootnotesym", "sdendnotesym"))
_LONGEST_MARK = 8


class NoteMarks:
    """Finds them: superscripts that are links within the page, and links that say they are such."""

    def __init__(self, inline: list[str]) -> None:
        """Watch the texts of the block that is being read; they are changed in place."""
        self._inline = inline
        self._open: list[str] = []
        self._start = 0
        self._is_link = self._is_raised = self._is_named = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the opening tag of a link or a superscript."""
        if not self._open:
            self._start = len(self._inline)
            self._is_link = self._is_raised = self._is_named = False
        if tag == "sup":
            self._is_raised = True
        elif _names_a_note(attributes):
            self._is_named = True
        elif attributes.get("href", "#").startswith("#") and len(attributes.get("href", "")) > 1:
            self._is_link = True
        else:
            return
        self._open.append(tag)

    def end(self, tag: str) -> None:
        """Take its closing tag."""
        if tag not in self._open:
            return
        while self._open.pop() != tag:
            pass
        if not self._open and (self._is_named or (self._is_link and self._is_raised)):
            mark = "".join(self._inline[self._start :]).strip()
            # From the end: a block may hold thousands of marks.
            texts = (text.rstrip() for text in reversed(self._inline[: self._start]))
            before = next(filter(None, texts), "")
            bare = mark[:1] not in "([" and before[-1:] not in ("(", "[")
            if bare and len(mark) <= _LONGEST_MARK and " " not in mark:
                # Before its note a mark needs a blank, after a word none.
                self._inline[self._start :] = [f"[{mark}]" if before else f"[{mark}] "]

    def clear(self) -> None:
        """Begin the next block."""
        self._open.clear()


def _names_a_note(attributes: Mapping[str, str]) -> bool:
    types = f"{attributes.get('epub:type', '')} {attributes.get('role', '')}".split()
    classes = attributes.get("class", "").split()
    return not (_NOTE_TYPES.isdisjoint(types) and _NOTE_CLASSES.isdisjoint(classes))
