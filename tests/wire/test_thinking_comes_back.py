"""T-08: thinking that the gateway sends back, to accounts that check what came before it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import Response, ask
from claude_gateway.testing.upstream import Answer, Received, answering
from claude_gateway.testing.wire import (
    Block,
    compact,
    error,
    message,
    sse,
    stream,
    text,
    thinking,
    tool_use,
)

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
BETA, CONTROLS = "anthropic-beta", "thinking-binding-controls-2026-08-01"
BOUND = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
THOUGHTS = ("thinking", "redacted_thinking")
REFUSAL = error(
    "invalid_request_error",
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a "
    "different conversation. Remove the block, or set "
    '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block".',
)
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


class Strict:
    """An account that knows its thinking again, and only where it was thought.

    It answers with a thought, whose signature is of the account and of all that was said before.
    What does not fit is refused, or dropped when that is asked for, unless `deaf`.
    """

    def __init__(self, *blocks: Block, deaf: bool = False) -> None:
        self._blocks = blocks or (text("Yes."),)
        self._deaf = deaf

    def __call__(self, received: Received) -> Answer:
        body, account = received.json, received.headers["x-api-key"]
        said = list(_said(body["messages"]))
        wrong = [
            place
            for at, (place, _, block) in enumerate(said)
            if block["type"] == "thinking" and block["signature"] != _sign(account, body, said[:at])
        ]
        asked = body.get("thinking", {}).get("block_binding") == BOUND["block_binding"]
        if wrong and (self._deaf or not asked or CONTROLS not in received.headers.get(BETA, "")):
            return Reply(400, REFUSAL)
        dropped = [
            {"type": "thinking_dropped", "path": place, "reason": "prefix_binding_mismatch"}
            for place in wrong
        ]
        left = [one for one in said if one[0] not in wrong]
        thought = thinking("Hm.", signature=_sign(account, body, left))
        return _answer(body, [thought, *self._blocks], dropped)


def _said(messages: list[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for i, one in enumerate(messages):
        content = one["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for j, block in enumerate(blocks):
            bare = {name: value for name, value in block.items() if name != "cache_control"}
            yield f"messages.{i}.content.{j}", one["role"], bare


def _sign(account: str, body: Mapping[str, Any], said: list[tuple[str, str, Any]]) -> str:
    before = [[role, block] for _, role, block in said]
    known = json.dumps([account, body.get("system"), body.get("tools"), before], sort_keys=True)
    return base64.b64encode(hashlib.sha256(known.encode()).digest()).decode()


def _answer(body: Mapping[str, Any], blocks: list[Block], dropped: list[Any]) -> Answer:
    changed = {"input_transformations": dropped} if dropped else {}
    if not body.get("stream"):
        return Reply(body={**message(*blocks), **changed})
    frames = stream(*blocks)
    began = {**message(text("")), "content": [], **changed}
    return Stream([sse("message_start", {"type": "message_start", "message": began}), *frames[1:]])


def thoughts(upstream: FakeAnthropic, turn: int = -1) -> int:
    said = _said(upstream.turns[turn].json["messages"])
    return sum(block["type"] in THOUGHTS for _, _, block in said)


def binds(upstream: FakeAnthropic, turn: int = -1) -> bool:
    """Whether a turn said what is to become of thinking, in full."""
    received = upstream.turns[turn]
    asked = "block_binding" in received.json.get("thinking", {})
    assert asked == (CONTROLS in received.headers.get(BETA, ""))
    return asked


def events(response: Response) -> list[Any]:
    """The data of the frames of a stream that went well."""
    data = [frame.split(b"data: ", 1)[1] for frame in response.frames if b"data: {" in frame]
    assert response.status == 200, response.body
    return [json.loads(one) for one in data]


async def say(caller: Caller, words: str, session: str, **more: object) -> Response:
    messages = more.pop("messages", [{"role": "user", "content": words}])
    body = {"model": "sonnet", "messages": messages, "session_id": session, **more}
    response = await caller.ask("POST", CHAT, body)
    assert response.status == 200, response.body
    return response


async def respond(caller: Caller, words: object, **more: object) -> Any:
    response = await caller.ask("POST", RESPONSES, {"model": "sonnet", "input": words, **more})
    assert response.status == 200, response.body
    return response.json


# --- nothing has changed


async def test_t08_a_session_says_what_is_to_become_of_the_thinking_it_sends_back(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    for words in ("one", "two", "three"):
        said = await say(caller, words, "s")
        assert "x_input_transformations" not in said.json
    assert [thoughts(upstream, turn) for turn in range(3)] == [0, 1, 2]
    assert [binds(upstream, turn) for turn in range(3)] == [False, True, True]
    assert upstream.turns[0].body == (
        b'{"model":"claude-sonnet-5-5","max_tokens":128000,'
        b'"messages":[{"role":"user","content":"one"}],"stream":true}'
    )
    second, third = upstream.turns[1].body, upstream.turns[2].body
    tail = b'],"thinking":' + compact(BOUND).encode() + b',"stream":true}'
    assert second.endswith(tail)
    assert third.startswith(second.removesuffix(tail))  # so what was cached is found again
    assert upstream.turns[2].headers[BETA] == CONTROLS


async def test_t08_what_is_asked_of_thinking_is_kept_beside_the_wish(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    for words in ("one", "two"):
        await say(caller, words, "s", include_reasoning=True, reasoning_effort="low")
    sent = upstream.turns[-1].json
    assert sent["thinking"] == {
        "type": "adaptive",
        "display": "summarized",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"},
    }
    assert sent["output_config"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("claude-opus-4-8", {}),  # does not check
        ("sonnet", {"reasoning_effort": "none"}),  # thinking is off, and nothing can be said of it
        (
            "haiku",
            {
                "tools": [{"type": "function", "function": {"name": "look"}}],
                "tool_choice": "required",
            },
        ),  # thinking cannot be asked for
    ],
)
async def test_t08_where_the_wish_has_no_place_it_is_not_sent(
    caller: Caller, upstream: FakeAnthropic, model: str, more: dict[str, object]
) -> None:
    upstream.always(answering(thinking("Hm."), text("Yes.")))
    for words in ("one", "two"):
        await say(caller, words, "s", model=model, **more)
    assert thoughts(upstream) == 1
    assert not binds(upstream)


async def test_t08_a_stored_response_is_gone_on_with(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    first = await respond(caller, "one")
    second = await respond(caller, "two", previous_response_id=first["id"])
    assert "x_input_transformations" not in second
    assert (thoughts(upstream), binds(upstream)) == (1, True)


@pytest.mark.parametrize("streamed", [False, True])
async def test_t08_thinking_goes_back_into_a_turn_that_was_paused(
    caller: Caller, upstream: FakeAnthropic, streamed: bool
) -> None:
    paused = answering(thinking("Hm."), text("Wait."), stop_reason="pause_turn")
    upstream.script(paused, answering(text("Done.")))
    body = {
        "model": "sonnet",
        "messages": [{"role": "user", "content": "Search"}],
        "tools": [SEARCH],
        "stream": streamed,
    }
    response = await caller.ask("POST", CHAT, body)
    assert response.status == 200, response.body
    assert [thoughts(upstream, turn) for turn in (0, 1)] == [0, 1]
    assert [binds(upstream, turn) for turn in (0, 1)] == [False, True]


# --- something has changed: nothing is sent back that could be refused


async def test_t08_a_fork_another_model_and_an_edit_send_no_thinking_back(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    await say(caller, "one", "s")
    fork = await caller.post("/v1/sessions/s/fork")
    await say(caller, "two", fork["id"])
    assert (thoughts(upstream), binds(upstream)) == (0, False)
    await say(caller, "two", "s", model="opus")
    assert (thoughts(upstream), binds(upstream)) == (0, False)
    edited = [
        {"role": "user", "content": "another one"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "two"},
    ]
    await say(caller, "", "s", model="opus", messages=edited)
    assert (thoughts(upstream), binds(upstream)) == (0, False)
    await say(caller, "three", "s", model="opus")
    assert (thoughts(upstream), binds(upstream)) == (1, True)


# --- something has changed that the gateway cannot know of


@pytest.mark.parametrize("streamed", [False, True])
async def test_t08_thinking_that_the_client_keeps_is_dropped_and_that_is_said(
    caller: Caller, upstream: FakeAnthropic, streamed: bool
) -> None:
    upstream.always(Strict())
    asked: dict[str, Any] = {"store": False, "include": ["reasoning.encrypted_content"]}
    first = await respond(caller, "one", **asked)
    items = [
        {"role": "user", "content": "one"},
        *first["output"],
        {"role": "user", "content": "two"},
    ]
    fits = await respond(caller, items, **asked)
    assert (thoughts(upstream), binds(upstream)) == (1, True)
    assert "x_input_transformations" not in fits
    body = {"model": "sonnet", "input": items, "instructions": "Rhyme.", **asked}
    response = await caller.ask("POST", RESPONSES, {**body, "stream": streamed})
    assert response.status == 200, response.body
    assert (thoughts(upstream), binds(upstream)) == (1, True)
    if streamed:
        [last] = [e["response"] for e in events(response) if e["type"] == "response.completed"]
    else:
        last = response.json
    [dropped] = last["x_input_transformations"]
    assert dropped["type"] == "thinking_dropped"


@pytest.mark.parametrize("where", ["message_start", "message_delta"])
async def test_t08_a_chat_hears_of_dropped_thinking_in_its_last_chunk(
    caller: Caller, upstream: FakeAnthropic, where: str
) -> None:
    dropped = [{"type": "thinking_dropped", "path": "messages.1.content.0", "reason": "any"}]
    frames = stream(text("Yes."))
    at = next(i for i, frame in enumerate(frames) if where.encode() in frame)
    event = json.loads(frames[at].split(b"data: ", 1)[1])
    (event["message"] if where == "message_start" else event)["input_transformations"] = dropped
    frames[at] = sse(where, event)
    upstream.always(Stream(frames))
    body = {"model": "sonnet", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    response = await caller.ask("POST", CHAT, body)
    *earlier, last = events(response)
    assert last["x_input_transformations"] == dropped
    assert last["choices"][0]["finish_reason"] == "stop"
    assert not [chunk for chunk in earlier if "x_input_transformations" in chunk]


async def test_t08_a_session_forgets_thinking_that_was_dropped(
    gateway: GatewayProcess, caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    await say(caller, "one", "s")
    dropped = [{"type": "thinking_dropped", "path": "messages.1.content.0", "reason": "moved"}]
    upstream.script(lambda got: _answer(got.json, [thinking("Hm."), text("Yes.")], dropped))
    second = await say(caller, "two", "s")
    assert second.json["x_input_transformations"] == dropped
    assert thoughts(upstream) == 1
    third = await say(caller, "three", "s")
    assert thoughts(upstream) == 1  # that of the second answer, which had to be dropped, too
    assert len(third.json["x_input_transformations"]) == 1
    fourth = await say(caller, "four", "s")
    assert thoughts(upstream) == 1
    assert "x_input_transformations" not in fourth.json
    told = [line for line in gateway.output().splitlines() if "dropped earlier thinking" in line]
    assert [line for line in told if "moved" in line]
    assert not [line for line in told if "Yes." in line or "Hm." in line]


# --- upstream rejects it all the same


async def test_t08_a_session_whose_thinking_is_rejected_is_asked_again_without_it(
    gateway: GatewayProcess, caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    await say(caller, "one", "s")
    upstream.script(Reply(400, REFUSAL))
    second = await say(caller, "two", "s")
    assert second.header("x-gateway-retries") == "1"
    assert [thoughts(upstream, turn) for turn in (-2, -1)] == [1, 0]
    assert not binds(upstream)
    third = await say(caller, "three", "s")
    assert third.header("x-gateway-retries") is None
    assert thoughts(upstream) == 1  # of the second answer
    assert "x_input_transformations" not in third.json
    assert "upstream rejected earlier thinking" in gateway.output()


async def test_t08_a_stream_of_a_stored_response_is_rescued_before_its_first_byte(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    first = await respond(caller, "one")
    upstream.script(Reply(400, REFUSAL))
    body = {"model": "sonnet", "input": "two", "stream": True, "previous_response_id": first["id"]}
    response = await caller.ask("POST", RESPONSES, body)
    assert events(response)[-1]["type"] == "response.completed"
    assert response.header("x-gateway-retries") == "1"
    assert [thoughts(upstream, turn) for turn in (-2, -1)] == [1, 0]


async def test_t08_a_second_refusal_is_told(caller: Caller, upstream: FakeAnthropic) -> None:
    upstream.always(Strict())
    await say(caller, "one", "s")
    upstream.always(Reply(400, REFUSAL))
    body = {
        "model": "sonnet",
        "messages": [{"role": "user", "content": "two"}],
        "session_id": "s",
    }
    response = await caller.ask("POST", CHAT, body)
    assert response.status == 400
    assert response.json["error"]["code"] == "thinking_rejected"
    assert len(upstream.turns) == 3


async def test_t08_a_request_that_is_not_kept_is_told_that_its_thinking_was_rejected(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    asked: dict[str, Any] = {"store": False, "include": ["reasoning.encrypted_content"]}
    first = await respond(caller, "one", **asked)
    upstream.always(Reply(400, REFUSAL))
    items = [
        {"role": "user", "content": "one"},
        *first["output"],
        {"role": "user", "content": "two"},
    ]
    response = await caller.ask("POST", RESPONSES, {"model": "sonnet", "input": items, **asked})
    assert response.status == 400
    assert response.json["error"]["code"] == "thinking_rejected"
    assert len(upstream.turns) == 2


# --- native clients


async def test_t08_a_native_client_is_given_its_history_with_the_wish_beside_its_own_betas(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    headers = {"x-gateway-session-id": "n", BETA: "one-2026-01-01, two-2026-01-01"}
    for words in ("one", "two"):
        body = {
            "model": "claude-sonnet-5-5",
            "max_tokens": 99,
            "messages": [{"role": "user", "content": words}],
        }
        response = await caller.ask("POST", MESSAGES, body, headers)
        assert response.status == 200, response.body
    assert upstream.turns[0].headers[BETA] == headers[BETA]
    assert upstream.turns[1].headers[BETA] == f"one-2026-01-01,two-2026-01-01,{CONTROLS}"
    assert (thoughts(upstream), binds(upstream)) == (1, True)


async def test_t08_a_native_client_that_wants_a_refusal_gets_it(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    upstream.always(Strict())
    own = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}}
    headers = {"x-gateway-session-id": "n", BETA: CONTROLS}
    statuses: list[int] = []
    for system in ("Rhyme.", "Rhyme."):
        if statuses:
            upstream.always(Reply(400, REFUSAL))
        body = {
            "model": "claude-sonnet-5-5",
            "max_tokens": 99,
            "thinking": own,
            "system": system,
            "messages": [{"role": "user", "content": "Hi"}],
        }
        statuses.append((await caller.ask("POST", MESSAGES, body, headers)).status)
    assert statuses == [200, 400]
    assert [turn.json["thinking"] for turn in upstream.turns] == [own, own]


# --- several keys


@pytest.mark.parametrize("deaf", [False, True])
async def test_t08_a_session_goes_on_with_another_account_when_its_own_is_limited(
    env: dict[str, str], upstream: FakeAnthropic, deaf: bool
) -> None:
    keys = {f"ANTHROPIC_API_KEY{more}": f"sk-ant-CANARY-{i}" for i, more in enumerate(("", "S"))}
    strict, limited = Strict(deaf=deaf), set[str]()

    def step(received: Received) -> Answer:
        if received.headers["x-api-key"] in limited:
            limit = error("rate_limit_error", "Slow down")
            return Reply(429, limit, {"retry-after": "500"})
        return strict(received)

    upstream.always(step)
    async with GatewayProcess(env | keys | {"GATEWAY_MAX_RETRIES": "2"}) as gateway:

        async def said(words: str) -> Response:
            body = {
                "model": "sonnet",
                "messages": [{"role": "user", "content": words}],
                "session_id": "s",
            }
            return await ask(gateway.port, "POST", CHAT, body, {"x-api-key": "gw-CANARY-client"})

        assert (await said("one")).status == 200
        limited.add(upstream.turns[0].headers["x-api-key"])
        second = await said("two")
        assert second.status == 200, second.body
        assert second.header("x-gateway-retries") == ("2" if deaf else "1")
        assert ("x_input_transformations" in second.json) == (not deaf)
        third = await said("three")
        assert third.status == 200, third.body
        assert "x_input_transformations" not in third.json
        assert thoughts(upstream) == 1


# --- tools of the client's


async def test_t08_thinking_goes_back_with_the_results_of_its_calls(
    caller: Caller, upstream: FakeAnthropic
) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    upstream.script(Strict(tool_use("look", '{"n":1}')))
    upstream.always(Strict())
    await say(caller, "Look", "s", tools=tools)
    results = [{"role": "tool", "tool_call_id": "toolu_01", "content": "a cat"}]
    said = await say(caller, "", "s", tools=tools, messages=results)
    assert "x_input_transformations" not in said.json
    assert (thoughts(upstream), binds(upstream)) == (1, True)
