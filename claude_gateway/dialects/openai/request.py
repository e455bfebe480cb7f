"""A chat request, read and translated to the parameters of the Messages API.

Parameters that Claude does not have are accepted and listed in `ignored`, so that the caller can be
told; nothing is sent upstream that the client did not ask for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.caching import keep_prefixes
from claude_gateway.dialects.openai.effort import effort
from claude_gateway.dialects.openai.formats import Shape, output_format
from claude_gateway.dialects.openai.messages import conversation
from claude_gateway.dialects.openai.parts import AUDIO
from claude_gateway.dialects.openai.toolbox import Toolbox, toolbox
from claude_gateway.types.models import ModelInfo

MOST_STOPS = 4

# OpenAI's own, without an equivalent here. Any other unknown field is ignored in silence, as
# OpenAI's clients expect of extensions.
REPORTED: Mapping[str, Sequence[object]] = {  # and the values that ask for nothing special
    "seed": (),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": (),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "verbosity": ("medium",),
    "web_search_options": (),
    "store": (False,),
    "metadata": (),
    "functions": (),
    "function_call": ("none", "auto"),
}
NOTHING: Sequence[object] = (None, [], {})


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What does not depend on the model that will answer.

    `affinity` is the client's own name for what shares a cache; OpenAI routes by it, too.
    """

    fields: Mapping[str, object]
    model: str | None
    stream: bool
    include_usage: bool
    affinity: str = ""


@dataclass(frozen=True, slots=True)
class Translated:
    """Parameters for the Messages API, and the client's parameters that have no place in it.

    `tool_names` holds the client's names of tools by upstream's, where upstream takes others;
    `shape` is what the text of the answer must fit, if anything.
    """

    params: dict[str, object]
    ignored: tuple[str, ...]
    tool_names: Mapping[str, str] = field(default_factory=dict)
    shape: Shape | None = None


TOOL_FIELDS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
NO_TOOLS = Toolbox({}, {})


def read(fields: Mapping[str, object]) -> ChatRequest:
    """Read what is needed before the model is known. Raises InvalidRequest naming the field."""
    options = optional(fields, "stream_options", dict) or {}
    count = optional(fields, "n", int)
    if count not in (None, 1):
        wrong("n", "must be 1: Claude gives one answer to a request", code="unsupported_value")
    return ChatRequest(
        fields,
        optional(fields, "model", str),
        bool(optional(fields, "stream", bool)),
        bool(optional(options, "include_usage", bool, "stream_options.")),
        optional(fields, "prompt_cache_key", str) or "",
    )


def translate(request: ChatRequest, model: ModelInfo, *, auto_cache: bool = False) -> Translated:
    """Translate for one model. Raises InvalidRequest naming the field that is wrong.

    `auto_cache` sets cache breakpoints for clients that set none.
    """
    fields = request.fields
    talk = conversation(
        required(fields, "messages", list),
        optional(fields, "system_prompt", str),
        system_messages=model.system_messages,
    )
    ignored = _unknown_here(fields)
    if talk.audio:
        ignored.append(AUDIO)
    shape = output_format(fields, ignored)
    if shape and shape.words:
        talk.system.append({"type": "text", "text": shape.words})
    about_tools = talk.tool_names or not TOOL_FIELDS.isdisjoint(fields)
    box = toolbox(fields, model, talk.tool_names, ignored) if about_tools else NO_TOOLS
    params: dict[str, object] = {"max_tokens": _max_tokens(fields, model)}
    if talk.system:
        params["system"] = talk.system
    params["messages"] = talk.messages
    if stops := _stops(fields):
        params["stop_sequences"] = stops
    params |= _sampling(fields, model, ignored)
    params |= box.params
    params |= _user(fields)
    params |= _tier(fields, ignored)
    params |= _output(shape, effort(fields, model, params, ignored))
    keep_prefixes(params, fields, auto=auto_cache)
    if box.words:  # after the last breakpoint, for the next request will not say it again
        _remind(params, talk.messages, box.words)
    return Translated(params, tuple(sorted(ignored)), box.names, shape)


def _remind(params: dict[str, object], messages: list[dict[str, object]], words: str) -> None:
    """Say something at the very end, where it changes no prefix that may be cached."""
    last, said = messages[-1], {"type": "text", "text": words}
    if last["role"] == "assistant":
        system = params.get("system")
        params["system"] = [*(system if isinstance(system, list) else ()), said]
        return
    content = last["content"]
    before = content if isinstance(content, list) else [{"type": "text", "text": content}]
    messages[-1] = {**last, "content": [*before, said]}


def _unknown_here(fields: Mapping[str, object]) -> list[str]:
    """Name OpenAI's parameters that ask for something which Claude does not have."""
    return [
        key
        for key, value in fields.items()
        if key in REPORTED and value not in NOTHING and value not in REPORTED[key]
    ]


def _max_tokens(fields: Mapping[str, object], model: ModelInfo) -> int:
    limits = []
    for key in ("max_completion_tokens", "max_tokens"):
        asked = optional(fields, key, int)
        if asked is not None:
            if asked < 1:
                wrong(key, "must be at least 1")
            limits.append(asked)
    return min(limits[0], model.max_tokens) if limits else model.max_tokens


def _user(fields: Mapping[str, object]) -> dict[str, object]:
    """Name the user upstream by a digest: their name is nobody's business there."""
    names = [optional(fields, key, str) for key in ("safety_identifier", "user")]
    user = names[0] or names[1]
    return {"metadata": {"user_id": hashlib.sha256(user.encode()).hexdigest()}} if user else {}


def _stops(fields: Mapping[str, object]) -> list[str]:
    stop = fields.get("stop")
    if stop is None:
        return []
    stops = [stop] if isinstance(stop, str) else expect(stop, list, "stop")
    if len(stops) > MOST_STOPS:
        wrong("stop", f"must have at most {MOST_STOPS} entries")
    return [text for i, text in enumerate(stops) if expect(text, str, f"stop[{i}]").strip()]


def _sampling(
    fields: Mapping[str, object], model: ModelInfo, ignored: list[str]
) -> dict[str, object]:
    """Pass temperature or top_p on, never both and never to a model that refuses them."""
    sampling: dict[str, object] = {}
    for key, most in (("temperature", 2), ("top_p", 1)):
        value = optional(fields, key, float)
        if value is None:
            continue
        if not 0 <= value <= most:
            wrong(key, f"must be between 0 and {most}")
        if not model.sampling or sampling:
            ignored.append(key)
        else:
            sampling[key] = min(value, 1)
    return sampling


def _tier(fields: Mapping[str, object], ignored: list[str]) -> dict[str, object]:
    asked = optional(fields, "service_tier", str)
    tiers = {"auto": "auto", "default": "standard_only"}
    if asked is None:
        return {}
    if asked not in tiers:
        ignored.append("service_tier")
        return {}
    return {"service_tier": tiers[asked]}


def _output(shape: Shape | None, asked: dict[str, object]) -> dict[str, object]:
    """Say what shape the answer must have beside how much to think, which is `asked`."""
    if shape is None or shape.format is None:
        return asked
    level = asked.get("output_config")
    config = {**level, "format": shape.format} if isinstance(level, dict) else {}
    return {**asked, "output_config": config or {"format": shape.format}}
