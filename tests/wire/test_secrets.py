"""Whatever goes wrong, and however much is logged, keys and prompts stay inside."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from claude_gateway.testing import Cut, FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import Connection, Response, ask, chat_body, message_body
from claude_gateway.testing.upstream import Step
from claude_gateway.testing.wire import error, error_event, message, text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
KEY = "gw-CANARY-client"
STRANGE = "sk-ant-api03-CANARY-strange"


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["lean", "aiohttp", "sdk"])
async def chatty(
    env: dict[str, str], request: pytest.FixtureRequest
) -> AsyncGenerator[GatewayProcess]:
    loud = {"DEBUG": "true", "LOG_FORMAT": "json", "ANTHROPIC_TRANSPORT": request.param}
    async with GatewayProcess(env | loud) as gateway:
        yield gateway


async def test_s11_no_key_and_no_prompt_is_ever_printed(
    chatty: GatewayProcess, upstream: FakeAnthropic
) -> None:
    answers = [
        *[await knock(chatty.port, name, value) for name, value in CREDENTIALS],
        await ask(chatty.port, "GET", f"/v1/models?api_key={STRANGE}&x=CANARY-query"),
        await ask(chatty.port, "GET", f"/v1/models/{STRANGE}"),
        await ask(chatty.port, "POST", CHAT, b'{"key":"CANARY-json", oops'),
        await ask(chatty.port, "POST", CHAT, chat_body("CANARY-prompt", n=2)),
    ]
    for step in STEPS:
        for path in (CHAT, MESSAGES):
            upstream.always(step)
            for streamed in (True, False):
                body = message_body("CANARY-prompt", stream=streamed, system="CANARY-system")
                body["user"] = "CANARY-user"
                body["metadata"] = {"user_id": "CANARY-user"}
                answers.append(await ask(chatty.port, "POST", path, body, {"x-api-key": KEY}))
    for answer in answers:
        for secret in (KEY, STRANGE, "CANARY-upstream"):
            assert secret.encode() not in answer.head
        for secret in (KEY, "CANARY-upstream"):
            assert secret.encode() not in answer.body
    await chatty.stop()
    assert len(chatty.stderr.splitlines()) > len(answers) / 2  # it did log
    assert "CANARY" not in chatty.output()


async def test_s11_a_request_that_cannot_be_parsed_is_not_printed(
    gateway: GatewayProcess,
) -> None:
    async with Connection(gateway.port) as connection:
        await connection.send(
            b"GET /v1/models?k=CANARY-q HTTP/1.1\r\nx-api-key: CANARY-h\x01\r\n\r\n"
        )
        assert b"CANARY" not in (await connection.response()).body
    assert "CANARY" not in gateway.output()


CREDENTIALS = [
    ("authorization", f"Bearer {STRANGE}"),
    ("authorization", f"Bearer {KEY}x"),
    ("authorization", "Basic Q0FOQVJZ:CANARY-basic"),
    ("x-api-key", STRANGE),
    ("x-api-key", f"{KEY}'; DROP TABLE keys; -- CANARY"),
    ("cookie", "session=CANARY-cookie"),
    ("referer", "https://user:CANARY-pass@example.org/?key=CANARY"),
    ("x-request-id", "CANARY-\x7e id"),
]
STEPS: list[Step] = [
    Reply(body=message("CANARY-answer")),
    Stream(text_stream("CANARY-answer")),
    Stream([*text_stream("CANARY-answer")[:4], error_event("api_error", "CANARY-said")]),
    Stream([*text_stream("CANARY-answer")[:4], b"event: x\ndata: CANARY-garbage\n\n", Cut()]),
    Reply(400, error("invalid_request_error", "near 'CANARY-prompt'")),
    Reply(401, error("authentication_error", "bad key sk-ant-api03-CANARY-upstream")),
    Reply(500, b"<html>CANARY-html</html>", {"content-type": "text/html"}),
    Reply(200, b"CANARY-no-json"),
    Cut(),
]


async def knock(port: int, name: str, value: str) -> Response:
    return await ask(port, "GET", "/v1/models", b"", {name: value})
