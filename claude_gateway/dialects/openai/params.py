"""Parameters of the Messages API, from what a request asks for in either of OpenAI's APIs.

Nothing is sent upstream that the client did not ask for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from claude_gateway.dialects.fields import optional, wrong
from claude_gateway.dialects.openai.caching import NAMES as CACHING
from claude_gateway.dialects.openai.caching import keep_prefixes
from claude_gateway.dialects.openai.effort import effort, shown
from claude_gateway.dialects.openai.formats import Shape, in_words
from claude_gateway.dialects.openai.toolbox import NO_OWN, NO_TOOLS, Toolbox, toolbox
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.visible import NOBODYS, Owned, owned
from claude_gateway.types.models import ModelInfo

NOTHING: Sequence[object] = (None, [], {})
# Fields that become parameters by themselves.
NAMED = frozenset({"temperature", "top_p", "user", "safety_identifier", "service_tier"})
TOOL_FIELDS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})


@dataclass(slots=True)  # not frozen: one is made for each request, at a fifth of the price
class Asked:
    """What the APIs say each in its own way.

    `fields` are read for what both call the same; `effort` is the level and the name it goes by,
    `show` the name of what asks to see the reasoning,
    `ignored` are the client's parameters that have no place upstream. A request that `joins` a
    conversation must leave its beginning as it is; `past_tools` are what was called in it. `own` are
    tools that the gateway runs.
    """

    fields: Mapping[str, object]
    talk: Conversation
    ignored: list[str]
    shape: Shape | None
    limit: int | None
    effort: tuple[str | None, str]
    stops: Sequence[str] = ()
    flat_tools: bool = False
    joins: bool = False
    past_tools: Sequence[object] = ()
    show: str = ""
    own: Sequence[Mapping[str, object]] = NO_OWN


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole conversation that a request joins, and the tools called in it, as they were sent."""

    talk: Conversation
    tools: Sequence[object] = ()


@dataclass(slots=True)  # not frozen, as Asked
class Translated:
    """Parameters for the Messages API, and the client's parameters that have no place in it.

    `tool_names` holds the client's names of tools by upstream's, where upstream takes others;
    `shape` is what the text of the answer must fit, if anything. `words` are wishes that only words
    can express; they are in `params` unless the request joins a conversation, which must keep them.
    `own` are the names of tools that the gateway runs, `left_out` those that gave way to the client's.
    `open_ended` is whether the client did not say how long the answer may be.
    """

    params: dict[str, object]
    ignored: tuple[str, ...]
    tool_names: Mapping[str, str] = field(default_factory=dict)
    shape: Shape | None = None
    words: str = ""
    own: frozenset[str] = frozenset()
    left_out: Sequence[str] = ()
    open_ended: bool = False

    @property
    def owned(self) -> Owned:
        """Names of tools whose calls are the gateway's to answer."""
        return owned(self.own, self.params.get("tools")) if self.own else NOBODYS


def translated(asked: Asked, model: ModelInfo, *, auto_cache: bool) -> Translated:
    """Put the parameters together for one model.

    `auto_cache` sets cache breakpoints for clients that set none.
    """
    fields, talk, ignored, shape = asked.fields, asked.talk, asked.ignored, asked.shape
    if shape and shape.format and (not model.structured_outputs or _cites(talk.messages)):
        shape = in_words(shape, ignored)
    box = _box(asked, model)
    words = _wishes(asked, shape, box) if shape is not None or box.words else ""
    most = model.max_tokens
    params: dict[str, object] = {"max_tokens": min(asked.limit or most, most)}
    if talk.system:
        params["system"] = talk.system
    params["messages"] = talk.messages
    if asked.stops:
        params["stop_sequences"] = asked.stops
    if not NAMED.isdisjoint(fields):
        params |= _named(fields, model, ignored)
    if box is not NO_TOOLS or asked.past_tools:
        params |= _tools(box, asked.past_tools)
    params |= _output(asked, shape, model, params)
    if auto_cache or not CACHING.isdisjoint(fields) or _may_be_marked(asked, box):
        keep_prefixes(params, fields, auto=auto_cache)
    if words and not asked.joins:  # after the last breakpoint: the next request won't say it again
        _remind(params, talk.messages, words)
    told = tuple(sorted(ignored)) if ignored else ()
    open_ended = asked.limit is None
    return Translated(params, told, box.names, shape, words, box.own, box.left_out, open_ended)


