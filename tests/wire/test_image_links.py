"""Images by URL, through the real gateway: passed on as they are, or fetched."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply
from claude_gateway.testing.raw import ask, chat_body, refused

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PDF = b"%PDF-1.7 and so on"
FIELD = "messages[0].content[1].image_url.url"
FETCH = {"GATEWAY_IMAGE_FETCH": "fetch", "GATEWAY_FETCH_TIMEOUT": "1"}


@asynccontextmanager
async def fetching(env: dict[str, str], **settings: str) -> AsyncGenerator[GatewayProcess]:
    """A gateway that fetches, from 127.0.0.1 as well."""
    async with GatewayProcess(
        {**env, **FETCH, "GATEWAY_FETCH_ALLOW": "127.0.0.1", **settings}
    ) as g:
        yield g
    assert "Traceback" not in g.output()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fetching_gateway(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with fetching(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()


def showing(*urls: str, **fields: object) -> dict[str, object]:
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    content = [{"type": "text", "text": "What is it?"}, *images]
    return chat_body(**fields) | {"messages": [{"role": "user", "content": content}]}


def blocks(upstream: FakeAnthropic) -> list[dict[str, object]]:
    """What went upstream beside the text."""
    content: list[dict[str, object]] = upstream.turns[-1].json["messages"][0]["content"]
    return content[1:]


def base64_block(kind: str, media_type: str, body: bytes) -> dict[str, object]:
    data = base64.b64encode(body).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


async def test_by_default_a_url_is_upstreams_to_fetch(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    for url in ("https://example.org/a.png", "http://192.168.1.7/a.png"):
        assert (await ask(gateway.port, "POST", CHAT, showing(url))).status == 200
        assert blocks(upstream) == [{"type": "image", "source": {"type": "url", "url": url}}]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_gateway_that_fetches_sends_images_and_pdfs_by_value(
    env: dict[str, str], upstream: FakeAnthropic, streamed: bool
) -> None:
    upstream.always(Reply(200, PNG, {"content-type": "text/plain"}), path="/a.jpg")
    upstream.always(Reply(200, PDF), path="/b")
    upstream.always(Reply(302, b"", {"location": "/a.jpg"}), path="/c")
    urls = [f"{upstream.url}/{name}" for name in ("a.jpg", "b", "c", "a.jpg")]
    async with fetching(env) as gateway:
        response = await ask(gateway.port, "POST", CHAT, showing(*urls, stream=streamed))
        assert response.status == 200
        png = base64_block("image", "image/png", PNG)
        assert blocks(upstream) == [png, base64_block("document", "application/pdf", PDF), png, png]
        fetches = [request for request in upstream.requests if request.path == "/a.jpg"]
        assert len(fetches) == 2  # once for the URL that stands twice, once for the redirect
        for fetch in fetches:
            names = {name.lower() for name in fetch.headers}
            assert names.isdisjoint({"x-api-key", "authorization", "cookie", "anthropic-version"})
        assert str(upstream.url.rpartition(":")[2]) in fetches[0].headers["host"]


async def test_a_file_by_url_is_fetched_as_well(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    upstream.always(Reply(200, PDF), path="/b")
    file = {"type": "file", "file": {"file_url": f"{upstream.url}/b", "filename": "B"}}
    content = [{"type": "text", "text": "What is it?"}, file]
    body = chat_body() | {"messages": [{"role": "user", "content": content}]}
    async with fetching(env) as gateway:
        assert (await ask(gateway.port, "POST", CHAT, body)).status == 200
    assert blocks(upstream) == [base64_block("document", "application/pdf", PDF) | {"title": "B"}]


async def test_a_native_request_goes_up_as_it_is_all_the_same(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    block = {"type": "image", "source": {"type": "url", "url": f"{upstream.url}/a.png"}}
    content = [{"type": "text", "text": "What is it?"}, block]
    body = chat_body(max_tokens=9) | {"messages": [{"role": "user", "content": content}]}
    async with fetching(env) as gateway:
        assert (await ask(gateway.port, "POST", MESSAGES, body)).status == 200
    assert blocks(upstream) == [block]
    assert "/a.png" not in {request.path for request in upstream.requests}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.2/a.png", "GATEWAY_FETCH_ALLOW"),
        ("http://2130706434/a.png", "GATEWAY_FETCH_ALLOW"),
        ("http://[::ffff:127.0.0.2]/", "GATEWAY_FETCH_ALLOW"),
        ("http://169.254.169.254/latest/meta-data/", "GATEWAY_FETCH_ALLOW"),
        ("{upstream}/to-metadata", "GATEWAY_FETCH_ALLOW"),
        ("{upstream}/to-file", "away from http and https"),
        ("{upstream}/page", "something else than a JPEG, PNG, GIF, WebP or PDF"),
        ("{upstream}/nothing", "answers with status 404"),
        ("http://user:CANARY@127.0.0.1/", "user or password"),
        ("http://127.0.0.1:9/", "cannot be reached"),
        ("http://[::1", "no URL"),
    ],
)
async def test_s7_what_cannot_be_fetched_is_a_400_that_names_the_field_and_says_why(
    fetching_gateway: GatewayProcess, upstream: FakeAnthropic, url: str, words: str
) -> None:
    metadata = "http://169.254.169.254/latest/meta-data/"
    upstream.always(Reply(302, b"", {"location": metadata}), path="/to-metadata")
    upstream.always(Reply(302, b"", {"location": "file:///etc/passwd"}), path="/to-file")
    upstream.always(Reply(200, b"<html>"), path="/page")
    upstream.always(Reply(404), path="/nothing")
    body = showing(url.format(upstream=upstream.url))
    response = await ask(fetching_gateway.port, "POST", CHAT, body)
    error = refused(response, 400, "invalid_image_url", FIELD)
    assert error["message"].startswith(f"{FIELD} ")
    assert words in error["message"]
    assert "CANARY" not in error["message"]
    assert upstream.turns == []


async def test_s7_a_host_or_network_can_be_allowed_or_denied_by_the_operator(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    upstream.always(Reply(200, PNG), path="/a.png")
    by_name = f"{upstream.url.replace('127.0.0.1', 'localhost')}/a.png"
    by_address = f"{upstream.url}/a.png"
    async with fetching(env, GATEWAY_FETCH_ALLOW="localhost") as gateway:
        assert (await ask(gateway.port, "POST", CHAT, showing(by_name))).status == 200
        refused(await ask(gateway.port, "POST", CHAT, showing(by_address)), 400)
    async with fetching(env, GATEWAY_FETCH_ALLOW="", GATEWAY_FETCH_DENY="10.0.0.0/8") as gateway:
        assert (await ask(gateway.port, "POST", CHAT, showing(by_address))).status == 200
        refused(await ask(gateway.port, "POST", CHAT, showing("http://10.0.0.1/")), 400)


async def test_too_many_urls_are_refused_at_the_first_that_is_too_many(
    fetching_gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    body = showing(*(f"{upstream.url}/{i}" for i in range(51)))
    response = await ask(fetching_gateway.port, "POST", CHAT, body)
    refused(response, 400, param="messages[0].content[51].image_url.url")
    assert upstream.requests == []
