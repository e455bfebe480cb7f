"""Turns: what the app sends, and what it is told when one cannot be had."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from claude_gateway import Adaptation, Ask, Call, Frames, Principal, Reply
from claude_gateway_ios.adaptations import as_object, repeats
from claude_gateway_ios.frames import DONE, AppFrames, failed
from claude_gateway_ios.paths import Place
from claude_gateway_ios.settings import FOUNDATION
from claude_gateway_ios.spelling import CHAT, renamed

EVENTS: Mapping[str, str] = {"x-gateway-events": "true"}
STREAM, ANYTHING = "text/event-stream", "*/*"
REFUSED = 400
# The app gives up on an answer in one piece that has no byte for a minute.
PATIENCE = 55.0
# The number of a frame, as it was written for the app: its run, and its number there.
NUMBER = re.compile(r"(run_[0-9a-f]+)\.([0-9]{1,12})")
LAST = "Last-Event-ID"


class Chat(Adaptation):
    """One turn."""

    wants_body = True  # whether a stream was wanted decides how a refusal is said

    def __init__(self, call: Call, place: Place) -> None:
        super().__init__("POST", place.target, {**EVENTS, **repeats(call)})
        accepted = call.headers.get("Accept", ANYTHING)
        # The first version's reader of streams does not say that it is one.
        is_foundation = FOUNDATION in call.headers.get("User-Agent", "")
        self._reads_streams = STREAM in accepted or (is_foundation and ANYTHING in accepted)
        self._streams = STREAM in accepted  # until the body says it

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        said = renamed(fields, CHAT)
        self._streams = said.get("stream") is True
        self.patience = None if self._streams else PATIENCE
        habit = principal.on_disconnect if principal is not None else None
        if habit is None and said.get("on_disconnect") is None:
            said["on_disconnect"] = "cancel"  # the app's Stop button does nothing but hang up
        return said

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        if reply.status >= REFUSED and self._streams and self._reads_streams:
            return in_a_stream(reply)
        return reply

    def frames(self, headers: Mapping[str, str]) -> Frames | None:
        return AppFrames(headers)


class RunEvents(Adaptation):
    """The frames of a run, again; numbers are the app's."""

    def __init__(self, call: Call, place: Place, last: str = "") -> None:
        found = NUMBER.fullmatch(call.headers.get(LAST, ""))
        number = found[2] if found else last
        super().__init__(
            "GET" if last else call.method, place.target, {LAST: number} if number else {}
        )
        self._in_a_stream = bool(last)

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        if reply.status >= REFUSED and self._in_a_stream:
            return in_a_stream(reply)
        return reply

    def frames(self, headers: Mapping[str, str]) -> Frames | None:
        return AppFrames(headers)


def resumed(call: Call, place: Place) -> Adaptation | None:
    """Return the rest of an answer, for a turn that is sent again because its stream broke.

    One of the app's readers does that, without end; it says what it has seen last.
    """
    if call.method != "POST" or place.path != "/v1/chat/completions":
        return None
    found = NUMBER.fullmatch(call.headers.get(LAST, ""))
    if found is None:
        return None
    return RunEvents(call, Place(f"/v1/runs/{found[1]}/events"), found[2])


def in_a_stream(reply: Reply) -> Reply:
    """Return a refusal as a stream says it, with its real status."""
    body = failed(as_object(reply)) + DONE
    return replace(reply, body=body, content_type=f"{STREAM}; charset=utf-8")
