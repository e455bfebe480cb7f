"""JSON that must stay as it was written: Python's own types would change it.

1.10 becomes 1.1, an integer above 64 bits a float in fast parsers, -0 a 0. What a model said goes
back to it exactly, or it may refuse its own words.
"""

from __future__ import annotations

import json
from typing import NoReturn

# Fewer digits than any number that does not fit into 64 bits.
SURELY_FITS = 18


class RawJson:
    """A JSON value as text. Whoever writes JSON copies `text` unchanged.

    With orjson: `default=lambda value: orjson.Fragment(value.text)`. Where nothing can be copied,
    `value` is the nearest that Python has. (No dataclass: orjson would write it as an object.)
    """

    __match_args__ = ("text",)
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def value(self) -> object:
        """The value, parsed. Raises ValueError if the text is no JSON."""
        return json.loads(self.text)

    @staticmethod
    def parse(text: str | bytes) -> object:
        """Parse JSON; numbers that would be written otherwise again are left as RawJson.

        Raises ValueError for what is no JSON, or nested deeper than anything sensible.
        """
        try:
            return json.loads(
                text, parse_int=_integer, parse_float=_fraction, parse_constant=_refuse
            )
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, RawJson) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"RawJson({self.text!r})"


def _integer(text: str) -> int | RawJson:
    return RawJson(text) if len(text) > SURELY_FITS or text == "-0" else int(text)


def _fraction(text: str) -> float | RawJson:
    number = float(text)
    # Exponents are spelled in many ways, so none is trusted.
    plain = "e" not in text and "E" not in text
    return number if plain and repr(number) == text else RawJson(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
