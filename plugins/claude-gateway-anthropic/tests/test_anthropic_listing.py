"""Upstream's list of models becomes the gateway's, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from claude_gateway_anthropic.backend import AnthropicBackend, open_backend
from claude_gateway_anthropic.listing import described
from claude_gateway_anthropic.settings import Account

from claude_gateway import Secret, UpstreamError, describe_model
from claude_gateway.testing import FakeAnthropic, Reply

MODELS = "/v1/models"
YES, NO = {"supported": True}, {"supported": False}
SONNET = describe_model("claude-sonnet-5-5")


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as upstream:
        yield upstream


@pytest.fixture
async def backend(
    upstream: FakeAnthropic, account: Callable[..., Account]
) -> AsyncGenerator[AnthropicBackend]:
    async with open_backend(account(upstream.url)) as backend:
        yield backend


def page(*ids: str, more: bool = False) -> Reply:
    data = [{"type": "model", "id": id_} for id_ in ids]
    return Reply(body={"data": data, "has_more": more, "last_id": ids[-1] if ids else None})


def thinking(supported: Mapping[str, Any] = YES, **types: Mapping[str, Any]) -> dict[str, Any]:
    return {"capabilities": {"thinking": {**supported, "types": types}}}


def entry(**fields: object) -> dict[str, object]:
    return {"id": "claude-sonnet-5-5", **fields}


async def test_every_page_is_read(upstream: FakeAnthropic, backend: AnthropicBackend) -> None:
    upstream.script(page("claude-a 1", more=True), page("claude-b"), path=MODELS)
    assert [model.id for model in await backend.list_models()] == ["claude-a 1", "claude-b"]
    # As the fake decodes it; a blank would not have got there by itself.
    assert [request.query for request in upstream.requests] == [
        "limit=100",
        "limit=100&after_id=claude-a 1",
    ]


async def test_t20_under_a_version_without_sampling_no_model_takes_it(
    upstream: FakeAnthropic, account: Callable[..., Account]
) -> None:
    upstream.script(page("claude-haiku-4-5", "claude-haiku-9"), path=MODELS)
    async with open_backend(account(upstream.url, version="2026-10-21")) as backend:
        assert not [model for model in backend.models if model.sampling]
        assert [model.sampling for model in await backend.list_models()] == [False, False]


async def test_pages_without_end_come_to_an_end(
    upstream: FakeAnthropic, backend: AnthropicBackend
) -> None:
    upstream.always(page("claude-a", more=True), path=MODELS)
    assert len(await backend.list_models()) == len(upstream.requests) == 50


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"data": 5}', b'{"data": [5, {"id": 5}]}'])
async def test_a_list_that_is_none_lists_nothing_or_fails(
    upstream: FakeAnthropic, backend: AnthropicBackend, body: bytes
) -> None:
    upstream.script(Reply(body=body), path=MODELS)
    if body.startswith(b'{"'):
        assert await backend.list_models() == []
    else:
        with pytest.raises(UpstreamError, match="list of models"):
            await backend.list_models()


async def test_a_refusal_is_raised(upstream: FakeAnthropic, backend: AnthropicBackend) -> None:
    upstream.script(Reply(401, {}), path=MODELS)
    with pytest.raises(UpstreamError, match="gateway's key"):
        await backend.list_models()


async def test_without_a_key_nobody_is_asked(
    upstream: FakeAnthropic, account: Callable[..., Account]
) -> None:
    async with open_backend(account(upstream.url, api_key=Secret(""))) as backend:
        assert await backend.list_models() == backend.models
    assert upstream.requests == []


def test_what_upstream_does_not_say_is_what_is_known() -> None:
    assert described(entry()) == SONNET
    assert described(entry(capabilities=None, max_tokens=None, created_at="long ago")) == SONNET
    assert described(entry(created_at="1970-01-01T00:00:00Z")) == SONNET


def test_what_cannot_be_called_any_more_is_left_out() -> None:
    assert described(entry(lifecycle="retired")) is None


def test_limits_names_and_days_are_upstreams() -> None:
    said = entry(
        display_name="Sonnet",
        max_tokens=5,
        max_input_tokens=6,
        created_at="2026-09-27T10:00:00Z",
        deprecated_at="2027-01-01T00:00:00Z",
        retires_at="2027-06-01T00:00:00Z",
        capabilities={"image_input": NO, "structured_outputs": NO},
    )
    assert described(said) == replace(
        SONNET,
        name="Sonnet",
        max_tokens=5,
        max_input_tokens=6,
        released=date(2026, 9, 27),
        deprecated=date(2027, 1, 1),
        retires=date(2027, 6, 1),
        vision=False,
        structured_outputs=False,
    )


@pytest.mark.parametrize(
    ("said", "mode", "off"),
    [
        (thinking(NO), "none", "between_tools"),
        (thinking(adaptive=YES), "adaptive", "between_tools"),
        (thinking(adaptive=YES, disabled=NO, between_tools=NO), "always", "between_tools"),
        (thinking(adaptive=YES, disabled=NO, between_tools=YES), "adaptive", "between_tools"),
        (thinking(adaptive=YES, disabled=YES, between_tools=YES), "adaptive", "disabled"),
        (thinking(adaptive=NO, enabled=YES, disabled=YES), "manual", "disabled"),
    ],
)
def test_types_of_thinking_are_one_of_our_modes(
    said: dict[str, object], mode: str, off: str
) -> None:
    model = described(entry(**said))
    assert model is not None
    assert (model.thinking, model.no_thinking) == (mode, off)


@pytest.mark.parametrize(
    ("said", "levels"),
    [
        ({"supported": True, "low": YES, "high": YES, "xhigh": None}, ("low", "high")),
        ({"supported": False}, ()),
        ({}, SONNET.efforts),
    ],
)
def test_levels_of_effort_are_those_that_upstream_takes(
    said: dict[str, object], levels: tuple[str, ...]
) -> None:
    model = described(entry(capabilities={"effort": said}))
    assert model is not None
    assert model.efforts == levels


def test_t21_a_new_model_is_like_its_family_where_upstream_is_silent() -> None:
    model = described({"id": "claude-opus-6", "max_tokens": 256_000})
    assert model is not None
    assert (model.max_tokens, model.thinking, model.sampling) == (256_000, "always", False)
    assert model.prices == ()
