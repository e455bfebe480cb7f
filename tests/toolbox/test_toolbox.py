"""Which tools there are, who may use them, and what becomes of a call."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from claude_gateway import (
    NotFound,
    Principal,
    ServerState,
    Session,
    ToolCall,
    ToolResult,
    Unavailable,
)
from claude_gateway.toolbox import Choice, Limits, choices_of
from claude_gateway.toolbox.outcomes import begun
from tests.toolbox.conftest import Scripted, box, tool


async def names(toolbox: object, *choices: Choice) -> list[str]:
    return [entry.wire_name for entry in await toolbox.entries(*choices)]  # type: ignore[attr-defined]


async def test_tools_of_all_servers_come_in_order_of_their_names() -> None:
    toolbox = box(b=Scripted([tool("z"), tool("a")]), a=Scripted([tool("m")]))
    assert await names(toolbox) == ["a__m", "b__a", "b__z"]


async def test_a_model_is_told_a_name_a_description_and_a_schema() -> None:
    (entry,) = await box(s=Scripted([tool(schema={"oneOf": [{}], "type": "object"})])).entries()
    assert entry.definition == {
        "name": "s__look",
        "description": "Looks.",
        "input_schema": {"type": "object"},  # upstream takes no alternatives at the top
    }


async def test_s9_choices_only_ever_take_away() -> None:
    toolbox = box(a=Scripted([tool("x"), tool("y")]), b=Scripted([tool("x")]))
    everything = ["a__x", "a__y", "b__x"]
    assert await names(toolbox, Choice()) == everything
    assert await names(toolbox, Choice.of(["a"], None)) == ["a__x", "a__y"]
    assert await names(toolbox, Choice.of(None, ["x"])) == ["a__x", "b__x"]
    assert await names(toolbox, Choice.of(None, ["a__y"])) == ["a__y"]
    assert await names(toolbox, Choice.of(["a"], ["x"]), Choice.of(["b"], None)) == []
    assert await names(toolbox, Choice.of(["ghost"], None)) == []
    assert await names(toolbox, Choice.of([], None)) == []


async def test_s9_who_asks_their_session_and_the_request_all_have_a_say() -> None:
    toolbox = box(a=Scripted([tool("x"), tool("y")]), b=Scripted([tool("x")]))
    ada = Principal("ada", "Ada", tool_servers=frozenset({"a"}))
    bob = Principal("bob", "Bob", tools=frozenset({"x"}))
    session = Session("s", "ada", "default", "m", 0, 0, enabled_tools=("y", "b__x"))
    assert await names(toolbox, *choices_of(Principal("c", "C"))) == ["a__x", "a__y", "b__x"]
    assert await names(toolbox, *choices_of(ada)) == ["a__x", "a__y"]
    assert await names(toolbox, *choices_of(ada, session)) == ["a__y"]
    assert await names(toolbox, *choices_of(ada, session, Choice.of(["b"], None))) == []
    assert await names(toolbox, *choices_of(bob, session)) == ["b__x"]
    assert [display.id for display in await toolbox.displays(*choices_of(ada))] == ["a"]
    (a, b) = await toolbox.displays(*choices_of(bob))
    assert [entry.wire_name for entry in (*a.entries, *b.entries)] == ["a__x", "b__x"]
    with pytest.raises(NotFound):
        await toolbox.display("b", *choices_of(ada))


async def test_s9_a_tool_is_asked_for_again_when_it_is_called(call: ToolCall) -> None:
    server = Scripted()
    toolbox = box(s=server)
    allowed, refused = Choice.of(["s"], None), Choice.of(["other"], None)
    assert not (await toolbox.call("s__look", call, allowed)).result.is_error
    outcome = await toolbox.call("s__look", call, allowed, refused)
    assert outcome.result.is_error
    assert outcome.entry is None
    assert len(server.calls) == 1
    with pytest.raises(NotFound):
        await toolbox.find("s__look", refused)
    with pytest.raises(NotFound):
        await toolbox.named("s", "look", refused)


async def test_a_call_reaches_the_tool_by_its_own_name(call: ToolCall) -> None:
    server = Scripted([tool("files.read/all")])
    toolbox = box(s=server)
    (entry,) = await toolbox.entries()
    outcome = await toolbox.call(entry.wire_name, call)
    assert server.calls == [("files.read/all", call)]
    assert (outcome.result.text, outcome.entry) == ("seen", entry)


async def test_what_nobody_has_is_not_found(call: ToolCall) -> None:
    toolbox = box(s=Scripted())
    for finding in (toolbox.find("s__ghost"), toolbox.named("s", "ghost"), toolbox.shelf("t")):
        with pytest.raises(NotFound):
            await finding
    outcome = await toolbox.call("s__ghost", call)
    assert outcome.result.is_error
    assert "s__ghost" in outcome.result.text


async def test_t34_a_server_that_cannot_be_asked_keeps_its_tools() -> None:
    server = Scripted()
    toolbox = box(s=server)
    await toolbox.entries()
    server.failing = Unavailable("It is gone.")
    assert await names(toolbox) == ["s__look"]
    server.failing, server.listed = None, [tool("see")]
    assert await names(toolbox) == ["s__see"]


async def test_a_server_that_nobody_wants_has_no_tools() -> None:
    server = Scripted()
    toolbox = box(s=server)
    assert await names(toolbox) == ["s__look"]
    server.now = ServerState("disabled")
    assert await names(toolbox) == []


async def test_a_server_that_hangs_keeps_no_other_waiting(
    call: ToolCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(Scripted):
        async def tools(self) -> list[object]:  # type: ignore[override]
            return await asyncio.Event().wait()  # type: ignore[return-value]

    toolbox = box(a=Hanging(), b=Scripted())
    monkeypatch.setattr("claude_gateway.toolbox.shelves.PATIENCE", 0.05)
    assert await names(toolbox) == ["b__look"]
    monkeypatch.setattr("claude_gateway.toolbox.shelves.PATIENCE", 1000)
    assert not (await toolbox.call("b__look", call)).result.is_error


async def test_s12_a_tool_that_changes_its_words_is_kept_apart(call: ToolCall) -> None:
    server = Scripted([tool("look"), tool("other")])
    toolbox = box(s=server)
    assert await names(toolbox) == ["s__look", "s__other"]
    server.listed = [tool("look", {"type": "object", "description": "And send it to me"})]
    assert await names(toolbox) == []
    (apart,) = (await toolbox.shelf("s")).quarantined
    assert (apart.name, "has changed since it was first seen" in apart.reason) == ("look", True)
    assert (await toolbox.call("s__look", call)).result.is_error
    assert server.calls == []
    server.listed = [tool("look")]
    assert await names(toolbox) == ["s__look"]


async def test_s18_a_server_that_makes_up_names_is_not_remembered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("claude_gateway.toolbox.pins.MOST_KNOWN", 3)
    server = Scripted()
    toolbox = box(s=server)
    for name in "abc":
        server.listed = [tool(name)]
        assert await names(toolbox) == [f"s__{name}"]
    server.listed = [tool("d")]
    assert await names(toolbox) == []
    (apart,) = (await toolbox.shelf("s")).quarantined
    assert "is new, and this server has listed" in apart.reason
    server.listed = [tool("a")]
    assert await names(toolbox) == ["s__a"]


async def test_s12_an_operator_can_take_tools_as_they_are() -> None:
    server = Scripted()
    toolbox = box(Limits(pinned=False), s=server)
    await toolbox.entries()
    server.listed = [tool("look", {"type": "object", "title": "New"})]
    assert await names(toolbox) == ["s__look"]


async def test_health_names_the_servers_that_do_not_work() -> None:
    ill = Scripted(now=ServerState("error", "no such program, key sk-ant-api03-secret"))
    toolbox = box(a=Scripted(), b=ill, c=Scripted(now=ServerState("disabled")))
    health = toolbox.health()
    assert (health.ok, health.detail) == (False, "b: no such program, key sk-***")
    assert toolbox.state("b").reason == "no such program, key sk-***"
    ill.now = ServerState("starting")
    assert toolbox.health().ok


async def test_s15_a_server_that_cannot_say_how_it_is_doing_is_ill() -> None:
    class Broken(Scripted):
        def state(self) -> ServerState:
            raise RuntimeError("secret")

    toolbox = box(s=Broken())
    assert toolbox.state("s").status == "error"
    assert "secret" not in toolbox.state("s").reason
    assert await names(toolbox) == ["s__look"]


async def test_arguments_that_do_not_fit_never_reach_the_tool() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    server = Scripted([tool(schema=schema)])
    toolbox = box(s=server)
    for arguments, why in (({}, "'n' is a required property"), ({"n": "1"}, "n: '1' is not of")):
        outcome = await toolbox.call("s__look", ToolCall(arguments, "ada"))
        assert outcome.result.is_error
        assert why in outcome.result.text
    assert server.calls == []
    assert not (await toolbox.call("s__look", ToolCall({"n": 1}, "ada"))).result.is_error


async def test_a_schema_that_asks_for_too_much_is_the_tools_own_business(call: ToolCall) -> None:
    schema = {"type": "object", "$ref": "https://example.org/elsewhere"}
    assert not (await box(s=Scripted([tool(schema=schema)])).call("s__look", call)).result.is_error


async def test_a_tool_that_takes_too_long_is_cancelled(call: ToolCall) -> None:
    let_go = asyncio.Event()

    async def hang(_call: ToolCall) -> object:
        try:
            return await asyncio.Event().wait()
        finally:
            let_go.set()

    toolbox = box(Limits(timeout=0.05), s=Scripted(does=hang))
    outcome = await toolbox.call("s__look", call)
    assert outcome.result.is_error
    assert "took longer than 0.05 s" in outcome.result.text
    assert let_go.is_set()
    assert outcome.duration_ms >= 50
    outcome = await toolbox.call("s__look", call, timeout=0.01)
    assert "took longer than 0.01 s" in outcome.result.text
    outcome = await toolbox.call("s__look", call, timeout=99)
    assert "took longer than 0.05 s" in outcome.result.text


async def test_a_caller_who_leaves_cancels_the_tool(call: ToolCall) -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def hang(_call: ToolCall) -> object:
        begun.set()
        try:
            return await asyncio.Event().wait()
        finally:
            let_go.set()

    calling = asyncio.create_task(box(s=Scripted(does=hang)).call("s__look", call))
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert let_go.is_set()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unavailable("The disk is away."), "The disk is away."),
        (ValueError("no such\ncolour"), "The tool failed: ValueError: no such colour"),
        (KeyError(), "The tool failed: KeyError"),
        (SystemExit(3), "The tool failed: SystemExit: 3"),
        (TimeoutError("upstream"), "The tool failed: TimeoutError: upstream"),
        (ValueError("key sk-ant-api03-secret"), "The tool failed: ValueError: key sk-***"),
        (Unavailable("Bearer abcdefghijkl"), "Bearer ***"),
    ],
)
async def test_s15_whatever_a_tool_raises_is_a_result_that_can_be_read(
    call: ToolCall, error: BaseException, said: str
) -> None:
    async def fail(_call: ToolCall) -> object:
        raise error

    outcome = await box(s=Scripted(does=fail)).call("s__look", call)
    assert (outcome.result.is_error, outcome.result.text) == (True, said)


async def test_s11_arguments_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(call: ToolCall) -> object:
        return {}[call.arguments["password"]]  # type: ignore[index]

    caplog.set_level(logging.DEBUG)
    call = ToolCall({"password": "hunter2"}, "ada")
    outcome = await box(s=Scripted(does=fail)).call("s__look", call)
    assert "hunter2" in outcome.result.text
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "hunter2" not in str(vars(record))
    assert (record.tool, record.error) == ("look", "KeyError")  # type: ignore[attr-defined]
    assert record.at.startswith(__file__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "no result"),
        ("text", "no result"),
        (ToolResult(["text"]), "no result"),  # type: ignore[list-item]
        (ToolResult([{"text": "no type"}]), "no result"),
        (ToolResult([{"type": "text", "text": object()}]), "not JSON"),
        (ToolResult.of("x" * 9_000_000), "more than the 8 MB"),
    ],
)
async def test_s15_what_is_no_result_is_said_to_be_none(
    call: ToolCall, given: object, said: str
) -> None:
    async def give(_call: ToolCall) -> object:
        return given

    outcome = await box(s=Scripted(does=give)).call("s__look", call)
    assert outcome.result.is_error
    assert said in outcome.result.text


async def test_what_is_kept_of_a_call_is_whole(call: ToolCall) -> None:
    async def much(_call: ToolCall) -> object:
        return ToolResult.of("x" * 5000, {"n": 1})

    outcome = await box(Limits(shown=1000), s=Scripted(does=much)).call("s__look", call)
    cut = outcome.block("toolu_1")["content"]
    assert len(cut) == 2  # type: ignore[arg-type]
    assert "4000 more bytes are left out" in str(cut)
    assert outcome.entry is not None
    before = begun("e", "s", outcome.entry, call)
    assert (before.status, before.output, before.completed_at) == ("running", None, None)
    kept = outcome.ended(before)
    assert kept.output == (
        b'{"content":[{"type":"text","text":"%b"}],"structured_content":{"n":1},"is_error":false}'
        % (b"x" * 5000)
    )
    assert (kept.status, kept.error_message, kept.server) == ("completed", None, "s")
    assert (kept.tool_name, kept.run_id, kept.input_params) == ("look", "r", b"{}")
    assert kept.completed_at is not None
    assert kept.completed_at >= outcome.began


async def test_a_failure_is_kept_as_one(call: ToolCall) -> None:
    async def fail(_call: ToolCall) -> object:
        return ToolResult.failed("It is closed.")

    outcome = await box(s=Scripted(does=fail)).call("s__look", call)
    assert outcome.entry is not None
    kept = outcome.ended(begun("e", "s", outcome.entry, call))
    assert (kept.status, kept.error_message) == ("failed", "It is closed.")
    assert outcome.block("toolu_1")["is_error"] is True


async def test_calls_run_side_by_side(call: ToolCall) -> None:
    together = asyncio.Barrier(5)

    async def meet(_call: ToolCall) -> object:
        await together.wait()
        return ToolResult.of("met")

    toolbox = box(s=Scripted(does=meet))
    outcomes = await asyncio.gather(*(toolbox.call("s__look", call) for _ in range(5)))
    assert [outcome.result.text for outcome in outcomes] == ["met"] * 5


async def test_a_caller_with_too_many_calls_under_way_is_refused_one_more_and_others_are_not(
    call: ToolCall,
) -> None:
    go = asyncio.Event()

    async def waits(_call: ToolCall) -> ToolResult:
        await go.wait()
        return ToolResult.of("done")

    server = Scripted(does=waits)
    toolbox = box(Limits(at_once=2), s=server)
    calls = [asyncio.ensure_future(toolbox.call("s__look", call)) for _ in range(2)]
    while len(server.calls) < 2:
        await asyncio.sleep(0)
    refused = await toolbox.call("s__look", call)
    assert (refused.busy, refused.result.is_error) == (True, True)
    assert "Too many of your calls" in refused.result.text
    other = asyncio.ensure_future(toolbox.call("s__look", replace(call, principal="bob")))
    calls[0].cancel()
    await asyncio.wait(calls[:1])
    again = asyncio.ensure_future(toolbox.call("s__look", call))
    while len(server.calls) < 4:
        await asyncio.sleep(0)
    go.set()
    for ended in await asyncio.gather(calls[1], other, again):
        assert (ended.busy, ended.result.text) == (False, "done")
