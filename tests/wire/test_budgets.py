"""Limits of money at the running gateway: never exceeded, and nobody is refused without need."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import (
    Connection,
    Response,
    ask,
    chat_body,
    message_body,
    refused,
    request,
)
from claude_gateway.testing.upstream import Received, answering
from claude_gateway.testing.wire import error, message, text, text_stream, tool_use
from tests.wire.conftest import UPSTREAM_KEY, Caller
from tests.wire.workers import pids, until_there

pytestmark = pytest.mark.asyncio(loop_scope="session")

BUDGETS, OWN = "/v1/admin/budgets", "/v1/budgets"
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
# Dollars for a million tokens of input and output, of the model that the fake is asked for.
INPUT, OUTPUT = Decimal(2), Decimal(10)
CROWD = 200


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paying(fake: FakeAnthropic) -> AsyncGenerator[GatewayProcess]:
    """A gateway whose owner comes in without a key, and so may do everything."""
    env = {
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",
    }
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]
    assert gateway.exit_code == 0


async def own(gateway: GatewayProcess, method: str, path: str, body: Any = b"") -> Any:
    answer = await ask(gateway.port, method, path, body)
    assert answer.status in (200, 201), answer.body
    return answer.json


async def with_key(gateway: GatewayProcess, **fields: object) -> tuple[Caller, str]:
    """Return somebody with a new key, and its id."""
    made = await own(gateway, "POST", "/v1/admin/keys", {"name": "phone", **fields})
    return Caller(gateway.port, made["key"]), made["id"]


async def limited(
    gateway: GatewayProcess, subject: str, limit: float, *, period: str = "total", **fields: object
) -> Any:
    """Limit `kind/id`, and return how that stands."""
    path = f"{BUDGETS}/{subject}/{period}"
    return await own(gateway, "PUT", path, {"limit": limit, **fields})


async def stands(gateway: GatewayProcess, subject: str, period: str = "total") -> Any:
    return await own(gateway, "GET", f"{BUDGETS}/{subject}/{period}")


def exceeded(answer: Response) -> Any:
    """Check a refusal for want of money, and return what it says of the budget."""
    assert answer.status == 429, (answer.head, answer.body)
    assert answer.header("x-should-retry") == "false"
    assert answer.header("retry-after") is None
    said = answer.json["error"]
    assert (said["code"], said["type"], answer.json["type"]) == (
        "budget_exceeded",
        "rate_limit_error",
        "error",
    )
    return said["details"]["budget"]


def any_request(dice: random.Random, number: int) -> tuple[str, dict[str, object]]:
    """Return any of the ways to ask for at most 100 tokens."""
    stream = dice.random() < 0.5
    path = dice.choice([CHAT, MESSAGES, RESPONSES])
    if path == RESPONSES:
        body = {"model": "sonnet", "input": "Hello", "max_output_tokens": 100, "stream": stream}
        return path, {**body, "store": dice.random() < 0.5}
    body = {**message_body(), "stream": stream}
    if path == CHAT and dice.random() < 0.5:
        body["session_id"] = f"crowd-{number}"
    return path, body


class Bill:
    """Answers of any length to prompts of any size, and what the model's service wants for them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.rows: list[Decimal] = []

    def step(self, received: Received) -> Reply | Stream:
        counts = {
            "input_tokens": self.dice.randrange(1, 900),
            "output_tokens": self.dice.randrange(1, 101),
        }
        cost = INPUT * counts["input_tokens"] + OUTPUT * counts["output_tokens"]
        self.rows.append(cost / 1_000_000)
        if received.json.get("stream"):
            return Stream(text_stream("Hello", usage=counts))
        return Reply(body=message(text("Hello"), usage=counts))

    @property
    def total(self) -> Decimal:
        return sum(self.rows, Decimal(0))


async def use_up(caller: Caller, bill: Bill) -> int:
    """Ask one by one until there is not enough; return how often there was.

    Another worker may have to count yet what it has answered: until then that is reserved.
    """
    before = len(bill.rows)
    while True:
        answer = await caller.ask("POST", MESSAGES, message_body())
        if answer.status != 200 and not exceeded(answer)["reserved"]:
            return len(bill.rows) - before


