"""Long lists, page by page. A cursor is the last thing of a page, so that lists may change meanwhile."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from claude_gateway.dialects.fields import optional, wrong

Written: TypeAlias = Mapping[str, object]

PAGE = 500  # some clients only ever read the first


def page(things: Iterable[Written], key: str, params: Mapping[str, object], name: str) -> Written:
    """Return the page that is asked for, as the list `name`, in order of `key`."""
    after = _after(optional(params, "cursor", str))
    ordered = sorted(things, key=lambda thing: str(thing[key]))
    rest = [thing for thing in ordered if after is None or str(thing[key]) > after]
    if len(rest) <= PAGE:
        return {name: rest}
    last = str(rest[PAGE - 1][key])
    return {name: rest[:PAGE], "nextCursor": base64.urlsafe_b64encode(last.encode()).decode()}


def _after(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return wrong("cursor", "is none that this gateway gave")
