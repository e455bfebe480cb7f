"""Which calls of a turn need a person, and what becomes of those that somebody decided about."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from claude_gateway import sse
from claude_gateway.errors import NotFound
from claude_gateway.loop.asking import Asked
from claude_gateway.toolbox import Choice, Entry, Toolbox
from claude_gateway.toolbox.choices import session_choice
from claude_gateway.types.approvals import Approval, AskedCall, strictest
from claude_gateway.types.resources import Session

NOBODY = (
    "This call was not made: it needs a person's approval, and this request cannot wait for one. It "
    "can in a session, or with on_disconnect: detach."
)
EXPIRED = "This call was not made: nobody approved it in time."
CHANGED = "This call was not made: the tool is not the one any more that was approved."
LATER = "This call was not made: it needs a person's approval by now."
DENIED = "This call was not made: the user refused it"


@dataclass(frozen=True, slots=True)
class Approving:
    """Asks about calls. `wanted` is the request's own wish, `seconds` what a person has.

    `session` returns the session as it is now, None where there is none. `parks` says whether the turn
    can wait at all.
    """

    toolbox: Toolbox
    choices: Sequence[Choice]
    wanted: Approval
    session: Callable[[], Awaitable[Session | None]]
    seconds: float
    parks: bool

    async def needed(self, calls: Sequence[Asked]) -> list[AskedCall]:
        """Return what a person has to be asked about."""
        session = await self.session()
        choices = (*self.choices, *(() if session is None else (session_choice(session),)))
        found = [await self._needed(asked, session, choices) for asked in calls]
        return [call for call in found if call is not None]

    async def _needed(
        self, asked: Asked, session: Session | None, choices: Sequence[Choice]
    ) -> AskedCall | None:
        try:
            entry = await self.toolbox.find(asked.entry.wire_name, *choices)
        except NotFound:  # it cannot be made by now; if it can later, that is as it was offered
            entry = asked.entry
        wish = self._wish(entry, session)
        if wish == "never":
            return None
        return AskedCall(
            asked.id,
            entry.server,
            entry.tool.name,
            entry.wire_name,
            sse.compact(asked.arguments),
            entry.digest,
            wish,
            time.time() + self.seconds,
        )

    def _wish(self, entry: Entry, session: Session | None) -> Approval:
        of_session: Approval = session.approval if session is not None else "never"
        wish = strictest(entry.tool.approval, of_session, self.wanted)
        if wish == "ask" and session is not None:
            return "never" if session.approved.get(entry.wire_name) == entry.digest else "ask"
        return wish

    async def objection(self, asked: Asked, decided: AskedCall | None) -> str:
        """Say why a call must not be made that was decided about, "" when nothing speaks against it.

        None was decided about one that needed nobody then.
        """
        if decided is None:
            return LATER if await self.needed([asked]) else ""
        if decided.decision == "denied":
            return f"{DENIED}: {decided.reason}" if decided.reason else f"{DENIED}."
        if decided.decision != "approved":
            return EXPIRED
        try:
            entry = await self.toolbox.find(asked.entry.wire_name, *self.choices)
        except NotFound:
            return ""  # the call says so itself
        return "" if entry.digest == decided.digest else CHANGED
