"""A session's life as an app lives it, on a fresh gateway without any key."""

from __future__ import annotations

import asyncio

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import Response, ask

CHAT = "/v1/chat/completions"


def answer_to(words: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": words}]


async def test_from_a_project_to_the_end_of_its_session() -> None:
    async with GatewayProcess() as gateway:

        async def call(method: str, path: str, body: dict[str, object] | None = None) -> Response:
            return await ask(gateway.port, method, path, body or b"")

        project = {"name": "Test Project", "description": "Integration test"}
        made = await call("POST", "/v1/projects", {**project, "path": "/workspace/test"})
        assert made.status == 201
        session = await call(
            "POST",
            "/v1/sessions",
            {
                "project_id": made.json["id"],
                "model": "claude-3-5-haiku-20241022",
                "title": "Test Session",
                "system_prompt": "You are a helpful assistant",
            },
        )
        assert session.status == 201
        id_ = session.json["id"]
        answer = await call(
            "POST",
            CHAT,
            {
                "session_id": id_,
                "messages": [{"role": "user", "content": "Hello"}],
                "stream": False,
            },
        )
        assert answer.status == 200, answer.body
        assert answer.json["choices"][0]["message"]["content"]
        assert answer.json["session_id"] == id_
        assert answer.json["project_id"] == made.json["id"]
        status = (await call("GET", f"{CHAT}/{id_}/status")).json
        assert status["total_tokens"] > 0
        assert status["model"] == session.json["model"]
        await call("POST", CHAT, {"session_id": "new", "messages": answer_to("Hi")})
        async with asyncio.timeout(5):
            while (await call("GET", "/health")).json["active_sessions"] != 2:
                await asyncio.sleep(0.05)
        listed = (await call("GET", f"/v1/sessions/{id_}/messages")).json
        assert [m["role"] for m in listed["messages"]] == ["user", "assistant"]
        assert (await call("DELETE", f"/v1/sessions/{id_}")).status in (200, 204)
        assert (await call("GET", f"{CHAT}/{id_}/status")).status == 404


@pytest.mark.parametrize(
    "content",
    [
        '\u4f60\u597d \U0001f468\u200d\U0001f469\u200d\U0001f467 \u0000 \u202e \\ " \n\t',
        "x" * 400_000,
        "' OR 1=1; DROP TABLE sessions; --",
    ],
    ids=["unicode", "long", "sql"],
)
async def test_s1_whatever_is_said_is_kept_as_it_was_said(content: str) -> None:
    async with GatewayProcess() as gateway:
        body = {"session_id": "odd", "messages": [{"role": "user", "content": content}]}
        assert (await ask(gateway.port, "POST", CHAT, body)).status == 200
        listed = (await ask(gateway.port, "GET", "/v1/sessions/odd/messages")).json
        assert listed["messages"][0]["content"] == content


async def test_changes_of_one_session_at_the_same_time_are_all_right_or_told_to_wait() -> None:
    async with GatewayProcess() as gateway:
        body = {"session_id": "shared", "messages": [{"role": "user", "content": "Hi"}]}
        answers = await asyncio.gather(
            *(ask(gateway.port, "POST", CHAT, body) for _ in range(20)),
            *(ask(gateway.port, "PATCH", "/v1/sessions/shared", {"title": "T"}) for _ in range(5)),
        )
        statuses = {answer.status for answer in answers}
        assert statuses <= {200, 404, 409}
        assert 200 in statuses
        done = sum(answer.status == 200 for answer in answers[:20])
        listed = (await ask(gateway.port, "GET", "/v1/sessions/shared/messages")).json
        assert listed["total"] == 2 * done
