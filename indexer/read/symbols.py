"""Characters of symbol fonts, which office programs name by font and place and not by Unicode."""

# Symbol, from 0x20 on (its own encoding, Adobe's symbol.txt on unicode.org), without
# the pieces of large brackets.
_SYMBOL_20 = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_"
    "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
)
_SYMBOL_A1 = "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑"
# Of the pictures, those that say something in a text: ticks, boxes, arrows, list marks.
_WINGDINGS = {
    0x6C: "●", 0x6E: "■", 0x6F: "□", 0x70: "□", 0x71: "❑", 0x75: "◆", 0x76: "❖", 0x9F: "•",
    0xA7: "▪", 0xA8: "□", 0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE8: "➔",
    0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_FONTS = {
    "symbol": dict(enumerate(_SYMBOL_20, 0x20))
    | dict(enumerate(_SYMBOL_A1, 0xA1))
    | {0xF1: "〉", 0xF2: "∫"},
    "wingdings": _WINGDINGS,
}
_PRIVATE = range(0xF000, 0xF100)


def letter(font: str, place: str) -> str:
    """Return the character at a place of a font.

    Args:
        font: Its name.
        place: Hexadecimal: a code point, or for a symbol font 0xF000 and more than its own code.

    Returns:
        What is not known stays a private character, which counts as damage; "" for no number.
    """
    try:
        code = int(place, 16)
        own = chr(code)
    except (ValueError, OverflowError):
        return ""
    known = _FONTS.get(font.lower(), {})
    return known.get(code - _PRIVATE.start if code in _PRIVATE else code, own)
