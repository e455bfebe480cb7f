"""Random ids, 96 or 128 bits long, from the system's own source.

One system call for a few hundred ids instead of one for each: on the hot path that is most of
their price.
"""

from __future__ import annotations

import os

POOL = 4096  # bytes


class Ids:
    """Makes ids that nobody can guess and nobody else has made."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def request(self) -> str:
        """An id for one HTTP request."""
        return f"req_{self._hex(12)}"

    def run(self) -> str:
        """An id for one assistant turn; it is part of a URL, hence the 128 bits."""
        return f"run_{self._hex(16)}"

    def session(self) -> str:
        """An id for a session that a client did not name itself."""
        return f"ses_{self._hex(16)}"

    def project(self) -> str:
        """An id for a project."""
        return f"prj_{self._hex(16)}"

    def message(self) -> str:
        """An id for a message in a session."""
        return f"msg_{self._hex(16)}"

    def execution(self) -> str:
        """An id for one call of a tool that the gateway makes."""
        return f"exe_{self._hex(16)}"

    def key(self) -> str:
        """An id for a key, which is no part of the key itself."""
        return f"key_{self._hex(12)}"

    def user(self) -> str:
        """An id for a user."""
        return f"usr_{self._hex(12)}"

    def _hex(self, size: int) -> str:
        at = self._at
        end = at + 2 * size
        if end > len(self._pool):
            self._pool, at, end = os.urandom(POOL).hex(), 0, 2 * size
        self._at = end
        return self._pool[at:end]
