"""How a kept turn is written for its client: what a dialect needs besides the events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from typing import Any

from claude_gateway import sse
from claude_gateway.dialects import kept
from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.anthropic.tool_turns import ToolTurnStream, shown
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.dialects.openai import padding
from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.endings import session_usage
from claude_gateway.dialects.openai.stream import ChatStream, Extras
from claude_gateway.dialects.visible import NOBODYS, Owned
from claude_gateway.loop.telling import usage_of
from claude_gateway.types.runs import Run, cost_of
from claude_gateway.types.values import value
from claude_gateway.web.gateway import Gateway


@value
class View:
    """All of it, as JSON would have it: it is kept with a run that waits.

    `created` is in seconds since 1970. `names` are the client's names of tools by upstream's, `own` those
    whose calls the gateway answers, `fields` what stands in every chunk. `events` shows what the gateway does,
    `pads` hides how long the pieces of an answer are.
    """

    dialect: str
    created: int = 0
    include_usage: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    own: Owned = NOBODYS
    fields: Mapping[str, object] = field(default_factory=dict)
    events: bool = False
    pads: bool = False

    def kept(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "dialect": self.dialect,
            "created": self.created,
            "include_usage": self.include_usage,
            "names": {**self.names},
            "own": sorted(self.own.names),
            "theirs": None if self.own.theirs is None else sorted(map(str, self.own.theirs)),
            "fields": {**self.fields},
            "events": self.events,
            "pads": self.pads,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> View:
        """Return what `kept` wrote."""
        own, theirs, rest = state["own"], state["theirs"], {**state}
        del rest["theirs"]
        return cls(**{**rest, "own": Owned(own, theirs)})

    def encoder(self, gateway: Gateway, run: Run) -> Encoder:
        """Return what writes the stream."""
        if self.dialect == kept.OPENAI:
            stream = ChatStream(
                self.created,
                run.model,
                include_usage=self.include_usage,
                tool_names=self.names,
                extras=self._extras(gateway, run),
            )
            return padding.wanted(stream, pads=self.pads)
        if not self.own and not self.events:
            return MessageStream()
        return ToolTurnStream(self.own, partial(_report, gateway, run) if self.events else None)

    def whole(self, gateway: Gateway, run: Run, message: Mapping[str, object]) -> bytes:
        """Write the answer in one piece."""
        if self.dialect == kept.OPENAI:
            extras = self._extras(gateway, run)
            return sse.compact(completion(message, self.created, self.names, extras))
        return sse.compact(shown(message, self.own))

    def _extras(self, gateway: Gateway, run: Run) -> Extras:
        told = partial(_report, gateway, run) if self.events else None
        if not self.fields:
            return Extras(own=self.own, report=told)
        price = partial(cost_of, run, gateway.price)
        return Extras(self.fields, partial(session_usage, price), self.own, told)


def _report(gateway: Gateway, run: Run) -> dict[str, object]:
    return usage_of(run, cost_of(run, gateway.price))
