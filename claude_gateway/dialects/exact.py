"""JSON that will be written again as it was."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import orjson

# What a fast parser would write otherwise: integers above 64 bits, spelled-out floats, minus zero.
UNUSUAL = re.compile(rb"\d{19}|\d[.eE]|-0")


def parsed(raw: bytes) -> Any:
    """Parse JSON; numbers that would not come out as they are stay text, for `sse.compact` only."""
    with suppress(orjson.JSONDecodeError):  # a number that it cannot hold at all
        value = orjson.loads(raw)
        # Writing it again is the quickest way to see that nothing in it is unusual: to look for
        # numbers among text takes forty times as long.
        if orjson.dumps(value) == raw:
            return value
    if not UNUSUAL.search(raw):
        return orjson.loads(raw)
    return json.loads(raw, parse_int=_whole, parse_float=_kept)


def _kept(text: str) -> object:
    return orjson.Fragment(text.encode())


def _whole(text: str) -> object:
    return int(text) if len(text) < 19 and text != "-0" else _kept(text)  # noqa: PLR2004  # 64 bits
