"""The routes themselves: what they ask of a backend, and what they answer with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claude_gateway import Answer, UpstreamError, __version__
from claude_gateway.dialects.responses.thoughts import packed
from claude_gateway.testing.raw import chat_body, message_body, refused, response_body
from claude_gateway.web.app import ROUTES

if TYPE_CHECKING:
    from tests.conftest import Completing, Scripted, Serving

CHAT, MESSAGES, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
RESPONSES = "/v1/responses"
NATIVE = {"anthropic-version": "2023-06-01"}


async def test_the_front_door_says_what_this_is(serving: Serving) -> None:
    async with serving() as app:
        root = (await app.ask("GET", "/")).json
        for link in root["links"].values():
            assert (await app.ask("GET", link)).status == 200
        endpoints = (await app.ask("GET", "/v1")).json["endpoints"]
    assert (root["name"], root["version"]) == ("claude_gateway", __version__)
    assert endpoints == sorted(f"{route.method} {route.path}" for route in ROUTES)


async def test_health_is_told_without_reasons_unless_asked(serving: Serving) -> None:
    async with serving() as app:
        brief = (await app.ask("GET", "/health")).json
        deep = (await app.ask("GET", "/health?deep=1")).json
    assert (brief["status"], brief["ok"], brief["mode"]) == ("healthy", True, "demo")
    assert "details" not in brief
    assert deep["details"].keys() == brief["checks"].keys()


@pytest.mark.parametrize(("headers", "shape"), [({}, "object"), (NATIVE, "has_more")], ids=str)
async def test_models_are_listed_in_the_shape_of_the_clients_api(
    serving: Serving, scripted: type[Scripted], headers: dict[str, str], shape: str
) -> None:
    async with serving(scripted(models=["m", "claude-sonnet-5-5"])) as app:
        listed = (await app.ask("GET", "/v1/models", b"", headers)).json
        one = await app.ask("GET", "/v1/models/sonnet", b"", headers)
    assert shape in listed
    assert [model["id"] for model in listed["data"]] == ["m", "claude-sonnet-5-5"]
    assert one.json["id"] == "claude-sonnet-5-5"
    assert one.header("x-gateway-model-remapped") == "sonnet -> claude-sonnet-5-5"


async def test_capabilities_are_those_of_every_model(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(models=["claude-sonnet-5-5"])) as app:
        (model,) = (await app.ask("GET", "/v1/models/capabilities")).json["models"]
    assert "sonnet" in model["aliases"]


async def test_capabilities_show_the_factors_of_prices_the_operators_included(
    serving: Serving, tmp_path: Path
) -> None:
    file = tmp_path / "models.toml"
    file.write_text("[factors]\nservice_tier = { batch = 0.25 }")
    async with serving(GATEWAY_MODELS_FILE=str(file)) as app:
        shown = (await app.ask("GET", "/v1/models/capabilities")).json["price_factors"]
    assert shown == {"service_tier": {"batch": 0.25}, "inference_geo": {"us": 1.1}}


async def test_without_a_backend_there_are_no_capabilities(serving: Serving) -> None:
    async with serving() as app:
        assert (await app.ask("GET", "/v1/models")).json["data"] == []
        assert (await app.ask("GET", "/v1/models/capabilities")).json["models"] == []
        refused(await app.ask("POST", CHAT, chat_body()), 404, "model_not_found")


async def test_a_chat_is_answered_whole(serving: Serving, scripted: type[Scripted]) -> None:
    async with serving(scripted(models=["claude-sonnet-5-5"])) as app:
        answer = await app.ask("POST", CHAT, chat_body(model="gpt-4o", seed=1))
    assert answer.json["choices"][0]["message"]["content"] == "Hello"
    assert answer.header("x-gateway-model-remapped") == "gpt-4o -> claude-sonnet-5-5"
    assert answer.header("x-gateway-ignored-params") == "seed"


@pytest.mark.parametrize(("strict", "status"), [("true", 400), ("TRUE", 400), ("no", 200)])
async def test_a_strict_client_is_refused_what_would_be_ignored(
    serving: Serving, scripted: type[Scripted], strict: str, status: int
) -> None:
    async with serving(scripted()) as app:
        headers = {"x-gateway-strict": strict}
        answer = await app.ask("POST", CHAT, chat_body(model="m", seed=1), headers)
    assert answer.status == status
    if status == 400:
        refused(answer, 400, "unsupported_parameter", "seed")


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_the_clients_name_for_what_shares_a_cache_reaches_the_backend(
    serving: Serving, scripted: type[Scripted], path: str
) -> None:
    fake = scripted()
    async with serving(fake) as app:
        body = chat_body(model="m", input="Hi", prompt_cache_key="talk-1")
        assert (await app.ask("POST", path, body)).status == 200
    assert fake.asked[0].affinity == "talk-1"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_response_is_answered(
    serving: Serving, scripted: type[Scripted], stream: bool
) -> None:
    fake = scripted(models=["claude-sonnet-5-5"])
    async with serving(fake) as app:
        body = response_body(model="gpt-4o", truncation="auto", stream=stream)
        answer = await app.ask("POST", RESPONSES, body)
    assert answer.header("x-gateway-model-remapped") == "gpt-4o -> claude-sonnet-5-5"
    assert answer.header("x-gateway-ignored-params") == "truncation"
    assert b'"text":"Hello"' in answer.body
    assert (answer.header("content-type") or "").startswith("text/event-stream") == stream
    assert fake.asked[0].stream is stream
    assert re.search(rb'"id":"resp_[0-9a-f]{32}"', answer.body)


async def test_a_model_that_stands_in_is_not_shown_what_another_one_thought(
    serving: Serving, scripted: type[Scripted]
) -> None:
    fake = scripted([UpstreamError("Down")], scripted.saying("Hello"), models=["a", "b"])
    thought = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
    kept: object = {"type": "reasoning", "summary": [], "encrypted_content": packed([thought])}
    hi, so = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "So."}
    async with serving(fake, GATEWAY_FALLBACKS="a=b", GATEWAY_MAX_RETRIES="0") as app:
        body = {"model": "a", "input": [hi, kept, so, hi]}
        answer = await app.ask("POST", RESPONSES, body)
    assert answer.header("x-gateway-fallback") == "a -> b"
    first, second = (asked.messages[1]["content"] for asked in fake.asked)
    assert first == [thought, {"type": "text", "text": "So."}]
    assert second == "So."


@pytest.mark.parametrize("stream", [False, True])
async def test_a_native_request_goes_up_as_it_came(
    serving: Serving, completing: type[Completing], stream: bool
) -> None:
    fake = completing()
    body = b'{"model": "m",  "messages": [{"role":"user","content":"Hi"}], "max_tokens": 5, "stream": %b}'
    raw = body % (b"true" if stream else b"false")
    async with serving(fake) as app:
        headers = {**NATIVE, "anthropic-beta": "a,b", "x-other": "c"}
        assert (await app.ask("POST", MESSAGES, raw, headers)).status == 200
    (asked,) = fake.asked
    assert asked.raw == raw
    assert asked.headers == {**NATIVE, "anthropic-beta": "a,b"}
    assert asked.params.keys() == {"messages", "max_tokens"}
    assert asked.stream is stream


async def test_a_native_answer_comes_back_as_it_is(
    serving: Serving, completing: type[Completing]
) -> None:
    answer = Answer(b'{"id": "msg_1"}', {"id": "msg_1"}, {"request-id": "req_up", "x-up": "1"})
    async with serving(completing(answer)) as app:
        got = await app.ask("POST", MESSAGES, message_body(model="m"))
    assert got.body == b'{"id": "msg_1"}'
    assert got.header("x-up") == "1"
    assert got.header("request-id") == got.header("x-request-id") != "req_up"


async def test_a_native_request_by_another_name_is_renamed_and_told(
    serving: Serving, scripted: type[Scripted]
) -> None:
    fake = scripted(models=["claude-sonnet-5-5"])
    async with serving(fake) as app:
        answer = await app.ask("POST", MESSAGES, message_body(model="sonnet"))
    assert answer.json["content"] == [{"type": "text", "text": "Hello"}]
    assert answer.header("x-gateway-model-remapped") == "sonnet -> claude-sonnet-5-5"
    assert b'"claude-sonnet-5-5"' in (fake.asked[0].raw or b"")


async def test_tokens_are_counted_where_they_can_be(
    serving: Serving, scripted: type[Scripted], completing: type[Completing]
) -> None:
    counted = Answer(b"", {"input_tokens": 3})
    async with serving(completing(counted)) as app:
        assert (await app.ask("POST", COUNT, message_body(model="m"))).json == {"input_tokens": 3}
    async with serving(scripted()) as app:
        refused(await app.ask("POST", COUNT, message_body(model="m")), 400, "unsupported", "model")
