"""Those who follow work: told of both ends, never fatal, and nothing is there without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from claude_gateway import (
    Follows,
    Observer,
    RequestEnd,
    RequestStart,
    RoundEnd,
    RoundStart,
    ToolCall,
    ToolEnd,
    ToolStart,
)
from claude_gateway.engine import Engine
from claude_gateway.engine.caller import Caller
from claude_gateway.engine.followed import FollowedCaller
from claude_gateway.engine.following import Following
from claude_gateway.toolbox import Toolbox


@dataclass
class Work:
    """One piece of work, with what it gives along."""

    carried: Mapping[str, str]
    ends: list[Any] = field(default_factory=list)

    def ended(self, end: RequestEnd | RoundEnd | ToolEnd) -> None:
        self.ends.append(end)


class Trace(Observer):
    """Follows everything, and gives one name along."""

    def __init__(self, **carried: str) -> None:
        self.began: list[Any] = []
        self.work = Work(carried)

    def request_began(self, request: RequestStart) -> Work:
        self.began.append(request)
        return self.work

    def round_began(self, call: RoundStart) -> Work:
        self.began.append(call)
        return self.work

    def tool_began(self, call: ToolStart) -> Work:
        self.began.append(call)
        return self.work


class Broken(Trace):
    def tool_began(self, call: ToolStart) -> Work:
        raise OSError("no")


START = ToolStart("server__tool", "toolu_1", None, {})
END = ToolEnd("server", "tool", "completed", 0.1)


def test_an_observer_follows_when_it_has_all_three_methods() -> None:
    assert isinstance(Trace(), Follows)
    assert not isinstance(Observer(), Follows)
    assert not Following([Observer()])
    assert Following([Observer(), Trace()])


def test_without_anybody_who_follows_the_engine_asks_as_ever() -> None:
    assert type(Engine([Observer()], 0)._caller) is Caller
    assert type(Engine([Trace()], 0)._caller) is FollowedCaller


def test_what_several_give_along_goes_together() -> None:
    one, other = Trace(traceparent="a"), Trace(tracestate="b")
    work = Following([one, other]).tool(START)
    work.ended(END)
    assert work.carried == {"traceparent": "a", "tracestate": "b"}
    assert one.work.ends == other.work.ends == [END]


def test_one_that_fails_is_logged_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    well = Trace(traceparent="a")
    work = Following([Broken(), well]).tool(START)
    work.ended(END)
    assert work.carried == {"traceparent": "a"}
    assert well.work.ends == [END]
    assert [record.message for record in caplog.records] == ["an observer failed"]


async def test_a_call_that_is_refused_is_followed_to_its_end() -> None:
    trace, toolbox = Trace(traceparent="a"), Toolbox({})
    toolbox.follow = Following([trace]).tool
    await toolbox.call("nothing", ToolCall({}, "ada", id="toolu_1", carried={"tracestate": "b"}))
    assert trace.began == [ToolStart("nothing", "toolu_1", None, {"tracestate": "b"})]
    assert [end.outcome for end in trace.work.ends] == ["refused"]
