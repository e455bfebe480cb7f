"""Upstream's list of models, in the gateway's words. What it leaves out is what is known anyway."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Literal, TypeAlias
from urllib.parse import quote

import orjson

from claude_gateway import ModelInfo, UpstreamError, describe_model
from claude_gateway_anthropic.failures import from_response
from claude_gateway_anthropic.transport import Transport

OK = 200
PATH = "/v1/models?limit=100"
MOST_PAGES = 50
UNKNOWN_DAY = date(1970, 1, 1)
Level: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high", "xhigh", "max")
Json: TypeAlias = Mapping[str, object]


async def list_models(transport: Transport, headers: Mapping[str, str]) -> list[ModelInfo]:
    """Read every page. Raises UpstreamError, or what upstream's refusal means."""
    found: list[ModelInfo] = []
    path = PATH
    for _ in range(MOST_PAGES):
        page = await _page(transport, path, headers)
        entries = page.get("data")
        models = [described(entry) for entry in entries] if isinstance(entries, list) else []
        found += [model for model in models if model is not None]
        last = page.get("last_id")
        if page.get("has_more") is not True or not isinstance(last, str):
            break
        path = f"{PATH}&after_id={quote(last, safe='')}"
    return found


def described(entry: object) -> ModelInfo | None:
    """Describe one entry; None if it is none, or of a model that cannot be called any more."""
    if not isinstance(entry, dict):
        return None
    id_ = _text(entry, "id")
    if not id_ or entry.get("lifecycle") == "retired":
        return None
    known = describe_model(id_)
    can = _part(entry, "capabilities")
    return replace(
        _thinking(_part(can, "thinking"), known),
        name=_text(entry, "display_name") or known.name,
        released=_day(entry, "created_at") or known.released,
        deprecated=_day(entry, "deprecated_at") or known.deprecated,
        retires=_day(entry, "retires_at") or known.retires,
        max_input_tokens=_count(entry, "max_input_tokens") or known.max_input_tokens,
        max_tokens=_count(entry, "max_tokens") or known.max_tokens,
        vision=_supported(can, "image_input", known.vision),
        structured_outputs=_supported(can, "structured_outputs", known.structured_outputs),
        efforts=_efforts(_part(can, "effort"), known),
    )


async def _page(transport: Transport, path: str, headers: Mapping[str, str]) -> Json:
    reply = await transport.send("GET", path, None, headers)
    try:
        body = await reply.read()
    finally:
        reply.close()
    if reply.status != OK:
        raise from_response(reply.status, body, reply.headers, own_key=False)
    with suppress(orjson.JSONDecodeError):
        page = orjson.loads(body)
        if isinstance(page, dict):
            return page
    raise UpstreamError("Anthropic's list of models is not a JSON object.")


def _thinking(can: Json, known: ModelInfo) -> ModelInfo:
    types = _part(can, "types")
    off = [kind for kind in ("disabled", "between_tools") if _supported(types, kind, False)]
    no_thinking = known.no_thinking
    if off:
        no_thinking = "disabled" if off[0] == "disabled" else "between_tools"
    thinking = known.thinking
    if can.get("supported") is False:
        thinking = "none"
    elif _supported(types, "adaptive", False):
        # An older list does not say whether thinking can be turned off.
        silent = "disabled" not in types and known.thinking in ("adaptive", "always")
        thinking = known.thinking if silent else "adaptive" if off else "always"
    elif _supported(types, "enabled", False):
        thinking = "manual"
    return replace(known, thinking=thinking, no_thinking=no_thinking)


def _efforts(can: Json, known: ModelInfo) -> tuple[Level, ...]:
    if not isinstance(can.get("supported"), bool):
        return known.efforts
    return tuple(level for level in LEVELS if _supported(can, level, False))


def _part(raw: Json, key: str) -> Json:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def _supported(raw: Json, key: str, default: bool) -> bool:
    value = _part(raw, key).get("supported")
    return value if isinstance(value, bool) else default


def _text(raw: Json, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _count(raw: Json, key: str) -> int:
    value = raw.get(key)
    return value if type(value) is int and value > 0 else 0


def _day(raw: Json, key: str) -> date | None:
    with suppress(ValueError):
        day = datetime.fromisoformat(_text(raw, key)).date()
        return None if day == UNKNOWN_DAY else day
    return None
