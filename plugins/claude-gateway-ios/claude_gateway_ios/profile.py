"""The profile: which request is whose, and what is to be done with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from claude_gateway import Adaptation, Call
from claude_gateway_ios import adaptations, shapes, spelling
from claude_gateway_ios.chats import Chat, RunEvents, resumed
from claude_gateway_ios.composed import Archive, Debug, Profile, Stop
from claude_gateway_ios.paths import Place, repaired

Make: TypeAlias = Callable[[Call, Place], Adaptation]
shaped, listing, changing = adaptations.shaped, adaptations.listing, adaptations.changing

READS, WRITES = "GET HEAD", "POST PUT PATCH"
# Methods, path, and how such a request is adapted; the first that fits. `/v1/sessions/stats` stands
# before `/v1/sessions/{id}`.
TABLE: Sequence[tuple[str, str, Make]] = (
    ("POST", r"/v1/chat/completions", Chat),
    ("POST", r"/v1/chat/completions/debug", Debug),
    (READS, r"/v1/chat/completions/[^/]+/status", shaped(shapes.status)),
    ("DELETE", r"/v1/chat/completions/[^/]+", Stop),
    (READS, r"/v1/runs/[^/]+/events", RunEvents),
    (READS, r"/v1/models/capabilities", listing("models", shapes.capability, shapes.capabilities)),
    (READS, r"/v1/projects", listing("projects", shapes.project)),
    ("POST", r"/v1/projects", changing(shapes.project, spelling.PROJECT)),
    ("DELETE", r"/v1/projects/[^/]+", adaptations.deleting),
    (f"{READS} PATCH", r"/v1/projects/[^/]+", changing(shapes.project, spelling.PROJECT)),
    (READS, r"/v1/sessions", listing("sessions", shapes.session)),
    ("POST", r"/v1/sessions", adaptations.NewSession),
    (READS, r"/v1/sessions/stats", shaped(shapes.stats)),
    ("DELETE", r"/v1/sessions/[^/]+", adaptations.deleting),
    (f"{READS} PATCH", r"/v1/sessions/[^/]+", changing(shapes.session, spelling.SESSION)),
    (READS, r"/v1/sessions/[^/]+/stats", adaptations.counting),
    ("POST", r"/v1/sessions/[^/]+/stop", Stop),
    ("POST", r"/v1/sessions/[^/]+/archive", Archive),
    (READS, r"/v1/sessions/[^/]+/messages", shaped(shapes.messages)),
    ("POST", r"/v1/sessions/[^/]+/messages", changing(spelling.both, spelling.MESSAGE)),
    (READS, r"/v1/sessions/[^/]+/tools", shaped(shapes.executions)),
    ("POST PUT", r"/v1/sessions/[^/]+/tools", changing(shapes.chosen, spelling.TOOLS)),
    (f"{READS} POST PUT", r"/v1/user/profile", Profile),
)
RULES = [(frozenset(methods.split()), re.compile(path), make) for methods, path, make in TABLE]


class AppProfile:
    """Recognises the app by a word in its User-Agent, which Foundation writes."""

    def __init__(self, agents: Sequence[str]) -> None:
        self._agents = agents

    def recognises(self, user_agent: str) -> bool:
        """Whether one of the words is in it."""
        for word in self._agents:  # noqa: SIM110  # any() costs three times as much, and this is for all
            if word in user_agent:
                return True
        return False

    def adapt(self, call: Call) -> Adaptation:
        """Say what to do; what is in no rule has only its path repaired."""
        place = repaired(call.target)
        again = resumed(call, place)
        if again is not None:
            return again
        for methods, path, make in RULES:
            if call.method in methods and path.fullmatch(place.path):
                return make(call, place)
        return Adaptation(call.method, place.target)
