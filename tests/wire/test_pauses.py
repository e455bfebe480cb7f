"""Upstream's own tools make it pause; a chat client hears one answer, a native one hears it all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import openai
import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Reply, Stream
from claude_gateway.testing.raw import Connection, ask, chat_body, message_body, request
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import (
    MODEL,
    Block,
    error,
    error_event,
    message,
    stream,
    text,
    text_stream,
    thinking,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
SEARCH = {
    "type": "web_search_20250305",
    "name": "web_search",
    "max_uses": 9,
    "z": {"b": 1, "a": []},
}
ASKED: Any = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where do foxes sleep?"},
    ],
    "tools": [SEARCH],
}
SHORT = {**ASKED, "max_tokens": 1000}  # short enough to be asked for in one piece
USED = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 100,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 2},
    "server_tool_use": {"web_search_requests": 1},
}


def block(start: Mapping[str, object], *deltas: Mapping[str, object], **whole: object) -> Block:
    return Block(start, deltas, {**start, **whole})


SEARCHED = (
    block(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"query":'},
        {"type": "input_json_delta", "partial_json": '"foxes"}'},
        input={"query": "foxes"},
    ),
    block({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
)
PAUSED = answering(
    thinking("Hm"), text("Let me ", "look. "), *SEARCHED, stop_reason="pause_turn", usage=USED
)
AGAIN = answering(text("Almost. "), *SEARCHED, stop_reason="pause_turn", usage=USED)
DONE = answering(text("In ", "dens."), usage=USED)


@pytest.mark.parametrize("asked", [ASKED, SHORT], ids=["streamed inside", "in one piece"])
async def test_t15_t17_t18_a_turn_that_pauses_twice_is_one_completion(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, asked: Any
) -> None:
    upstream.script(PAUSED, AGAIN, DONE)
    answer = await openai_client.chat.completions.create(**asked)
    [choice] = answer.choices
    assert (choice.message.content, choice.message.tool_calls) == (
        "Let me look. Almost. In dens.",
        None,
    )
    assert choice.finish_reason == "stop"
    assert not (choice.model_extra or {}).keys() & {"x_stop_reason"}
    assert_summed(answer.usage)
    assert len(upstream.turns) == 3
    assert {bool(turn.json.get("stream")) for turn in upstream.turns} == {asked is ASKED}


async def test_t15_t17_t18_a_turn_that_pauses_twice_is_one_stream(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(PAUSED, AGAIN, DONE)
    chunks = [
        chunk
        async for chunk in await openai_client.chat.completions.create(
            **ASKED, stream=True, stream_options={"include_usage": True}
        )
    ]
    *said, last, counted = chunks
    assert [chunk.choices[0].delta.role for chunk in said] == ["assistant"] + [None] * (
        len(said) - 1
    )
    words = [chunk.choices[0].delta.content or "" for chunk in said]
    assert "".join(words) == "Let me look. Almost. In dens."
    assert [c.choices[0].finish_reason for c in (*said, last)] == [None] * len(said) + ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert_summed(counted.usage)


def assert_summed(usage: Any) -> None:
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (369, 21, 390)
    assert usage.prompt_tokens_details.cached_tokens == 300
    assert usage.completion_tokens_details.reasoning_tokens == 6


# What upstream says, as JSON text: none of it may change on its way back.
SAID = [
    r'{"type":"thinking","thinking":"H\u00e9 \ud83d\ude00 \/ \"","signature":"c2ln+/=="}',
    r'{"type":"thinking","thinking":"","signature":"b21pdHRlZA=="}',
    r'{"type":"redacted_thinking","data":"ZGF0YQ=="}',
    r'{"type":"text","text":"Gr\u00fc\u00dfe","citations":[{"z":1.10,"a":-0.0,"cited_text":"x"}]}',
    (
        r'{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"f":1.10,'
        r'"n":123456789012345678901234567890,"m":-0.0,"e":1E+2,"s":"\u00e9","b":null}}'
    ),
    (
        r'{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"score":1.10,'
        r'"big":123456789012345678901,"neg":-0.0,"zero":-0,"one":1.0,"title":"\u00e9\/"}]}'
    ),
    r'{"type":"hologram","z":{"b":1,"a":[[]]},"a":false}',
]
# How those arrive in a stream that have deltas: what the block begins as, and what is added.
DELTAS: Mapping[int, tuple[str, list[str]]] = {
    0: (
        '{"type":"thinking","thinking":"","signature":""}',
        [
            r'{"type":"thinking_delta","thinking":"H\u00e9 \ud83d"}',
            r'{"type":"thinking_delta","thinking":"\ude00 \/ \""}',
            '{"type":"signature_delta","signature":"c2ln+/=="}',
        ],
    ),
    1: (
        '{"type":"thinking","thinking":"","signature":""}',
        ['{"type":"signature_delta","signature":"b21pdHRlZA=="}'],
    ),
    3: (
        '{"type":"text","text":""}',
        [
            '{"type":"citations_delta","citation":{"z":1.10,"a":-0.0,"cited_text":"x"}}',
            '{"type":"text_delta","text":"Gr"}',
            r'{"type":"text_delta","text":"\u00fc\u00dfe"}',
        ],
    ),
    4: (
        '{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}',
        [
            r'{"type":"input_json_delta","partial_json":"{\"f\":1.10,\"n\":12345678901234567890"}',
            r'{"type":"input_json_delta","partial_json":"1234567890,\"m\":-0.0,"}',
            r'{"type":"input_json_delta","partial_json":"\"e\":1E+2,\"s\":\"\\u00e9\",\"b\":null}"}',
        ],
    ),
}


def streamed() -> list[bytes]:
    begin, *_, delta, stop = stream(stop_reason="pause_turn")
    frames = [begin]
    for index, said in enumerate(SAID):
        start, deltas = DELTAS.get(index, (said, []))
        frames += [
            frame("content_block_start", f'"index":{index},"content_block":{start}'),
            *(frame("content_block_delta", f'"index":{index},"delta":{d}') for d in deltas),
            frame("content_block_stop", f'"index":{index}'),
        ]
    return [*frames, delta, stop]


def frame(name: str, fields: str) -> bytes:
    return f'event: {name}\ndata: {{"type":"{name}",{fields}}}\n\n'.encode()


def in_one_piece() -> bytes:
    body = json.dumps(message(stop_reason="pause_turn"))
    return body.replace('"content": []', f'"content": [{",".join(SAID)}]').encode()


def exactly(text: str | bytes) -> Any:
    """JSON, with keys in their order and numbers as they are spelled."""

    def number(text: str) -> tuple[str, str]:
        return "number", text

    return json.loads(text, parse_int=number, parse_float=number, object_pairs_hook=tuple)


# What is said where thinking goes back, should the account find that it does not fit.
MAY_BE_DROPPED = (
    ("type", "adaptive"),
    ("block_binding", (("prefix_mismatch_behavior", "drop_block"),)),
)


@pytest.mark.parametrize("paused", [Stream(streamed()), Reply(body=in_one_piece())])
async def test_t04_t05_t06_t07_t08_the_turn_goes_back_exactly_as_it_came(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, paused: Stream | Reply
) -> None:
    asked = ASKED if isinstance(paused, Stream) else SHORT
    upstream.script(paused, paused, DONE)
    await openai_client.chat.completions.create(**asked)
    first, second, third = (dict(exactly(turn.body)) for turn in upstream.turns)
    said = [exactly(block) for block in SAID]
    user = first["messages"]
    assert second["messages"] == [*user, (("role", "assistant"), ("content", said))]
    assert third["messages"] == [*user, (("role", "assistant"), ("content", [*said, *said]))]
    for later in (second, third):
        assert later.pop("thinking") == MAY_BE_DROPPED
        assert list(later) == list(first)
        assert {**later, "messages": None} == {**first, "messages": None}


@pytest.mark.parametrize("streaming", [True, False])
async def test_t15_after_five_resumptions_the_pause_is_the_end(
    gateway: GatewayProcess, upstream: FakeAnthropic, *, streaming: bool
) -> None:
    upstream.always(AGAIN)
    response = await ask(gateway.port, "POST", CHAT, chat_body(**ASKED, stream=streaming))
    assert response.status == 200
    if streaming:
        choice = json.loads(response.frames[-2][6:])["choices"][0]
    else:
        choice = response.json["choices"][0]
        assert choice["message"]["content"] == "Almost. " * 6
    assert (choice["finish_reason"], choice["x_stop_reason"]) == ("stop", "pause_turn")
    assert len(upstream.turns) == 6


async def test_t16_a_stream_whose_second_round_fails_ends_with_an_error(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    for broken in (
        Reply(529, error("overloaded_error", "Overloaded")),
        Stream([*text_stream("In")[:4], error_event()]),
    ):
        upstream.script(PAUSED, broken)
        answer = await openai_client.chat.completions.create(**ASKED, stream=True)
        words: list[str] = []
        with pytest.raises(openai.APIError) as caught:
            await heard(answer, words)
        assert caught.value.type == "overloaded_error"
        assert "".join(words).startswith("Let me look. ")


async def heard(answer: Any, words: list[str]) -> None:
    async for chunk in answer:
        assert chunk.choices[0].finish_reason is None
        words.append(chunk.choices[0].delta.content or "")


async def test_t16_a_whole_answer_whose_second_round_fails_is_a_failure(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(PAUSED, Reply(529, error("overloaded_error", "Overloaded")))
    with pytest.raises(openai.InternalServerError) as caught:
        await openai_client.chat.completions.create(**SHORT)
    assert caught.value.status_code == 503


@pytest.mark.parametrize("asked", [{**ASKED, "stream": True}, ASKED, SHORT])
async def test_t25_a_client_that_leaves_between_rounds_buys_no_more(
    gateway: GatewayProcess, upstream: FakeAnthropic, asked: Any
) -> None:
    upstream.script(PAUSED, Hang())
    upstream.always(DONE)
    async with Connection(gateway.port) as connection:
        await connection.send(request("POST", CHAT, chat_body(**asked)))
        await upstream.wait_turns(2)
    assert await upstream.wait_closed(timeout=2) < 1
    assert [turn.outcome for turn in upstream.turns] == ["answered", "left"]


async def test_t25_a_client_that_leaves_in_the_first_round_buys_no_second(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    go_on = asyncio.Event()
    *said, end, stop = stream(text("Let me look."), stop_reason="pause_turn")
    upstream.script(Stream([*said, go_on, end, stop]))
    async with Connection(gateway.port) as connection:
        await connection.send(request("POST", CHAT, chat_body(**ASKED, stream=True)))
        await connection.head()
        while b"look" not in await connection.chunk():
            pass
    assert await upstream.wait_closed(timeout=2) < 1
    go_on.set()
    assert (await ask(gateway.port, "GET", "/health")).status == 200
    assert len(upstream.turns) == 1


async def test_t15_a_native_client_is_shown_the_pause_byte_for_byte(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    halves = (
        rb" \ud83d",
        rb"\ude00 ",
    )  # a character that is cut in two is put together for everybody
    frames = [frame.replace(halves[0], b"").replace(halves[1], b"") for frame in streamed()]
    body = in_one_piece()
    upstream.script(Stream(frames), Reply(body=body))
    asked = {"tools": [SEARCH]}
    response = await ask(gateway.port, "POST", MESSAGES, message_body(**asked, stream=True))
    assert response.body == b"".join(frames)
    response = await ask(gateway.port, "POST", MESSAGES, message_body(**asked))
    assert response.body == body
    assert len(upstream.turns) == 2


async def test_anthropics_own_tools_go_up_unchanged_beside_functions(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    look = {"type": "function", "function": {"name": "look"}}
    bash = {"type": "bash_20250124", "name": "bash"}
    await openai_client.chat.completions.create(**{**ASKED, "tools": [SEARCH, look, bash]})
    sent = upstream.turns[0].json["tools"]
    assert [tool["name"] for tool in sent] == ["web_search", "look", "bash"]
    assert [sent[0], sent[2]] == [SEARCH, bash]


async def test_a_tool_of_no_known_kind_is_refused_by_name(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await openai_client.chat.completions.create(**{**ASKED, "tools": [{"type": "web_search"}]})
    assert (caught.value.param, caught.value.code) == ("tools[0].type", "unsupported_value")
    assert upstream.turns == []
