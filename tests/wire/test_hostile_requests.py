"""Requests that mean harm: statements in every place, odd spellings, mutated bytes, bodies without end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import (
    Connection,
    ask,
    chat_body,
    message_body,
    refused,
    request,
    response_body,
)
from tests.wire.hostile import resident, sound, throw, trying

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
KEY = "gw-CANARY-client"
MB = 2**20
needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def battered(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    """A gateway that wants a key from everybody, and has little patience."""
    short = {
        "GATEWAY_HEADER_TIMEOUT": "0.5",
        "GATEWAY_BODY_TIMEOUT": "0.5",
        "GATEWAY_WRONG_KEYS": "0",  # each of them is to be judged for itself
    }
    async with GatewayProcess(env | short | {"GATEWAY_AUTH": "required"}) as gateway:
        yield gateway
        sound(await ask(gateway.port, "GET", "/readiness"))
        keyed = {"x-api-key": KEY}
        assert (await ask(gateway.port, "POST", CHAT, chat_body(), keyed)).status == 200
    assert gateway.exit_code == 0
    assert "CANARY" not in gateway.output()
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


# --- S1: statements

STATEMENTS = (
    *(
        "'",
        '"',
        "';--",
        "' OR '1'='1",
        '" OR ""="',
        "') OR ('1'='1",
        "1 OR 1=1",
        "1; DROP TABLE runs",
    ),
    *("'; DELETE FROM sessions; --", "' UNION SELECT hash FROM keys --", "x' AND randomblob(9) --"),
    *(
        "NEAR(",
        "NEAR(a b, 3)",
        "title:*",
        "a* OR b*",
        "NOT a",
        "-a",
        "^a",
        '"a',
        '"" ""',
        "a AND",
        "{a b}:c",
    ),
    *(
        "%",
        "_",
        "\\",
        "%27%20OR%201",
        "?1",
        ":owner",
        "$a",
        "@a",
        "/*",
        "*/",
        "\x00' OR 1=1",
        "\ud7ff",
        "\uff2f\uff32",
    ),
)
PLACES = (
    *("/v1/sessions/{}", "/v1/sessions/{}/messages", "/v1/sessions/{}/export", "/v1/projects/{}"),
    *("/v1/runs/{}", "/v1/runs/{}/events", "/v1/responses/{}", "/v1/chat/completions/{}/status"),
    *("/v1/models/{}", "/v1/mcp/servers/{}/tools", "/v1/sessions?q={}", "/v1/sessions?status={}"),
    *(
        "/v1/sessions?limit={}",
        "/v1/sessions?order={}",
        "/v1/sessions?project_id={}",
        "/v1/runs?session_id={}",
    ),
    *("/v1/mcp/audit?tool={}", "/v1/sessions?{}=1", "/v1/projects?q={}", "/v1/runs?after={}"),
)


@pytest.mark.parametrize("place", PLACES)
async def test_s1_a_statement_in_a_path_or_a_query_finds_nothing_of_others(
    caller: Caller, other: Caller, place: str
) -> None:
    mine = await caller.post("/v1/sessions", title="mine")
    theirs = await other.post("/v1/sessions", title="theirs")
    for statement in STATEMENTS:
        answer = await caller.ask("GET", place.format(quote(statement, safe="")))
        sound(answer)
        assert theirs["id"].encode() not in answer.body, statement
        assert b"theirs" not in answer.body, statement
    assert (await caller.get(f"/v1/sessions/{mine['id']}"))["title"] == "mine"
    assert (await other.get("/v1/sessions"))["total"] == 1


@pytest.mark.parametrize("query", STATEMENTS)
async def test_s1_a_search_takes_every_word_for_a_word(caller: Caller, query: str) -> None:
    await caller.post("/v1/sessions", title="Blue whale")
    listed = await caller.get(f"/v1/sessions?q={quote('whale ' + query, safe='')}")
    alone = await caller.get(f"/v1/sessions?q={quote(query, safe='')}")
    if any(letter.isalnum() for letter in query):  # "whale OR a" is three words, not a choice
        assert listed["total"] == 0
    assert alone["total"] == 0


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_s1_a_statement_for_a_key_opens_nothing(battered: GatewayProcess, name: str) -> None:
    for statement in STATEMENTS:
        for key in (statement, f"{KEY}{statement}", f"cg-{statement}", f"{statement}{KEY}"):
            value = f"Bearer {key}" if name == "authorization" else key
            line = f"{name}: {value}\r\n".encode()
            head = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n"
            answer = await throw(battered.port, head + line + b"\r\n")
            assert answer is not None
            assert answer.status in {400, 401}, statement
            refused(answer, answer.status)
            assert b"CANARY" not in answer.head + answer.body


async def test_s1_a_statement_in_a_body_is_kept_or_refused_as_it_is(caller: Caller) -> None:
    for statement in STATEMENTS:
        answer = await caller.ask("POST", "/v1/sessions", {"title": statement})
        sound(answer)
        if answer.status == 201:
            assert answer.json["title"] == statement
            kept = await caller.get(f"/v1/sessions/{answer.json['id']}")
            assert kept["title"] == statement
        sound(await caller.ask("POST", "/v1/sessions", {"title": "a", statement: statement}))
        sound(await caller.ask("POST", CHAT, chat_body(session_id=statement)))
        sound(await caller.ask("POST", RESPONSES, response_body(previous_response_id=statement)))


# --- S2: spellings

pieces = st.sampled_from(
    [
        "/",
        "//",
        "/./",
        "/../",
        "/%2e/",
        "/%2e%2e/",
        "%2f",
        "%2F",
        "%5c",
        "\\",
        ";",
        ";a=b/",
        "%00",
        "%23",
    ]
)
odd = st.lists(
    pieces | st.sampled_from(["health", "readiness", "v1", "models", ".", "%"]), max_size=4
)
heads = st.sampled_from(
    ["", "http://localhost", "http://127.0.0.1", "https://localhost:1", "//localhost"]
)
private = st.sampled_from(
    ["/v1/models", "/v1", "/v1/sessions", "/v1/runs", "/metrics", "/mcp", "/V1/MODELS"]
)
hosts = st.sampled_from(
    [
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.0.0.1",
        "[::1]",
        "localhost:80",
        "localhost:4000/#@x",
    ]
)


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """A target that ends like a private one."""
    place = draw(private)
    at = draw(st.integers(0, len(place) - 1))
    if draw(st.booleans()):
        place = f"{place[:at]}%{ord(place[at]):02x}{place[at + 1 :]}"
    end = draw(
        st.sampled_from(["", "/", "//", ".", "?", "?/health", "#", "#/health", ";/health", "%20"])
    )
    return draw(heads) + "/" + "".join(draw(odd)) + place + end


@trying(150, 5_000)
@given(
    target=spellings(),
    host=hosts,
    relay=st.sampled_from(["x-original-url", "x-rewrite-url", "x-a"]),
)
async def test_s2_no_spelling_of_a_target_or_a_host_is_let_in_without_a_key(
    battered: GatewayProcess, target: str, host: str, relay: str
) -> None:
    headers = {"host": host, relay: "/health", "x-http-method-override": "OPTIONS"}
    for method in ("GET", "POST", "get"):
        answer = await throw(battered.port, request(method, target, b"", headers))
        assert answer is not None
        assert answer.status in {400, 401, 403, 404, 405}, answer.head
        refused(answer, answer.status)


# --- S14: without end


@needs_proc
@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize("told", [True, False], ids=["with its length", "in chunks"])
async def test_s14_a_body_of_100_mb_is_refused_and_not_kept(
    battered: GatewayProcess, path: str, *, told: bool
) -> None:
    framing = {"content-length": str(100 * MB)} if told else {"transfer-encoding": "chunked"}
    head = request(
        "POST", path, b"", {"x-api-key": KEY, "content-type": "application/json", **framing}
    )
    chunk = b" " * MB if told else b"100000\r\n" + b" " * MB + b"\r\n"
    before = resident(battered)
    async with Connection(battered.port) as connection:
        sending = asyncio.create_task(all_of(connection, head, chunk))
        refused(await connection.response(), 413, "request_too_large")
        await asyncio.gather(sending, return_exceptions=True)
    assert resident(battered) - before < 64 * MB


@needs_proc
async def test_s14_trailers_without_end_are_refused_and_not_kept(battered: GatewayProcess) -> None:
    head = request(
        "POST",
        CHAT,
        b"",
        {"x-api-key": KEY, "content-type": "application/json", "transfer-encoding": "chunked"},
    )
    trailers = b"".join(b"x-%d: %b\r\n" % (n, b"a" * 1_000) for n in range(1_000))
    before = resident(battered)
    async with Connection(battered.port) as connection:
        sending = asyncio.create_task(all_of(connection, head + b"2\r\n{}\r\n0\r\n", trailers))
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever goes on sending may miss it
            answer = await connection.response()
            assert 400 <= answer.status < 500
            refused(answer, answer.status)
        await asyncio.gather(sending, return_exceptions=True)
    assert resident(battered) - before < 32 * MB


async def all_of(connection: Connection, head: bytes, piece: bytes) -> None:
    """Send a hundred pieces, unless the other side has had enough."""
    await connection.send(head)
    for _ in range(100):
        await connection.send(piece)


# --- any bytes

BODIES: Mapping[str, Mapping[str, object]] = {
    CHAT: chat_body(stream=True, temperature=0.5, metadata={"a": "b"}),
    MESSAGES: message_body(system="Be brief.", stop_sequences=["x"]),
    "/v1/messages/count_tokens": chat_body(),
    RESPONSES: response_body(instructions="Be brief."),
    "/v1/sessions": {"title": "a", "metadata": {"b": [1, None, True]}},
    "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
}
VALID = [
    request("POST", path, body, {"x-api-key": KEY, "accept": "application/json, text/event-stream"})
    for path, body in BODIES.items()
]
FRAGMENTS = (
    *(
        b"\x00",
        b"\xff",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b":",
        b" ",
        b"\t",
        b"%00",
        b"\xed\xa0\x80",
    ),
    *(
        b"content-length: 5\r\n",
        b"content-length: 99999999999999999999\r\n",
        b"content-length: -0\r\n",
    ),
    *(
        b"transfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"te: trailers\r\n",
    ),
    *(
        b"host: evil.example\r\n",
        b"x-api-key: other\r\n",
        b"content-encoding: gzip\r\n",
        b"upgrade: h2c\r\n",
    ),
    *(b"connection: upgrade\r\n", b"expect: 100-continue\r\n", b" folded\r\n", b"origin: null\r\n"),
    *(
        b'"\\ud800"',
        b"[" * 2_000,
        b'{"a":' * 500,
        b"1" * 5_000,
        b"1e999",
        b"-",
        b"NaN",
        b"null",
        b"x" * 9_000,
    ),
    *(
        b'"model":1,',
        b'"messages":{},',
        b'"stream":"yes",',
        b'"id":' + b"9" * 400 + b",",
        b"\\u0000",
    ),
)
cuts = st.tuples(
    st.integers(0, 1_000), st.integers(0, 12), st.sampled_from(FRAGMENTS) | st.binary(max_size=8)
)


@trying(200, 20_000)
@given(raw=st.sampled_from(VALID), changes=st.lists(cuts, min_size=1, max_size=4))
async def test_s14_whatever_bytes_come_the_gateway_answers_or_hangs_up(
    battered: GatewayProcess, raw: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    for at, gone, instead in changes:
        where = at % len(raw)
        raw = raw[:where] + instead + raw[where + gone :]
    answer = await throw(battered.port, raw)
    if answer is not None:
        sound(replace(answer, chunks=answer.chunks or (b"",)))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**30), 2**63, 1e308, float("inf"), float("nan")])
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(
        ["\x00", "\ud800", "\udc00a", "a" * 70_000, "../../etc/passwd", "{{7*7}}", "${jndi:x}"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@trying(150, 10_000)
@given(path=st.sampled_from(sorted(BODIES)), data=st.data())
async def test_s14_whatever_stands_in_a_field_is_taken_or_refused(
    battered: GatewayProcess, path: str, data: st.DataObject
) -> None:
    body = dict(BODIES[path])
    for name in data.draw(st.lists(st.sampled_from(sorted(body)), min_size=1, max_size=2)):
        body[name] = data.draw(values)
    spoilt = json.dumps(body, ensure_ascii=True).encode()
    keyed = {"x-api-key": KEY, "accept": "application/json, text/event-stream"}
    sound(await ask(battered.port, "POST", path, spoilt, keyed))
