"""One line a request: what, by whom, how it ended; written together, and free of secrets."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

from claude_gateway import MessageDelta, Overloaded
from claude_gateway.testing.raw import Connection, chat_body, message_body, request
from claude_gateway.web.access_log import AccessLog, Line

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving

CHAT = "/v1/chat/completions"


def render(line: Line) -> bytes:
    return json.dumps(line).encode() + b"\n"


async def test_lines_are_collected_and_written_together_soon() -> None:
    written: asyncio.Queue[bytes] = asyncio.Queue()
    log = AccessLog(render, written.put_nowait)
    for number in range(3):
        log.write({"n": number})
    assert written.empty()
    async with asyncio.timeout(2):
        lines = (await written.get()).splitlines()
        assert [json.loads(line)["n"] for line in lines] == [0, 1, 2]
        log.write({"n": 3})
        assert b'"n": 3' in await written.get()


async def test_what_is_left_is_written_at_the_end_and_nothing_twice() -> None:
    written: list[bytes] = []
    log = AccessLog(render, written.append)
    log.flush()
    log.write({"n": 0})
    log.flush()
    log.flush()
    assert len(written) == 1


async def test_every_line_begins_with_its_time_in_utc() -> None:
    written: list[bytes] = []
    log = AccessLog(render, written.append)
    for _ in range(2):
        log.write({})
    log.flush()
    for line in written[0].splitlines():
        stamp = json.loads(line)["time"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)


async def test_a_line_names_the_route_and_never_the_path(serving: Serving) -> None:
    async with serving() as app:
        await app.ask("GET", "/v1/models/CANARY?key=CANARY")
        await app.ask("GET", "/CANARY")
        await app.ask("GET", "/health?CANARY", b"", {"x-api-key": "CANARY"})
    assert [(line["method"], line["route"], line["status"]) for line in app.lines] == [
        ("GET", "/v1/models/{model_id}", 404),
        ("GET", "unknown", 404),
        ("GET", "/health", 200),
    ]
    assert "CANARY" not in str(app.lines)


async def test_a_line_of_a_run_tells_what_it_used(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted()) as app:
        answer = await app.ask("POST", CHAT, chat_body(model="m", stream=True))
    (line,) = app.lines
    assert line["request_id"] == answer.header("x-request-id")
    assert (line["principal"], line["model"], line["stream"]) == ("owner", "m", True)
    assert (line["input_tokens"], line["output_tokens"]) == (10, 5)
    assert str(line["run"]).startswith("run_")
    assert {"ms", "first_token_ms"} <= line.keys()
    assert {"retries", "error", "rounds"}.isdisjoint(line)


async def test_a_line_tells_of_a_turn_of_several_rounds(
    serving: Serving, scripted: type[Scripted]
) -> None:
    end = scripted.saying("Hello")
    paused = [*end[:-2], MessageDelta({"stop_reason": "pause_turn"}, {"output_tokens": 5}), end[-1]]
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    async with serving(scripted(paused, end)) as app:
        await app.ask("POST", CHAT, chat_body(model="m", tools=tools, stream=True))
    (line,) = app.lines
    assert (line["rounds"], line["input_tokens"], line["output_tokens"]) == (2, 20, 10)


async def test_a_line_tells_of_retries_and_of_the_error(
    serving: Serving, scripted: type[Scripted]
) -> None:
    fake = scripted([Overloaded("Busy.", retry_after=0)])
    async with serving(fake, GATEWAY_MAX_RETRIES="1") as app:
        await app.ask("POST", "/v1/messages", message_body(model="m", stream=True))
    (line,) = app.lines
    assert (line["status"], line["retries"], line["error"]) == (529, 1, "overloaded")
    assert "first_token_ms" not in line


async def test_a_client_that_left_is_told_apart(serving: Serving, scripted: type[Scripted]) -> None:
    fake = scripted([asyncio.Event()])
    async with serving(fake) as app:
        async with Connection(app.port) as connection:
            await connection.send(request("POST", CHAT, chat_body(model="m", stream=True)))
            async with asyncio.timeout(2):
                while not fake.open:
                    await asyncio.sleep(0.001)
        async with asyncio.timeout(2):
            await fake.closed.wait()
            while app.gateway.live:
                await asyncio.sleep(0.001)
        app.gateway.access_log = None  # and without a log nothing is written
        await app.ask("GET", "/")
    (line,) = app.lines
    assert (line["status"], line["error"]) == (499, "cancelled")