@pytest.mark.parametrize("workers", [1, 2])
async def test_t30_two_hundred_at_once_never_spend_more_than_there_is(workers: int) -> None:
    bill, limit = Bill(30 + workers), Decimal("0.10")
    async with FakeAnthropic() as upstream:
        env = {"ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": upstream.url}
        async with GatewayProcess(env | {"GATEWAY_WORKERS": str(workers)}, timeout=60) as gateway:
            caller, id_ = await with_key(gateway)
            await limited(gateway, f"key/{id_}", float(limit))
            upstream.always(bill.step)
            crowd = (caller.ask("POST", *any_request(bill.dice, n)) for n in range(CROWD))
            answers = await asyncio.gather(*crowd)
            served = [answer for answer in answers if answer.status == 200]
            for answer in answers:
                assert answer.status == 200 or exceeded(answer)["limit"] == float(limit)
            assert 0 < len(served) == len(bill.rows)
            assert bill.total <= limit
            # What was reserved for more than it cost is there again, and is used up.
            assert await use_up(caller, bill) > 0
            state = await stands(gateway, f"key/{id_}")
            assert state["reserved"] == 0
            assert limit - Decimal("0.006") < bill.total <= limit
            assert Decimal(str(state["spent"])).quantize(Decimal("1e-9")) == bill.total
        assert gateway.exit_code == 0


@pytest.mark.parametrize("kind", ["key", "user", "project", "session"])
async def test_each_kind_of_budget_stops_whom_it_is_for_and_nobody_else(
    paying: GatewayProcess, upstream: FakeAnthropic, kind: str
) -> None:
    ada = await own(paying, "POST", "/v1/admin/users", {"name": f"ada of {kind}"})
    caller, key = await with_key(paying, user=ada["id"])
    other, _ = await with_key(paying)
    project = (await caller.post("/v1/projects", name="Letters"))["id"]
    subject = {"key": key, "user": ada["name"].replace(" ", "%20"), "project": project}
    subject["session"] = "limited"
    said = {**message_body(), "project_id": project, "session_id": "limited"}
    assert (await caller.ask("POST", CHAT, said)).status == 200
    path = f"{BUDGETS}/{kind}/{subject[kind]}/total?owner={ada['id']}"
    state = await own(paying, "PUT", path, {"limit": 0.0001})
    assert state["spent"] > 0  # what was used before
    told = exceeded(await caller.ask("POST", CHAT, said))
    assert (told["kind"], told["limit"], told["resets_at"]) == (kind, 0.0001, None)
    others = [(await other.ask("POST", CHAT, said)).status, (await ask_owner(paying, said)).status]
    if kind == "session":
        others.append((await caller.ask("POST", CHAT, {**said, "session_id": "free"})).status)
    if kind == "project":
        others.append((await caller.ask("POST", CHAT, message_body())).status)
    if kind == "key":
        others.append(
            (await (await with_key(paying, user=ada["id"]))[0].ask("POST", CHAT, said)).status
        )
    assert set(others) <= {200, 404}  # a project of Ada's is nobody else's
    assert 200 in others or kind == "user"
    removed = await own(paying, "DELETE", path)
    assert removed["removed"] is True
    await until_served(caller, said)


async def ask_owner(gateway: GatewayProcess, said: dict[str, object]) -> Response:
    return await ask(
        gateway.port, "POST", CHAT, {k: v for k, v in said.items() if k != "project_id"}
    )


async def until_served(caller: Caller, said: dict[str, object], status: int = 200) -> None:
    async with asyncio.timeout(5):
        while (await caller.ask("POST", CHAT, said)).status != status:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("about", [{}, {"session_id": "rounds"}], ids=str)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_turn_with_tools_pays_round_by_round_and_ends_where_the_money_does(
    paying: GatewayProcess, upstream: FakeAnthropic, about: dict[str, object], stream: bool
) -> None:
    caller, key = await with_key(paying, budget=0.1)
    call = tool_use("mcp_filesystem__list_directory", "{}")
    upstream.script(
        *(
            answering(
                call, stop_reason="tool_use", usage={"input_tokens": tokens, "output_tokens": 50}
            )
            for tokens in (1_000, 45_000, 1_000)
        )
    )
    said = {**message_body(), **about, "stream": stream}
    said["mcp"] = {"enabled_servers": ["mcp_filesystem"]}
    answer = await caller.ask("POST", CHAT, said)
    assert b"budget_exceeded" in answer.body
    assert answer.status == (200 if stream else 429)
    assert len(upstream.turns) == 2  # the third was not bought
    state = await stands(paying, f"key/{key}")
    assert (state["spent"], state["reserved"]) == (pytest.approx(0.092 + 0.001), 0)


async def test_a_gateway_that_keeps_nothing_keeps_no_budgets() -> None:
    async with GatewayProcess({"GATEWAY_STORE": "none"}) as gateway:
        for method, path in (("GET", OWN), ("GET", BUDGETS), ("PUT", f"{BUDGETS}/user/owner/day")):
            refused(await ask(gateway.port, method, path, {"limit": 1}), 503, "no_store")


