"""What a request says about the session it belongs to, in fields or headers of the gateway's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from claude_gateway.dialects.fields import optional, wrong
from claude_gateway.types.turns import Disconnect
from claude_gateway.types.values import value

IfBusy: TypeAlias = Literal["reject", "queue"]

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~@-]{0,127}")
# What somebody else shares is called by an address, which no id that is made up looks like.
ADDRESS = re.compile(r"~[A-Za-z0-9._:@-]{1,128}~[\s\S]{1,255}")
DISCONNECT, IF_BUSY = ("cancel", "detach"), ("reject", "queue")
HEADERS: Mapping[str, str] = {
    "session_id": "x-gateway-session-id",
    "project_id": "x-gateway-project-id",
    "on_disconnect": "x-gateway-on-disconnect",
    "if_busy": "x-gateway-if-busy",
}

NAMES = frozenset(HEADERS)


@value
class SessionFields:
    """None where nothing was said; `is_new` is a session whose id was made for this request.

    `owner` is whose things the ids are among; "" are the caller's own.
    """

    session_id: str | None = None
    project_id: str | None = None
    on_disconnect: Disconnect | None = None
    if_busy: IfBusy = "reject"
    is_new: bool = False
    owner: str = ""

    @property
    def in_session(self) -> bool:
        """Whether the request belongs to a session, perhaps one that is to be made."""
        return self.session_id is not None or self.project_id is not None


NONE = SessionFields()


def session_fields(
    fields: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> SessionFields:
    """Read them; `headers` say what `fields` do not. Raises InvalidRequest naming what is wrong."""
    if not headers and NAMES.isdisjoint(fields):
        return NONE
    said = {key: value for key in HEADERS if (value := fields.get(key)) is not None}
    for key, header in HEADERS.items() if headers else ():
        if key not in said and headers and (value := headers.get(header)) is not None:
            said[key] = value
    if not said:
        return NONE
    return SessionFields(
        an_id(said, "session_id"),
        an_id(said, "project_id"),
        cast("Disconnect | None", _one_of(said, "on_disconnect", DISCONNECT)),
        cast("IfBusy", _one_of(said, "if_busy", IF_BUSY) or "reject"),
    )


def an_id(fields: Mapping[str, object], key: str) -> str | None:
    """Return an id that a client made up or was given; None when it is absent, null or empty."""
    value = optional(fields, key, str)
    if not value:
        return None
    if ID.fullmatch(value) is None and ADDRESS.fullmatch(value) is None:
        wrong(key, "must be 1 to 128 letters, digits, or . _ : ~ @ -, the first a letter or digit")
    return value


def _one_of(fields: Mapping[str, object], key: str, words: tuple[str, ...]) -> str | None:
    value = optional(fields, key, str)
    if value is not None and value not in words:
        wrong(key, f"must be one of {', '.join(words)}", code="unsupported_value")
    return value
