from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import MappingProxyType

import pytest
from claude_gateway_anthropic.backend import open_backend
from claude_gateway_anthropic.headers import HeaderWriter, shown
from claude_gateway_anthropic.settings import Account

from claude_gateway import Accepted, ModelRequest, Secret, UpstreamError
from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask, chat_body, message_body, refused
from claude_gateway.testing.wire import MODEL

MakeAccount = Callable[..., Account]
PARAMS = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
BETA = "anthropic-beta"


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as upstream:
        yield upstream


async def sent(
    upstream: FakeAnthropic, account: Account, request: ModelRequest | None = None
) -> dict[str, str]:
    """The headers that went upstream, in lower case."""
    async with open_backend(account) as backend:
        await backend.complete(request or ModelRequest(MODEL, PARAMS))
    return {name.lower(): value for name, value in upstream.requests[-1].headers.items()}


# --- over every transport


async def test_a_key_goes_as_x_api_key_and_alone(
    upstream: FakeAnthropic, account: MakeAccount
) -> None:
    headers = await sent(upstream, account(upstream.url, auth_token=Secret("token")))
    assert headers["x-api-key"] == "sk-ant-gateway"
    assert "authorization" not in headers


async def test_a_token_goes_as_a_bearer_and_alone(
    upstream: FakeAnthropic, account: MakeAccount
) -> None:
    only_token = account(upstream.url, api_key=Secret(""), auth_token=Secret("token"))
    headers = await sent(upstream, only_token)
    assert headers["authorization"] == "Bearer token"
    assert "x-api-key" not in headers


@pytest.mark.parametrize("ours", [{}, {"api_key": Secret(""), "auth_token": Secret("token")}])
async def test_a_callers_own_key_goes_instead_of_ours(
    upstream: FakeAnthropic, account: MakeAccount, ours: dict[str, Secret]
) -> None:
    theirs = ModelRequest(MODEL, PARAMS, upstream_key=Secret("sk-ant-theirs"))
    headers = await sent(upstream, account(upstream.url, **ours), theirs)
    assert headers["x-api-key"] == "sk-ant-theirs"
    assert "authorization" not in headers


async def test_nothing_in_the_environment_replaces_a_missing_key(
    upstream: FakeAnthropic, account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-the-shell")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-the-shell")
    async with open_backend(account(upstream.url, api_key=Secret(""))) as backend:
        with pytest.raises(UpstreamError, match="bring yours"):
            await backend.complete(ModelRequest(MODEL, PARAMS))
        await backend.check_health()
    (request,) = upstream.requests
    assert {"authorization", "x-api-key"}.isdisjoint(name.lower() for name in request.headers)


async def test_the_version_is_ours_or_the_clients_and_never_the_sdks(
    upstream: FakeAnthropic, account: MakeAccount
) -> None:
    ours = account(upstream.url)
    assert (await sent(upstream, ours))["anthropic-version"] == "2023-06-01"
    theirs = ModelRequest(MODEL, PARAMS, headers={"anthropic-version": "2026-10-21"})
    assert (await sent(upstream, ours, theirs))["anthropic-version"] == "2026-10-21"


@pytest.mark.parametrize(
    ("version", "temperature", "ignored"),
    [("2023-06-01", 0.5, None), ("2026-10-21", None, "temperature")],
)
async def test_t20_a_version_that_refuses_sampling_gets_none_from_chats(
    upstream: FakeAnthropic, version: str, temperature: float | None, ignored: str | None
) -> None:
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-gateway",
        "ANTHROPIC_BASE_URL": upstream.url,
        "ANTHROPIC_VERSION": version,
    }
    body = chat_body(model="claude-haiku-4-5", temperature=0.5)
    async with GatewayProcess(env) as gateway:
        response = await ask(gateway.port, "POST", "/v1/chat/completions", body)
    [turn] = upstream.turns
    assert turn.headers["anthropic-version"] == version
    assert turn.json.get("temperature") == temperature
    assert response.header("x-gateway-ignored-params") == ignored


async def test_betas_arrive_as_one_header(upstream: FakeAnthropic, account: MakeAccount) -> None:
    theirs = ModelRequest(MODEL, PARAMS, headers={BETA: "a,b"})
    headers = await sent(upstream, account(upstream.url, betas="b,c"), theirs)
    assert headers[BETA] == "a,b,c"


async def test_the_client_is_shown_limits_and_an_id_and_nothing_of_the_organization(
    upstream: FakeAnthropic, account: MakeAccount
) -> None:
    async with (
        open_backend(account(upstream.url)) as backend,
        aclosing(backend.stream(ModelRequest(MODEL, PARAMS))) as stream,
    ):
        accepted = await anext(stream)
        whole = await backend.complete(ModelRequest(MODEL, PARAMS))
    assert isinstance(accepted, Accepted)
    assert accepted.headers == whole.headers
    assert set(accepted.headers) == {
        "x-upstream-request-id",
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    }


