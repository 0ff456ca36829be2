"""What a self-test found out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: its name, whether it held, and the measured value."""

    name: str
    held: bool
    measured: str
