"""What was used: every call counts once, kept or not, streamed or not, and figures explain themselves."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from decimal import Decimal
from typing import Any

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
SAY = [{"role": "user", "content": "Hi"}]


def started(upstream: FakeAnthropic, **more: str) -> GatewayProcess:
    env = {"ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": upstream.url, **more}
    return GatewayProcess(env)


async def command(gateway: GatewayProcess, *arguments: str) -> str:
    """Return what `claude-gateway usage` prints about a gateway's folder."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "claude_gateway", "usage", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=gateway.folder,
        env={
            "HOME": str(gateway.folder),
            "GATEWAY_DATA_DIR": str(gateway.folder / "data"),
            "PYTHONUTF8": "1",
        },
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def told(gateway: GatewayProcess, query: str = "") -> Any:
    response = await ask(gateway.port, "GET", f"/v1/usage?{query}")
    assert response.status == 200, response.body
    return response.json


def drawn(dice: random.Random, n: int) -> tuple[str, dict[str, object], dict[str, int]]:
    """Some call of any kind, and what it will have used."""
    body: dict[str, object] = {
        "model": dice.choice(["claude-sonnet-5-5", "claude-haiku-5-5"]),
        "max_tokens": 50,
        "messages": SAY,
        "stream": dice.random() < 0.5,
    }
    if dice.random() < 0.5:
        body |= {"session_id": f"s{n % 7}"}
    path = dice.choice([CHAT, MESSAGES])
    return path, body, {name: dice.randrange(1, 1000) for name in COUNTS}


def dollars(rows: list[Any]) -> Decimal:
    """What they cost together, to a billionth of a dollar."""
    total = sum((Decimal(str(row["total_cost"])) for row in rows), Decimal(0))
    return total.quantize(Decimal("1e-9"))


async def test_t17_the_sum_of_usage_is_that_of_all_calls_whatever_they_are() -> None:
    dice, expected = random.Random(17), Counter[str]()
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        for n in range(60):
            path, body, counts = drawn(dice, n)
            upstream.script(answering(text("Hello"), usage=counts))
            expected.update({**counts, "total_tokens": sum(counts.values()), "runs": 1})
            answer = await ask(gateway.port, "POST", path, body)
            assert answer.status == 200, answer.body
        for by in ("day", "owner", "key", "model", "project", "session", "model,session"):
            usage = await told(gateway, f"group_by={by}")
            for name, number in expected.items():
                assert usage["sum"][name] == number
                assert sum(row[name] for row in usage["data"]) == number, (by, name)
            assert dollars(usage["data"]) == dollars([usage["sum"]])
        kept = (await ask(gateway.port, "GET", "/v1/runs?limit=100")).json["runs"]
        rows = (await told(gateway, "group_by=session"))["data"]
        in_sessions = [row for row in rows if row["session"]]
        assert sum(row["runs"] for row in in_sessions) == len(kept)
        assert dollars(in_sessions) == dollars(kept)


async def test_what_is_not_kept_is_booked_before_the_gateway_stops() -> None:
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        body = {"model": "sonnet", "messages": SAY}
        answers = await asyncio.gather(*(ask(gateway.port, "POST", CHAT, body) for _ in range(9)))
        assert {answer.status for answer in answers} == {200}
        assert await gateway.stop() == 0
        done = await command(gateway, "--json")
        assert json.loads(done)["sum"]["runs"] == 9
        shown = await command(gateway, "--by", "model")
        assert "claude-sonnet-5-5" in shown
        assert "█" in shown
        assert "total" in shown


async def test_mistakes_in_what_is_asked_for_name_the_field() -> None:
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        for query, field in (
            ("group_by=colour", "group_by"),
            ("from=yesterday", "from"),
            ("to=2027-13-01", "to"),
            ("from=2027-02-01&to=2027-01-01", "from"),
            ("limit=0", "limit"),
            ("all=perhaps", "all"),
        ):
            refused = await ask(gateway.port, "GET", f"/v1/usage?{query}")
            assert (refused.status, refused.json["error"]["param"]) == (400, field), query