def plainly(talk: Conversation, limit: int | None, model: ModelInfo) -> Translated:
    """As `translated`, for a plain conversation, and a request that asks for nothing but its answer."""
    most = model.max_tokens
    params: dict[str, object] = {"max_tokens": most if limit is None else min(limit, most)}
    if talk.system:
        params["system"] = talk.system
    params["messages"] = talk.messages
    return Translated(params, (), open_ended=limit is None)


def unlike(fields: Mapping[str, object], reported: Mapping[str, Sequence[object]]) -> list[str]:
    """Name the parameters that ask for something which Claude does not have.

    `reported` holds them, each with the values that ask for nothing special.
    """
    if reported.keys().isdisjoint(fields):  # nearly always
        return []
    return [
        key
        for key, value in fields.items()
        if key in reported and value not in NOTHING and value not in reported[key]
    ]


def limit(fields: Mapping[str, object], *names: str) -> int | None:
    """Return how many tokens the answer may have: the first of these fields that says so."""
    limits = []
    for name in names:
        asked = optional(fields, name, int) if name in fields else None
        if asked is not None:
            if asked < 1:
                wrong(name, "must be at least 1")
            limits.append(asked)
    return limits[0] if limits else None


def _box(asked: Asked, model: ModelInfo) -> Toolbox:
    called = asked.talk.tool_names
    if not called and not asked.own and TOOL_FIELDS.isdisjoint(asked.fields):
        return NO_TOOLS
    flat = asked.flat_tools
    return toolbox(asked.fields, model, called, asked.ignored, flat=flat, own=asked.own)


def _wishes(asked: Asked, shape: Shape | None, box: Toolbox) -> str:
    """Return in words what can be asked for in no other way, unless the system's text says it."""
    of_shape = shape.words if shape is not None else ""
    if of_shape and not asked.joins:
        asked.talk.system.append({"type": "text", "text": of_shape})
        of_shape = ""
    return "\n".join(filter(None, (of_shape, box.words)))


def _may_be_marked(asked: Asked, box: Toolbox) -> bool:
    """Whether there may be cache breakpoints: in messages, in tools, or in what was said before."""
    return not asked.talk.plain or asked.joins or box is not NO_TOOLS


def _tools(box: Toolbox, past: Sequence[object]) -> Mapping[str, object]:
    """Without tools a history with calls would be refused; then those that were called are shown."""
    if past and "tools" not in box.params:
        return {"tools": list(past), "tool_choice": {"type": "none"}}
    return box.params


def _cites(messages: Sequence[Mapping[str, object]]) -> bool:
    """Whether documents are to be cited; upstream promises no format to such an answer."""
    contents = [message["content"] for message in messages]
    blocks = [b for content in contents if isinstance(content, list) for b in content]
    citations = [block.get("citations") for block in blocks]
    return any(isinstance(asked, dict) and asked.get("enabled") for asked in citations)


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


def _named(
    fields: Mapping[str, object], model: ModelInfo, ignored: list[str]
) -> Mapping[str, object]:
    """Return what fields become parameters by themselves; most requests have none of them."""
    if NAMED.isdisjoint(fields):
        return {}
    return {**_sampling(fields, model, ignored), **_user(fields), **_tier(fields, ignored)}


def _user(fields: Mapping[str, object]) -> dict[str, object]:
    """Name the user upstream by a digest: their name is nobody's business there."""
    names = [optional(fields, key, str) for key in ("safety_identifier", "user")]
    user = names[0] or names[1]
    return {"metadata": {"user_id": hashlib.sha256(user.encode()).hexdigest()}} if user else {}


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


def _output(
    asked: Asked, shape: Shape | None, model: ModelInfo, params: Mapping[str, object]
) -> dict[str, object]:
    """Say how much to think, and what shape the answer must have; `params` are the others."""
    level, name = asked.effort
    if level is None and shape is None and not asked.show:
        return {}
    thinking = effort(level, name, model, params, asked.ignored)
    thinking = shown(asked.show, thinking, model, params, asked.ignored)
    if shape is None or shape.format is None:
        return thinking
    config = thinking.get("output_config")
    config = {**config, "format": shape.format} if isinstance(config, dict) else {}
    return {**thinking, "output_config": config or {"format": shape.format}}
