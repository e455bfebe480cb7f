"""One line a request: what, by whom, how it ended; written together, and free of secrets."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest

from claude_gateway import OWNER, MessageDelta, ModelInfo, Overloaded, Price, Run
from claude_gateway.testing.raw import Connection, chat_body, message_body, request
from claude_gateway.web.access_log import AccessLog, Ended, Line

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
    body = json.dumps(chat_body(model="m", stream=True)).encode()
    async with serving(scripted()) as app:
        answer = await app.ask("POST", CHAT, body, {"Content-Type": "application/json"})
    (line,) = app.lines
    assert line["request_id"] == answer.header("x-request-id")
    assert (line["principal"], line["model"], line["stream"]) == ("owner", "m", True)
    assert (line["input_tokens"], line["output_tokens"]) == (10, 5)
    assert str(line["run"]).startswith("run_")
    assert {"ms", "first_token_ms", "upstream_ms"} <= line.keys()
    assert {"retries", "error", "rounds", "cost", "queue_ms", "tools_ms", "peer"}.isdisjoint(line)
    assert line["bytes_in"] == len(body)
    assert line["bytes_out"] == len(answer.body)
    assert line["level"] == "info"


async def test_a_line_says_what_a_priced_answer_cost(
    serving: Serving, scripted: type[Scripted]
) -> None:
    fake = scripted()
    fake.models = (ModelInfo("m", price=Price(1000, 2000)),)
    async with serving(fake) as app:
        answer = await app.ask("POST", CHAT, chat_body(model="m"))
        await app.ask("HEAD", "/health")
    line, head = app.lines
    assert line["cost"] == 10 * 0.001 + 5 * 0.002
    assert line["bytes_out"] == len(answer.body)
    assert head["bytes_out"] == 0


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
    assert line["level"] == "warning"
    assert "first_token_ms" not in line


async def test_t36_a_line_says_from_where_somebody_knocked_in_vain(serving: Serving) -> None:
    async with serving(GATEWAY_API_KEYS="gw-right-key") as app:
        await app.ask("GET", "/v1/models", b"", {"x-api-key": "gw-CANARY"})
        await app.ask("GET", "/v1/models", b"", {"x-api-key": "gw-right-key"})
    refused, served = app.lines
    assert (refused["status"], refused["level"], refused["peer"]) == (401, "warning", "127.0.0.1")
    assert served["level"] == "info"
    assert "peer" not in served
    assert "CANARY" not in str(app.lines)


@pytest.mark.parametrize(
    ("status", "error", "level"),
    [
        (200, None, "info"),
        (200, "cancelled", "info"),
        (200, "overloaded", "warning"),
        (404, None, "info"),
        (499, "cancelled", "info"),
        (500, None, "error"),
        (503, None, "warning"),
        (529, "overloaded", "warning"),
    ],
)
def test_a_line_matters_as_much_as_there_is_to_do(
    status: int, error: str | None, level: str
) -> None:
    run = Run("run_1", OWNER, "m", "b", "req_1", stream=True, started=0.0, error=error)
    assert Ended(status, 0.1, OWNER, run).level == level


@pytest.mark.parametrize(
    ("least", "wanted"),
    [
        ("debug", ["info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
        ("critical", []),
    ],
)
def test_lines_that_matter_less_are_not_wanted(least: str, wanted: list[str]) -> None:
    log = AccessLog(render, bool, least)
    assert [level for level in ("info", "warning", "error") if log.wants(level)] == wanted


async def test_lines_that_are_not_wanted_are_not_made(serving: Serving) -> None:
    lines: list[Line] = []

    def made(line: Line) -> bytes:
        lines.append(line)
        return b""

    async with serving() as app:
        app.gateway.access_log = AccessLog(made, bool, "error")
        await app.ask("GET", "/nowhere")
        app.gateway.access_log = AccessLog(made, bool, "info")
        await app.ask("GET", "/somewhere")
    assert len(lines) == 1


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