async def test_nothing_else_of_the_client_goes_upstream(upstream: FakeAnthropic, kind: str) -> None:
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-gateway",
        "ANTHROPIC_BASE_URL": upstream.url,
        "ANTHROPIC_TRANSPORT": kind,
        "GATEWAY_API_KEYS": "gw-key",
    }
    theirs = {
        "Authorization": "Bearer gw-key",
        "Origin": "https://app.example",
        "Cookie": "a=CANARY",
        "Referer": "https://app.example/CANARY",
        "User-Agent": "CANARY",
        "X-Forwarded-For": "10.1.2.3",
        "anthropic-beta": "a",
    }
    async with GatewayProcess(env) as gateway:
        response = await ask(gateway.port, "POST", "/v1/messages", message_body(), theirs)
    assert response.status == 200
    headers = {k.lower(): v for k, v in upstream.turns[0].headers.items()}
    assert headers[BETA] == "a"
    assert {"origin", "cookie", "referer", "x-forwarded-for"}.isdisjoint(headers)
    assert not any("CANARY" in value or "gw-key" in value for value in headers.values())
    assert b"organization" not in response.head


async def test_a_caller_with_a_key_of_their_own_comes_in_when_the_operator_allows_it(
    kind: str,
) -> None:
    async with FakeAnthropic(keys={"sk-ant-gateway", "sk-ant-theirs"}) as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-gateway",
            "ANTHROPIC_BASE_URL": upstream.url,
            "ANTHROPIC_TRANSPORT": kind,
            "GATEWAY_BYOK": "true",
        }
        async with GatewayProcess(env) as gateway:
            good, bad = [
                await ask(gateway.port, "POST", "/v1/messages", message_body(), {"x-api-key": key})
                for key in ("sk-ant-theirs", "sk-ant-wrong")
            ]
    assert good.status == 200
    assert upstream.turns[0].headers["x-api-key"] == "sk-ant-theirs"
    assert "Anthropic does not accept" in refused(bad, 401, "invalid_api_key")["message"]
    assert len(upstream.turns) == 1


# --- the writer

lean_only = pytest.mark.parametrize("kind", ["lean"])


@lean_only
@pytest.mark.parametrize(
    ("theirs", "ours", "merged"),
    [
        (None, "", None),
        ("a, b", "", "a, b"),
        (None, "a", "a"),
        ("a", "b", "a,b"),
        ("b,a", "a,b", "b,a"),
        (" a ,, a,", " b,,", "a,b"),
    ],
)
def test_betas_are_merged_without_repeating_any(
    account: MakeAccount, theirs: str | None, ours: str, merged: str | None
) -> None:
    headers = {BETA: theirs} if theirs else {}
    writer = HeaderWriter(account("http://localhost", betas=ours))
    written = writer.write(ModelRequest(MODEL, PARAMS, headers=headers))
    assert written.get(BETA) == merged


@lean_only
def test_a_request_does_not_change_the_next(account: MakeAccount) -> None:
    writer = HeaderWriter(account("http://localhost"))
    before = writer.write(ModelRequest(MODEL, PARAMS))
    theirs = {"anthropic-version": "2026-10-21", BETA: "a"}
    writer.write(ModelRequest(MODEL, PARAMS, headers=theirs, upstream_key=Secret("k")))
    assert writer.write(ModelRequest(MODEL, PARAMS)) == before


def test_headers_that_could_not_be_sent_on_are_not_shown() -> None:
    assert shown({"Request-Id": "\udcff", "Anthropic-Ratelimit-X": "1", "Set-Cookie": "a"}) == {
        "anthropic-ratelimit-x": "1"
    }


def test_the_usual_headers_are_those_of_a_call_with_none_of_its_own_and_cannot_change(
    account: MakeAccount,
) -> None:
    writer = HeaderWriter(account("http://127.0.0.1"))
    usual = writer.write(ModelRequest("m", {}))
    assert writer.write(ModelRequest("m", {})) is usual
    assert isinstance(usual, MappingProxyType)
    own = {"anthropic-version": "2023-06-01"}
    assert dict(usual) | own == dict(writer.write(ModelRequest("m", {}, headers=own)))
    paid = writer.write(ModelRequest("m", {}, upstream_key=Secret("sk-ant-theirs")))
    assert paid["x-api-key"] == "sk-ant-theirs"
    assert not isinstance(paid, MappingProxyType)  # a caller's key is kept nowhere