@pytest.mark.parametrize("about", [{}, {"session_id": "open"}, {"stream": True}], ids=str)
async def test_an_answer_of_open_length_is_as_long_as_the_money_allows(
    paying: GatewayProcess, upstream: FakeAnthropic, about: dict[str, object]
) -> None:
    caller, _ = await with_key(paying, budget="0.40/day")
    for path, said in ((CHAT, chat_body(**about)), (RESPONSES, {"model": "sonnet", "input": "Hi"})):
        assert (await caller.ask("POST", path, said)).status == 200
        asked = upstream.turns[-1].json["max_tokens"]
        assert 8_000 < asked < 9_100  # a quarter of 40 cents, at eleven dollars a million
    assert (await caller.ask("POST", CHAT, {**chat_body(), "max_tokens": 34_000})).status == 200
    assert upstream.turns[-1].json["max_tokens"] == 34_000
    exceeded(await caller.ask("POST", CHAT, {**chat_body(), "max_tokens": 40_000}))


async def test_what_is_refused_in_a_session_leaves_nothing_in_it(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, key = await with_key(paying)
    said = {**message_body(), "session_id": "short-of-money"}
    assert (await caller.ask("POST", CHAT, said)).status == 200
    await limited(paying, f"key/{key}", 0)
    for path, headers in ((CHAT, {}), (MESSAGES, {"x-session-id": "short-of-money"})):
        exceeded(await caller.ask("POST", path, said if path == CHAT else message_body(), headers))
    kept = await caller.get("/v1/sessions/short-of-money/messages")
    assert [m["role"] for m in kept["messages"]] == ["user", "assistant"]
    assert len((await caller.get("/v1/runs"))["runs"]) == 1
    assert len(upstream.turns) == 1


async def test_a_failure_upstream_and_a_stopped_turn_give_back_what_was_reserved(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, key = await with_key(paying, budget=0.5)
    for about in ({}, {"session_id": "failing"}):
        upstream.script(Reply(400, error("invalid_request_error", "No.")))
        assert (await caller.ask("POST", CHAT, {**message_body(), **about})).status == 400
    state = await stands(paying, f"key/{key}")
    assert (state["spent"], state["reserved"]) == (0, 0)


@pytest.mark.parametrize("about", [{}, {"session_id": "left", "on_disconnect": "cancel"}], ids=str)
async def test_s9_who_leaves_before_the_end_pays_for_what_may_have_been_said(
    paying: GatewayProcess, upstream: FakeAnthropic, about: dict[str, object]
) -> None:
    caller, key = await with_key(paying, budget="1/day")
    start, *rest = text_stream("here it is", usage={"input_tokens": 1000, "output_tokens": 1})
    upstream.script(Stream([start, *rest[:3], asyncio.Event()]))
    body = {**message_body(), "stream": True, **about}
    async with Connection(caller.port) as phone:
        await phone.send(request("POST", CHAT, body, {"x-api-key": caller.key}))
        await phone.head()
        while b"here" not in await phone.chunk():
            pass
        state = await stands(paying, f"key/{key}", "day")
        assert state["spent"] == 0
        assert state["reserved"] > 0.002
        await asyncio.sleep(0.5)  # seconds in which a model would have said a hundred tokens
    async with asyncio.timeout(5):
        while (state := await stands(paying, f"key/{key}", "day"))["reserved"]:
            await asyncio.sleep(0.01)
    assert state["spent"] == pytest.approx(0.002 + 100 * 10 / 1e6)


async def test_s17_the_official_clients_are_told_and_do_not_try_again(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, _ = await with_key(paying, budget="0.0000001/month")
    async with openai.AsyncOpenAI(api_key=caller.key, base_url=f"{paying.url}/v1") as client:
        with pytest.raises(openai.RateLimitError) as told_first:
            await client.chat.completions.create(
                model="sonnet", messages=[{"role": "user", "content": "Hi"}]
            )
    assert told_first.value.code == "budget_exceeded"
    async with anthropic.AsyncAnthropic(api_key=caller.key, base_url=paying.url) as native:
        with pytest.raises(anthropic.RateLimitError) as told:
            await native.messages.create(
                model="sonnet", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            )
    said = str(told.value)
    assert "The budget of this key for this month is $0.0000, of which" in said
    assert "It begins anew at 20" in said
    assert upstream.turns == []
    usage = await own(paying, "GET", "/v1/usage?all=true&group_by=key")
    assert all(row["runs"] for row in usage["data"])


async def test_an_app_with_a_profile_is_told_in_words(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, _ = await with_key(paying, budget=0, profile="ios")
    answer = await caller.ask("POST", CHAT, chat_body(stream=True))
    assert b"budget" in answer.body
    assert upstream.turns == []


async def test_nearly_spent_is_a_header_on_streams_and_whole_answers(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, key = await with_key(paying)
    await limited(paying, f"key/{key}", 5, period="day", soft=0.00001)
    upstream.script(answering(text("Hi"), usage={"input_tokens": 100_000, "output_tokens": 1}))
    answer = await caller.ask("POST", MESSAGES, message_body())
    assert answer.header("x-budget-warning") is None
    for about in ({}, {"stream": True}, {"session_id": "warned"}):
        answer = await caller.ask("POST", CHAT, {**message_body(), **about})
        assert answer.status == 200
        warned = answer.header("x-budget-warning") or ""
        assert re.fullmatch(r"key day: \$0\.20\d\d of \$5\.00 spent, begins anew at 2.*Z", warned)
    (mine,) = (await caller.get(OWN))["budgets"]
    assert (mine["kind"], mine["warns"], mine["soft"]) == ("key", True, 0.00001)


async def test_who_has_no_budget_is_never_stopped_and_asks_no_store(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, _ = await with_key(paying)
    _, key = await with_key(paying, budget=0)
    await limited(paying, f"key/{key}", 0, period="day")
    answers = [await caller.ask("POST", CHAT, message_body(str(n))) for n in range(5)]
    assert [answer.status for answer in answers] == [200] * 5
    assert (await caller.get(OWN))["budgets"] == []


async def test_a_change_beside_the_gateway_counts_soon(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, key = await with_key(paying)
    assert (await caller.ask("POST", CHAT, message_body())).status == 200
    set_ = await command(paying, "set", "key", key, "--limit", "0.000001", "--period", "month")
    assert set_["limit"] == 0.000001
    await until_served(caller, message_body(), 429)
    assert (await command(paying, "show", "key", key, "--period", "month"))["spent"] > 0
    listed = await command(paying, "list")
    assert key in {row["id"] for row in listed}
    await command(paying, "remove", "key", key, "--period", "month")
    await until_served(caller, message_body())


async def command(gateway: GatewayProcess, *arguments: str) -> Any:
    from tests.wire.test_keys import Issuing  # noqa: PLC0415  # as a class only here

    return await Issuing(gateway).run("budgets", *arguments)


async def test_a_model_without_a_price_is_refused_where_a_budget_applies(
    paying: GatewayProcess, upstream: FakeAnthropic
) -> None:
    caller, _ = await with_key(paying, budget=5)
    free, _ = await with_key(paying)
    said = {**message_body(), "model": "claude-nobody-knows-9"}
    assert (await free.ask("POST", CHAT, said)).status == 200
    for about in ({}, {"session_id": "unpriced"}):
        answer = await caller.ask("POST", CHAT, {**said, **about})
        assert (answer.status, answer.json["error"]["code"]) == (403, "model_unpriced")
    assert len(upstream.turns) == 1


async def test_who_is_limited_does_not_decide_about_limits(paying: GatewayProcess) -> None:
    caller, key = await with_key(paying, budget=1, scopes=["admin"])
    for method in ("PUT", "DELETE"):
        answer = await caller.ask(method, f"{BUDGETS}/key/{key}/total", {"limit": 9})
        assert (answer.status, answer.json["error"]["code"]) == (403, "grant_exceeded")
    free, other = await with_key(paying, scopes=["admin"])
    assert (await free.ask("PUT", f"{BUDGETS}/key/{key}/total", {"limit": 9})).status == 200
    assert (await own(paying, "GET", f"/v1/admin/keys/{key}"))["budget"] == 9
    assert (await free.ask("DELETE", f"{BUDGETS}/key/{other}/total")).status == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("key/none/total", {"limit": 1}, 404, None),
        ("user/nobody/total", {"limit": 1}, 404, "user"),
        ("project/none/total", {"limit": 1}, 404, None),
        ("session/none/total", {"limit": 1}, 404, None),
        ("team/x/total", {"limit": 1}, 400, "kind"),
        ("user/owner/week", {"limit": 1}, 400, "period"),
        ("user/owner/day", {}, 400, "limit"),
        ("user/owner/day", {"limit": 1, "soft": 2}, 400, "soft"),
    ],
)
async def test_what_is_wrong_is_named(
    paying: GatewayProcess, path: str, body: dict[str, object], status: int, param: str | None
) -> None:
    answer = await ask(paying.port, "PUT", f"{BUDGETS}/{path}", body)
    assert answer.status == status, answer.body
    assert param is None or answer.json["error"]["param"] == param


async def test_t30_kill_9_in_the_middle_gives_back_what_was_reserved_and_counts_what_was_said(
    tmp_path: Path,
) -> None:
    async with FakeAnthropic() as upstream, AsyncExitStack() as phones:
        env = {"ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": upstream.url}
        env["GATEWAY_DATA_DIR"] = str(tmp_path)
        start, *rest = text_stream("word " * 100, usage={"input_tokens": 1000})
        upstream.always(lambda _: Stream([start, *rest[:3], asyncio.Event()]))
        async with GatewayProcess(env) as gateway:
            caller, key = await with_key(gateway, budget=1)
            for about in ({}, {"session_id": "kept"}):
                phone = await phones.enter_async_context(Connection(gateway.port))
                body = {**message_body(), "stream": True, **about}
                await phone.send(request("POST", CHAT, body, {"x-api-key": caller.key}))
                await phone.head()
                while b"word" not in await phone.chunk():
                    pass
            state = await stands(gateway, f"key/{key}")
            assert (state["spent"], state["reserved"] > 0.004) == (0, True)
            await until_logged(tmp_path)
            await gateway.kill()
        async with GatewayProcess(env) as gateway:
            state = await stands(gateway, f"key/{key}")
            usage = await own(gateway, "GET", "/v1/usage?all=true&group_by=key")
            (row,) = [row for row in usage["data"] if row["key"] == key]
            assert state["reserved"] == 0
            assert state["spent"] == row["total_cost"] >= 0.002
            assert row["output_tokens"] > 50


async def until_logged(data: Path) -> None:
    """Wait until what was said is in the log of a run, for whoever comes after this process."""
    async with asyncio.timeout(5):
        with closing(sqlite3.connect(data / "gateway.db")) as db:
            while not db.execute("SELECT count(*) FROM events WHERE usage IS NOT NULL").fetchone()[
                0
            ]:
                await asyncio.sleep(0.01)


async def test_t30_workers_that_die_leave_nothing_reserved() -> None:
    async with FakeAnthropic() as upstream:
        env = {"ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": upstream.url}
        env["GATEWAY_WORKERS"] = "2"
        async with GatewayProcess(env, timeout=60) as gateway, AsyncExitStack() as phones:
            caller, key = await with_key(gateway, budget=5)
            start, *rest = text_stream("word", usage={"input_tokens": 10})
            upstream.always(lambda _: Stream([start, *rest[:3], asyncio.Event()]))
            held = [await phones.enter_async_context(Connection(gateway.port)) for _ in range(12)]
            for phone in held:
                body = {**message_body(), "stream": True}
                await phone.send(request("POST", CHAT, body, {"x-api-key": caller.key}))
                await phone.head()
            assert (await stands(gateway, f"key/{key}"))["reserved"] > 0.02
            for number, pid in (await pids(gateway)).items():  # whichever of them has how many
                os.kill(pid, signal.SIGKILL)
                await until_there(gateway, number, pid)
            async with asyncio.timeout(20):
                while (await stands(gateway, f"key/{key}"))["reserved"]:
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize("whose", ["the key's", "its user's"])
async def test_s3_whose_money_is_limited_comes_by_no_other_key(
    paying: GatewayProcess, whose: str
) -> None:
    name = whose.replace(" ", "-").replace("'", "")
    await own(paying, "POST", "/v1/admin/users", {"name": name})
    fields: dict[str, object] = {"user": name, "scopes": ["admin", "chat"]}
    caller, id_ = await with_key(
        paying, **fields, **({"budget": 1} if whose == "the key's" else {})
    )
    if whose != "the key's":
        await own(paying, "PUT", f"{BUDGETS}/user/{name}/day", {"limit": 1})
    other, other_id = await with_key(paying, scopes=["chat"])
    keys = "/v1/admin/keys"
    for method, path, body in (
        ("POST", keys, {"name": "escape", "scopes": ["chat"]}),
        ("POST", keys, {"name": "again", "scopes": ["chat"], "budget": 1}),
        ("PATCH", f"{keys}/{id_}", {"budget": 500}),
        ("PATCH", f"{keys}/{id_}", {"budget": None}),
        ("PATCH", f"{keys}/{other_id}", {"name": "mine"}),
        ("POST", f"{keys}/{other_id}/rotate", {}),
    ):
        answer = await caller.ask(method, path, body)
        assert (answer.status, answer.json["error"]["code"]) == (403, "grant_exceeded"), path
    assert (await other.ask("GET", "/v1/models")).status in (200, 403)
    rotated = await caller.ask("POST", f"{keys}/{id_}/rotate", {"grace": "60s"})
    assert rotated.status == 200, rotated.body
