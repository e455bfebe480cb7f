"""What becomes of a turn with tools when something goes wrong, seen from the inside."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from claude_gateway_sqlite import plugin as sqlite

from claude_gateway import (
    Authenticator,
    Credential,
    GatewayError,
    Offer,
    Overloaded,
    Principal,
    Settings,
    StorageFull,
    hookimpl,
)
from claude_gateway.testing.raw import refused
from tests.loop.door import CHAT, GO, Door, calling

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

STREAMS = pytest.mark.parametrize("stream", [False, True])


async def kept(app: App, session: str) -> list[dict[str, Any]]:
    answer = await app.ask("GET", f"/v1/sessions/{session}/messages")
    return list(answer.json["messages"])


@STREAMS
async def test_t16_a_failure_between_rounds_leaves_a_conversation_that_goes_on(
    serving: Serving, scripted: type[Scripted], stream: bool
) -> None:
    failing = Overloaded("Busy.", retry_after=1)
    backend = scripted(calling("open"), [failing], scripted.saying("Better."))
    body = {**GO, "session_id": "s", "stream": stream}
    async with serving(sqlite, backend, Door(), GATEWAY_MAX_RETRIES="0") as app:
        failed = await app.ask("POST", CHAT, body)
        if stream:  # the head was on its way when it failed
            assert b'"error"' in failed.body
        else:
            refused(failed, 503)
        again = await app.ask(
            "POST", CHAT, {**body, "messages": [{"role": "user", "content": "?"}]}
        )
        assert again.status == 200
    told = backend.asked[-1].messages
    assert [message["role"] for message in told] == ["user", "assistant", "user"]
    result, words = json.loads(json.dumps(told[-1]["content"]))
    assert result["content"][0]["text"] == "Open."
    assert words["text"] == "?"


@STREAMS
async def test_no_tool_is_called_when_the_call_cannot_be_kept(
    serving: Serving, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    async def full(*_args: object) -> None:
        raise StorageFull("The disk is full.")

    door, backend = Door(), scripted(calling("open"), scripted.saying("Never."))
    async with serving(sqlite, backend, door) as app:
        monkeypatch.setattr(type(app.gateway.store), "add_messages", full)
        answer = await app.ask("POST", CHAT, {**GO, "session_id": "s", "stream": stream})
        assert b"storage_full" in answer.body
    assert not door.calls
    assert len(backend.asked) == 1


async def test_a_request_that_is_sent_again_does_not_call_its_tools_again(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door, backend = Door(), scripted(calling("open"), scripted.saying("Done."))
    key = {"Idempotency-Key": "once"}
    async with serving(sqlite, backend, door) as app:
        first = await app.ask("POST", CHAT, GO, key)
        again = await app.ask("POST", CHAT, GO, key)
    assert first.json["choices"][0]["message"]["content"] == "Done."
    assert again.body == first.body
    assert len(door.calls) == 1


async def test_messages_of_a_turn_count_their_own_tokens(
    serving: Serving, scripted: type[Scripted]
) -> None:
    backend = scripted(calling("open"), calling("open"), scripted.saying("Done."))
    async with serving(sqlite, backend, Door()) as app:
        answer = await app.ask("POST", CHAT, {**GO, "session_id": "s"})
        counted = [(m["role"], m["token_count"]) for m in await kept(app, "s")]
    assert counted == [
        ("user", 0),
        *[("assistant", 5), ("user", 0)] * 2,
        ("assistant", 5),
    ]
    assert answer.json["usage"]["completion_tokens"] == 15


class Narrow:
    """Lets one caller in, who may use one tool."""

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[Authenticator]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Authenticator]:
            yield self

        return [Offer("narrow", opened)]

    async def authenticate(self, credential: Credential) -> Principal | None:
        if credential.secret.reveal() != "gw-narrow":
            return None
        return Principal("ada", "Ada", tools=frozenset({"open"}))


async def test_s9_a_key_that_may_not_use_a_tool_cannot_choose_it_or_be_offered_it(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door, backend = Door(), scripted(calling("wait", "open"), scripted.saying("Done."))
    key = {"x-api-key": "gw-narrow"}
    async with serving(sqlite, backend, door, Narrow()) as app:
        chosen = {**GO, "mcp": {"enabled_tools": ["open", "wait"]}}
        refused(await app.ask("POST", CHAT, chosen, key), 400, param="mcp.enabled_tools[1]")
        answer = await app.ask("POST", CHAT, GO, key)
        assert answer.status == 200, answer.body
    offered: Any = backend.asked[0].params["tools"]
    assert [tool["name"] for tool in offered] == ["door__open"]
    assert answer.json["choices"][0]["message"]["content"] == "Done."
    results: Any = backend.asked[1].messages[-1]["content"]
    assert [result.get("is_error") for result in results] == [True, None]
    assert "no tool called door__wait" in results[0]["content"][0]["text"]
    assert len(door.calls) == 1


@STREAMS
async def test_a_tool_that_nobody_has_is_not_the_clients_to_run(
    serving: Serving, scripted: type[Scripted], stream: bool
) -> None:
    backend = scripted(calling("ghost"), scripted.saying("Well."), calling("ghost"))
    async with serving(backend, Door()) as app:
        answer = await app.ask("POST", CHAT, {**GO, "stream": stream})
        assert b"tool_calls" not in answer.body
        assert b"Well." in answer.body
        # Without the gateway's tools a name that the client has not offered is shown as before.
        answer = await app.ask("POST", CHAT, {"messages": GO["messages"], "stream": stream})
        assert b"door__ghost" in answer.body


async def test_a_tool_that_the_choice_of_the_request_leaves_out_is_not_run(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door, backend = Door(), scripted(calling("open"), scripted.saying("Done."))
    allowed = [{"type": "function", "function": {"name": "door__wait"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": allowed}}
    async with serving(backend, door) as app:
        answer = await app.ask("POST", CHAT, {**GO, "tool_choice": choice})
    assert answer.json["choices"][0]["message"]["content"] == "Done."
    assert not door.calls


@pytest.mark.parametrize("failure", [RuntimeError("broken"), GatewayError("Broken.")])
async def test_a_tool_that_breaks_is_a_result_like_any_other(
    serving: Serving, scripted: type[Scripted], failure: Exception
) -> None:
    door, backend = Door(failure), scripted(calling("open"), scripted.saying("Done."))
    async with serving(backend, door) as app:
        answer = await app.ask("POST", CHAT, GO)
    assert answer.json["choices"][0]["message"]["content"] == "Done."
    results: Any = backend.asked[1].messages[-1]["content"]
    assert [result["is_error"] for result in results] == [True]
    assert "roken" in results[0]["content"][0]["text"]