async def test_only_an_admin_is_told_what_others_used() -> None:
    env = {"GATEWAY_API_KEYS": "gw-eve-has-a-long-key"}
    eve = {"x-api-key": "gw-eve-has-a-long-key"}
    async with FakeAnthropic() as upstream, started(upstream, **env) as gateway:
        body = {"model": "sonnet", "messages": SAY}
        assert (await ask(gateway.port, "POST", CHAT, body, eve)).status == 200
        assert (await ask(gateway.port, "POST", CHAT, body)).status == 200
        for query in ("all=true", "owner=owner"):
            refused = await ask(gateway.port, "GET", f"/v1/usage?{query}", headers=eve)
            assert refused.status == 403
        mine = (await ask(gateway.port, "GET", "/v1/usage", headers=eve)).json
        assert mine["sum"]["runs"] == 1
        assert (await told(gateway))["sum"]["runs"] == 1
        everybody = await told(gateway, "all=true&group_by=owner")
        assert everybody["sum"]["runs"] == 2
        assert len({row["owner"] for row in everybody["data"]}) == 2


async def test_an_admin_names_others_by_name_or_by_id_and_is_told_of_nobody_else() -> None:
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        made = await ask(gateway.port, "POST", "/v1/admin/users", {"name": "ada"})
        ada = made.json["id"]
        wanted = {"name": "phone", "user": "ada", "scopes": ["chat"]}
        key = (await ask(gateway.port, "POST", "/v1/admin/keys", wanted)).json["key"]
        body = {"model": "sonnet", "messages": SAY}
        assert (await ask(gateway.port, "POST", CHAT, body, {"x-api-key": key})).status == 200
        for owner in ("ada", ada):
            whose = await told(gateway, f"owner={owner}&group_by=owner")
            assert [row["owner"] for row in whose["data"]] == [ada]
        assert (await told(gateway, "owner="))["sum"]["runs"] == 0
        refused = await ask(gateway.port, "GET", "/v1/usage?owner=eve")
        assert (refused.status, refused.json["error"]["code"]) == (404, "owner_not_found")
        assert refused.json["error"]["param"] == "owner"
        for own in ("ada", ada):
            mine = await ask(
                gateway.port, "GET", f"/v1/usage?owner={own}", headers={"x-api-key": key}
            )
            assert mine.json["sum"]["runs"] == 1
        for owner in ("owner", "eve"):  # whoever may not ask is not told who there is
            path = f"/v1/usage?owner={owner}"
            answer = await ask(gateway.port, "GET", path, headers={"x-api-key": key})
            assert answer.status == 403


async def test_t17_the_cost_of_a_run_is_explained_class_by_class() -> None:
    counts = {
        "input_tokens": 1000,
        "output_tokens": 100,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "cache_read_input_tokens": 400,
    }
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        upstream.script(answering(text("Hello"), usage=counts))
        body = {"model": "sonnet", "session_id": "s", "messages": SAY}
        run = (await ask(gateway.port, "POST", CHAT, body)).header("x-run-id")
        cost = (await ask(gateway.port, "GET", f"/v1/runs/{run}/cost")).json
        (only,) = cost["rounds"]
        tokens = {part["class"]: part["tokens"] for part in only["parts"]}
        assert tokens == {
            "input": 1000,
            "cache_write_5m": 100,
            "cache_write_1h": 200,
            "cache_read": 400,
            "output": 100,
        }
        for part in only["parts"]:
            assert abs(part["tokens"] * part["dollars_per_million"] / 1e6 - part["cost"]) < 1e-12
        assert cost["final"] is True
        assert cost["unknown"] == []
        assert cost["total_cost"] == cost["booked_cost"] > 0
        assert abs(sum(part["cost"] for part in only["parts"]) - cost["total_cost"]) < 1e-12


async def test_a_price_that_nobody_knows_is_said_to_be_unknown() -> None:
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        body = {"model": "claude-quite-new-9", "session_id": "s", "messages": SAY}
        run = (await ask(gateway.port, "POST", CHAT, body)).header("x-run-id")
        cost = (await ask(gateway.port, "GET", f"/v1/runs/{run}/cost")).json
        assert cost["total_cost"] is None
        assert cost["unknown"] == ["input", "output"]
        usage = await told(gateway)
        assert usage["sum"]["unpriced_runs"] == 1
        assert usage["sum"]["total_cost"] is None


async def test_nobody_sees_what_a_run_of_others_cost() -> None:
    env = {"GATEWAY_API_KEYS": "gw-eve-has-a-long-key"}
    async with FakeAnthropic() as upstream, started(upstream, **env) as gateway:
        body = {"model": "sonnet", "session_id": "s", "messages": SAY}
        run = (await ask(gateway.port, "POST", CHAT, body)).header("x-run-id")
        eve = {"x-api-key": "gw-eve-has-a-long-key"}
        hidden = await ask(gateway.port, "GET", f"/v1/runs/{run}/cost", headers=eve)
        assert hidden.status == 404
