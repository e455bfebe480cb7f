"""Where the app's requests go, and where they should."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Foundation's "append path component" writes the question mark of a query so.
QUESTION_MARK = re.compile("%3f", re.IGNORECASE)
SLASHES = re.compile("//+")
# What one of the app's classes asks for without a version, by the first part of the path.
UNVERSIONED = frozenset({"projects", "sessions", "models", "chat", "user"})
OTHER_NAMES = (
    (re.compile(r"/completions/([^/]+)"), r"/v1/chat/completions/\1"),
    (re.compile(r"/debug/completion"), "/v1/chat/completions/debug"),
    (re.compile(r"/v1/health"), "/health"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A path of the gateway's, and a query. `bare`: asked for without a version, for bare arrays."""

    path: str
    query: str = ""
    bare: bool = False

    @property
    def target(self) -> str:
        """Both, as they stand in a request."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def value(self, name: str) -> str | None:
        """Return what the query says first of `name`, as it stands there."""
        for part in self.query.split("&"):
            key, _, value = part.partition("=")
            if key == name:
                return value
        return None

    def with_value(self, name: str, value: str) -> Place:
        """Return it with another value of `name`."""
        rest = [part for part in self.query.split("&") if part and part.partition("=")[0] != name]
        return Place(self.path, "&".join([*rest, f"{name}={value}"]), self.bare)


def repaired(target: str) -> Place:
    """Undo what becomes of the app's URLs on their way."""
    path, _, query = target.partition("?")
    path, *inside = QUESTION_MARK.split(path, maxsplit=1)
    query = "&".join(part for part in (*inside, query) if part)
    path = SLASHES.sub("/", path)
    if len(path) > 1:
        path = path.removesuffix("/")
    if path == "/api/v1" or path.startswith("/api/v1/"):
        return Place(path.removeprefix("/api"), query)
    for pattern, name in OTHER_NAMES:
        if found := pattern.fullmatch(path):
            return Place(found.expand(name), query, bare=True)
    if path.split("/")[1] in UNVERSIONED:
        return Place(f"/v1{path}", query, bare=True)
    return Place(path, query)
