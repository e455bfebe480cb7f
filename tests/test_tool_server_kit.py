"""The kit for authors of tool servers: it lets a good one pass, and catches each way to be wrong."""

from __future__ import annotations

import asyncio
import inspect
import runpy
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway import (
    InvalidRequest,
    NotFound,
    ServerState,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
)
from claude_gateway.testing import ToolServerConformance

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving

ADD: Mapping[str, object] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}


class Adder:
    """A good server; the broken ones differ in one thing."""

    title, description, transport = "Adder", "Adds.", "builtin"

    def state(self) -> ServerState:
        return ServerState()

    async def tools(self) -> Sequence[Tool]:
        return [Tool("add", "Adds two numbers.", ADD)]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        if name != "add":
            raise NotFound(f"There is no {name}.")
        await asyncio.sleep(0)
        a, b = call.arguments.get("a"), call.arguments.get("b")
        if not isinstance(a, int) or not isinstance(b, int):
            return ToolResult.failed("a and b must be numbers.")
        return ToolResult.of(str(a + b), {"sum": a + b})


class TestAGoodOne(ToolServerConformance):
    samples = (("add", {"a": 1, "b": 2}),)

    @pytest.fixture
    async def server(self) -> ToolServer:
        return Adder()


def example() -> Any:
    """The plugin that docs/plugins.md shows."""
    path = Path(__file__).parent.parent / "docs/examples/dice.py"
    return runpy.run_path(str(path))["plugin"]


class TestTheExample(ToolServerConformance):
    samples = (("roll", {"sides": 6}),)

    @pytest.fixture
    async def server(self) -> AsyncGenerator[ToolServer]:
        (offer,) = example().register_tool_servers(None)
        async with offer.open() as server:
            yield server


async def test_the_example_is_served_and_called(serving: Serving, scripted: type[Scripted]) -> None:
    async with serving(scripted(), example()) as app:
        (server,) = (await app.ask("GET", "/v1/mcp/servers")).json["servers"]
        body = {"server": "dice", "tool": "roll", "arguments": {"sides": 6}}
        answer = (await app.ask("POST", "/v1/mcp/tools/call", body)).json
    assert (server["id"], server["status"], server["tool_count"]) == ("dice", "available", 1)
    assert 1 <= answer["structured_content"]["rolled"] <= 6


def kit() -> ToolServerConformance:
    tests = ToolServerConformance()
    tests.samples = TestAGoodOne.samples
    tests.patience = 0.05
    return tests


async def caught(test: Callable[..., Awaitable[None]], why: str, *arguments: object) -> None:
    """Expect that a test of the kit fails with this reason."""
    with pytest.raises(AssertionError, match=why):
        await test(*arguments)


async def test_a_class_without_a_server_is_told_what_is_missing() -> None:
    fixture = inspect.unwrap(ToolServerConformance.server)
    with pytest.raises(NotImplementedError, match="a fixture called `server`"):
        await fixture(ToolServerConformance())


async def test_a_class_without_samples_is_told_what_is_missing() -> None:
    await caught(ToolServerConformance().test_samples_succeed, "Give some calls", Adder())


async def test_a_server_that_does_not_say_what_it_is_is_caught() -> None:
    class Silent(Adder):
        title = " "

    class Odd(Adder):
        transport = None  # type: ignore[assignment]

    await caught(kit().test_it_says_what_it_is, "title is blank", Silent())
    await caught(kit().test_it_says_what_it_is, "transport is None", Odd())


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("available", "not a ServerState"),
        (ServerState("fine"), "no state 'fine'"),  # type: ignore[arg-type]
        (ServerState("error", "It is broken."), "is error: It is broken."),
    ],
)
async def test_a_state_that_cannot_be_is_caught(state: ServerState, why: str) -> None:
    class Stating(Adder):
        def state(self) -> ServerState:
            return state

    await caught(kit().test_its_state_is_one_that_is_known, why, Stating())


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        ([], "is empty"),
        ([Tool("add", "", {"type": "array"})], "add has a schema whose type is not object"),
        ([Tool("add", "", ADD)] * 2, "has the name of another tool"),
    ],
)
async def test_tools_that_cannot_be_offered_are_caught(tools: list[Tool], why: str) -> None:
    class Listing(Adder):
        async def tools(self) -> Sequence[Tool]:
            return tools

    await caught(kit().test_every_tool_can_be_offered, why, Listing())


