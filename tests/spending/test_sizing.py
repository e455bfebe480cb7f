"""How many tokens a prompt can have, and what a call can cost, at the most."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from claude_gateway import ModelInfo, ModelRequest, Price, RawJson, Usage, shipped_models
from claude_gateway.models.cost import cost_of
from claude_gateway.models.dearest import dearest
from claude_gateway.spending.sizing import ADDED, IMAGE, prompt_tokens

WINDOW = 200_000
MODEL = ModelInfo("m", max_input_tokens=WINDOW)
TODAY = date(2026, 11, 1)
FACTORS = {"inference_geo": {"us": 1.1, "global": 1}, "service_tier": {"batch": 0.5}}


def asking(*content: object, **params: object) -> ModelRequest:
    return ModelRequest("m", {"messages": [{"role": "user", "content": [*content]}], **params})


def size(*content: object, **params: object) -> int:
    return prompt_tokens(asking(*content, **params), MODEL)


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def media(kind: str, **source: object) -> dict[str, object]:
    return {"type": kind, "source": source}


NOTHING = size(text(""))


@pytest.mark.parametrize(
    "words", ["Hello", "x" * 10_000, "Grüße 你好 👋", "\ud800", "0123456789" * 99]
)
def test_text_is_a_token_for_every_two_bytes(words: str) -> None:
    length = len(words.encode(errors="surrogatepass"))
    assert size(text(words)) - NOTHING == pytest.approx(length / 2, abs=1)
    assert NOTHING >= ADDED


def test_it_counts_wherever_it_stands() -> None:
    words = "word " * 1000
    for params in (
        {"system": words},
        {"system": [text(words)]},
        {"tools": [{"name": "t", "description": words, "input_schema": {"type": "object"}}]},
        {"tools": [{"name": "t", "input_schema": {"properties": {words: {"type": "string"}}}}]},
    ):
        assert size(text(""), **params) >= NOTHING + 2500
    result = {"type": "tool_result", "tool_use_id": "t", "content": [text(words)]}
    called = {"type": "tool_use", "id": "t", "name": "n", "input": {"deep": [{"er": words}]}}
    exact = {"type": "tool_use", "id": "t", "name": "n", "input": RawJson("1." + "0" * 5000)}
    for block in (result, called, exact):
        assert size(block) >= NOTHING + 2500


def test_images_are_not_their_bytes_and_the_same_behind_a_link() -> None:
    large = media("image", type="base64", media_type="image/png", data="A" * 10**6)
    linked = media("image", type="url", url="https://example.org/cat.png")
    for image in (large, linked, {"type": "tool_result", "content": [large]}):
        assert IMAGE - 10 <= size(image) - NOTHING <= IMAGE + 50


def test_a_document_is_more_than_its_bytes_and_behind_a_link_all_that_fits() -> None:
    pdf = media("document", type="base64", media_type="application/pdf", data="A" * 50_000)
    plain = media("document", type="text", media_type="text/plain", data="A" * 50_000)
    assert size(pdf) >= 50_000
    assert size(plain) == pytest.approx(25_000, abs=ADDED + 100)
    for source in ({"type": "url", "url": "https://example.org"}, {"type": "file", "file_id": "f"}):
        assert size(media("document", **source)) >= WINDOW


@pytest.mark.parametrize(
    "params",
    [
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"mcp_servers": [{"type": "url", "url": "https://example.org", "name": "x"}]},
    ],
)
def test_what_upstreams_own_tools_find_may_be_all_that_fits(params: dict[str, object]) -> None:
    assert size(text("Hi"), **params) >= WINDOW


def test_depth_does_no_harm() -> None:
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]
    assert size({"type": "tool_use", "input": deep}) > 100_000


# --- rates


@pytest.mark.parametrize("model", shipped_models(), ids=lambda model: model.id)
def test_t30_no_use_of_a_model_costs_more_than_what_is_reserved(model: ModelInfo) -> None:
    for prompt in (1, 50_000, 100_001, 900_000):
        rates = dearest(model, TODAY, prompt, FACTORS)
        if rates is None:
            assert not model.tariff(TODAY)
            continue
        most = rates.dollars(prompt, 1000)
        for used in (
            Usage(input_tokens=prompt, output_tokens=1000),
            Usage(0, 1000, prompt, 0, 0, prompt, 0),
            Usage(0, 1000, prompt, 0, 0, 0, prompt, inference_geo="us"),
            Usage(0, 1000, 0, prompt, inference_geo="us"),
            Usage(prompt // 2, 10, prompt // 2),
        ):
            cost = cost_of(model, used, TODAY, FACTORS).dollars
            assert cost is None or cost <= most, (prompt, used)


def test_a_tier_counts_once_the_prompt_may_reach_it() -> None:
    tiers = (Price(1, 5), Price(2, 7, above=1000))
    model = replace(MODEL, prices=tiers)
    assert dearest(model, TODAY, 1000, {}) == (Decimal(1), Decimal(5))
    assert dearest(model, TODAY, 1001, {}) == (Decimal(2), Decimal(7))
    assert dearest(MODEL, TODAY, 1000, {}) is None
    later = replace(MODEL, price=Price(1, 5, since=date(2027, 1, 1)))
    assert dearest(later, TODAY, 1000, {}) is None
