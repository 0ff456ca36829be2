"""What the URL of the page holds: a link leads to the same question, filters and view.

Streamlit can tie a widget to the URL by itself, but writes the labels of choices there, and labels
change with the words on the page. Choices are tied here, by tokens that stay.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import TypeVar

import streamlit as st

from retriever.snippet import clean_line

MOST_CHARS = 40

Token = TypeVar("Token", bound=str)


def follow_url(name: str, known: Collection[str]) -> list[str] | None:
    """Say what a parameter of the URL has come to hold, by a link or by the back button.

    Args:
        name: Of the parameter.
        known: The tokens that it may hold; others are left out.

    Returns:
        The tokens, or None if they are what `write_url` left there.
    """
    held = [token for token in st.query_params.get_all(name) if token in known]
    return None if held == st.session_state.get(f"{name}_in_url", []) else held


def write_url(name: str, tokens: Sequence[str]) -> None:
    """Let a parameter of the URL hold these tokens; with none it goes."""
    st.session_state[f"{name}_in_url"] = [*tokens]
    if [*tokens] != st.query_params.get_all(name):
        st.query_params[name] = [*tokens]


def choice(name: str, label: str, options: Mapping[Token, str]) -> Token:
    """Draw a choice that the URL holds by its token, unless it is the first one.

    Args:
        name: Of the parameter and of the widget.
        label: What stands above it.
        options: Tokens, and what each is called on the page.
    """
    first, *_ = tokens = [*options]
    in_url = follow_url(name, tokens)
    if in_url is not None:
        st.session_state[name] = in_url[-1] if in_url else first
    chosen = st.selectbox(label, tokens, format_func=lambda token: options[token], key=name)
    write_url(name, [] if chosen == first else [chosen])
    return chosen


def nonsense(checks: Mapping[str, Callable[[str], bool]]) -> list[str]:
    """Name what the URL holds and cannot mean: ["k=many"]; unknown parameters are no concern.

    Args:
        checks: For each parameter, whether a value makes sense; an empty value always does.
    """
    return [
        clean_line(f"{name}={value[:MOST_CHARS]}")
        for name, makes_sense in checks.items()
        for value in st.query_params.get_all(name)
        if value and not makes_sense(value)
    ]


def is_number(text: str, most: int) -> bool:
    """Whether the control takes it for a number from 1 to `most`; Streamlit rounds "1.5" down."""
    try:
        return 1 <= int(float(text)) <= most
    except (ValueError, OverflowError):  # no number, or one without an end
        return False


def is_day(text: str, earliest: date, latest: date) -> bool:
    """Whether it is a day between these, written as in "2026-01-31" and in no other way."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return earliest <= day <= latest and text == day.isoformat()
