"""Sessions of clients that shake hands. Each belongs to one caller, and there are only so many."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from claude_gateway.dialects.mcp.messages import Id
from claude_gateway.errors import RateLimited

MOST = 20_000  # of all callers together; one is about a kilobyte
TOO_MANY = "Too many of these are at work for this key. End one, and try again."


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(16)


@dataclass(slots=True, eq=False)
class McpSession:
    """What is known of one client between its requests. `used` is in monotonic seconds."""

    owner: str
    version: str
    id: str
    used: float = field(default_factory=time.monotonic)
    calls: dict[Id, asyncio.Task[object]] = field(default_factory=dict)
    listener: asyncio.Event | None = None  # set to end the stream that listens

    @property
    def at_work(self) -> bool:
        """Whether somebody waits for something."""
        return bool(self.calls) or self.listener is not None

    def cancel(self, request_id: object) -> None:
        """End a request that is being worked at; nothing happens to one that is not."""
        call = self.calls.get(request_id) if isinstance(request_id, str | int) else None
        if call is not None:
            call.cancel()

    def end(self) -> None:
        """Let go of everything."""
        for call in self.calls.values():
            call.cancel()
        if self.listener is not None:
            self.listener.set()


class Sessions:
    """Those that are open. `idle` is how many seconds one lives without being used."""

    def __init__(
        self, most: int = 100, idle: float = 3600.0, make_id: Callable[[], str] = new_id
    ) -> None:
        """`most` are kept of one caller: then the one that was used longest ago makes room."""
        self._make_id = make_id
        self._most = most
        self._idle = idle
        self._open: dict[str, McpSession] = {}
        self._listening: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, owner: str, version: str) -> McpSession:
        """Open one. Raises RateLimited where all are at work."""
        self._forget_idle()
        own = [session for session in self._open.values() if session.owner == owner]
        if len(own) >= self._most:
            self._make_room(own)
        elif len(self._open) >= MOST:
            self._make_room([*self._open.values()])
        session = McpSession(owner, version, self._make_id())
        self._open[session.id] = session
        return session

    def find(self, owner: str, id_: str) -> McpSession | None:
        """Return a session of this caller's; somebody else's is none."""
        session = self._open.get(id_)
        if session is None or session.owner != owner:
            return None
        now = time.monotonic()
        if not session.at_work and session.used + self._idle < now:
            self.end(session)
            return None
        session.used = now
        return session

    def end(self, session: McpSession) -> None:
        """Close one, and whatever is going on in it."""
        self._open.pop(session.id, None)
        session.end()

    @contextmanager
    def listening(self, owner: str) -> Iterator[None]:
        """Count a stream without a session. Raises RateLimited when there are as many as sessions."""
        if self._listening[owner] >= self._most:
            raise RateLimited(TOO_MANY, code="too_many_mcp_sessions", retry_after=30)
        self._listening[owner] += 1
        try:
            yield
        finally:
            self._listening[owner] -= 1
            self._listening += Counter()  # forgets who does not listen any more

    def _make_room(self, among: list[McpSession]) -> None:
        idle = [session for session in among if not session.at_work]
        if not idle:
            raise RateLimited(TOO_MANY, code="too_many_mcp_sessions", retry_after=30)
        self.end(min(idle, key=lambda session: session.used))

    def _forget_idle(self) -> None:
        late = time.monotonic() - self._idle
        for session in [s for s in self._open.values() if s.used < late and not s.at_work]:
            self.end(session)