async def test_lists_that_change_or_take_long_or_are_given_away_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Changing(Adder):
        count = 0

        async def tools(self) -> Sequence[Tool]:
            self.count += 1
            return [Tool("add", f"Asked {self.count} times.", ADD)]

    class Slow(Adder):
        asked = False

        async def tools(self) -> Sequence[Tool]:
            if self.asked:
                await asyncio.Event().wait()
            self.asked = True
            return ()

    class Generous(Adder):
        def __init__(self) -> None:
            self.own = [Tool("add", "", ADD)]

        async def tools(self) -> Sequence[Tool]:
            return self.own

    monkeypatch.setattr("claude_gateway.testing.tool_servers.LISTED_WITHIN", 0.01)
    listing = kit().test_tools_are_listed_at_once_and_the_same_each_time
    await caught(listing, "gives others each time", Changing())
    await caught(listing, "longer than 0.01 s", Slow())
    giving = kit().test_what_is_listed_cannot_be_changed_from_outside
    await caught(giving, "gives its own list away", Generous())


class Doing(Adder):
    """Calls do what the test says."""

    def __init__(self, does: Callable[[str, ToolCall], Awaitable[object]]) -> None:
        self.does = does

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        return await self.does(name, call)  # type: ignore[return-value]


async def test_a_server_that_has_every_tool_is_caught() -> None:
    async def anything(_name: str, _call: ToolCall) -> object:
        return ToolResult.of("done")

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await kit().test_a_tool_that_it_does_not_have_is_not_found(Doing(anything))
    await caught(
        kit().test_without_what_it_needs_a_tool_fails_and_says_so,
        "succeeds without",
        Doing(anything),
    )


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (KeyError("a"), "KeyError came out of add"),
        (NotFound(" "), "NotFound has no message"),
        (InvalidRequest(""), "InvalidRequest has no message"),
    ],
)
async def test_errors_that_nobody_can_read_are_caught(error: Exception, why: str) -> None:
    async def fail(_name: str, _call: ToolCall) -> object:
        raise error

    await caught(kit().test_without_what_it_needs_a_tool_fails_and_says_so, why, Doing(fail))


async def test_failures_without_a_reason_are_caught() -> None:
    async def fail(_name: str, _call: ToolCall) -> object:
        return ToolResult.failed(" ")

    tests = kit()
    await caught(tests.test_without_what_it_needs_a_tool_fails_and_says_so, "reason", Doing(fail))
    await caught(tests.test_samples_succeed, "add failed", Doing(fail))
    await caught(tests.test_calls_run_side_by_side, "One of 2 calls", Doing(fail), 2)


async def test_what_is_no_result_is_caught() -> None:
    async def give(_name: str, _call: ToolCall) -> object:
        return "3"

    await caught(kit().test_samples_succeed, "no result. It was '3'", Doing(give))


async def test_samples_of_other_tools_or_shapes_are_caught() -> None:
    tests = kit()
    tests.samples = (("subtract", {}),)
    await caught(tests.test_samples_fit_the_schemas, "subtract is not listed", Adder())
    tests.samples = (("add", {"a": 1, "b": "2"}),)
    await caught(tests.test_samples_fit_the_schemas, "b: '2' is not of type", Adder())


async def test_calls_that_never_end_are_caught() -> None:
    async def hang(_name: str, _call: ToolCall) -> object:
        return await asyncio.Event().wait()

    await caught(kit().test_samples_succeed, r"longer than 0\.05 s", Doing(hang))


async def test_calls_that_cannot_be_cancelled_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    released = asyncio.Event()

    async def cling(_name: str, _call: ToolCall) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            await released.wait()
        return None

    async def swallow(_name: str, _call: ToolCall) -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return ToolResult.of("cancelled")
        return None

    monkeypatch.setattr("claude_gateway.testing.tool_servers.LET_GO_WITHIN", 0.01)
    cancelling = kit().test_a_call_that_is_cancelled_ends_at_once_and_harms_no_other
    await caught(cancelling, "went on for more than", Doing(cling))
    released.set()
    await caught(cancelling, "swallowed its cancellation", Doing(swallow))
