"""A chat request, read and translated to the parameters of the Messages API.

Parameters that Claude does not have are accepted and listed in `ignored`, so that the caller can be
told; nothing is sent upstream that the client did not ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.effort import summary
from claude_gateway.dialects.openai.formats import output_format
from claude_gateway.dialects.openai.messages import conversation
from claude_gateway.dialects.openai.params import (
    Asked,
    Translated,
    Whole,
    limit,
    plainly,
    translated,
    unlike,
)
from claude_gateway.dialects.openai.parts import AUDIO
from claude_gateway.dialects.openai.toolbox import NO_OWN
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.types.models import ModelInfo

MOST_STOPS = 4
LIMITS = ("max_completion_tokens", "max_tokens")
# What asks for nothing that changes how an answer is asked for; many a request says no more.
USUAL = frozenset({"model", "messages", "stream", "stream_options", "system_prompt", *LIMITS})
BESIDES = frozenset({"n", "prompt_cache_key", "stream_options"})
THINKING = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})

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
    "moderation": (),
    "audio": (),
    "prediction": (),
    "verbosity": ("medium",),
    "web_search_options": (),
    "store": (False,),
    "metadata": (),
    "functions": (),
    "function_call": ("none", "auto"),
}


@dataclass(slots=True)  # not frozen: one is made for each request, at a fifth of the price
class ChatRequest:
    """What does not depend on the model that will answer.

    `affinity` is the client's own name for what shares a cache; OpenAI routes by it, too. `fill_in`
    puts an error in the place of results of calls that are missing. `events` asks for frames about what
    the gateway does, `pads` for frames whose sizes tell nothing.
    """

    fields: Mapping[str, object]
    model: str | None
    stream: bool
    include_usage: bool = False
    affinity: str = ""
    fill_in: bool = False
    events: bool = False
    pads: bool = False


def read(fields: Mapping[str, object], *, fill_in: bool = False) -> ChatRequest:
    """Read what is needed before the model is known. Raises InvalidRequest naming the field."""
    model, stream = optional(fields, "model", str), bool(optional(fields, "stream", bool))
    asked = ChatRequest(fields, model, stream, fill_in=fill_in)
    if not BESIDES.isdisjoint(fields):
        _read_besides(asked, fields)
    return asked


def _read_besides(asked: ChatRequest, fields: Mapping[str, object]) -> None:
    count = optional(fields, "n", int)
    if count not in (None, 1):
        wrong("n", "must be 1: Claude gives one answer to a request", code="unsupported_value")
    asked.affinity = optional(fields, "prompt_cache_key", str) or ""
    if options := optional(fields, "stream_options", dict):
        path = "stream_options."
        asked.include_usage = bool(optional(options, "include_usage", bool, path))
        asked.events = bool(optional(options, "include_events", bool, path))
        asked.pads = bool(optional(options, "include_obfuscation", bool, path))


def talk_of(request: ChatRequest, model: ModelInfo, open_calls: Sequence[str] = ()) -> Conversation:
    """Read the messages. Raises InvalidRequest naming the one that is wrong.

    `open_calls` are the ids of calls that an earlier request's answer made.
    """
    messages = required(request.fields, "messages", list)
    talk = conversation(
        messages,
        optional(request.fields, "system_prompt", str),
        system_messages=model.system_messages,
        open_calls=open_calls,
        fill_in=request.fill_in,
    )
    if not model.prefill and talk.messages[-1]["role"] == "assistant":
        wrong(
            f"messages[{len(messages) - 1}].role",
            "must not be assistant: this model does not go on with what the assistant began",
            code="unsupported_value",
        )
    return talk


def translate(
    request: ChatRequest,
    model: ModelInfo,
    *,
    auto_cache: bool = False,
    whole: Whole | None = None,
    own: Sequence[Mapping[str, object]] = NO_OWN,
) -> Translated:
    """Translate for one model. Raises InvalidRequest naming the field that is wrong.

    `auto_cache` sets cache breakpoints for clients that set none. `whole` is the conversation when
    the request's own messages are not all of it, `own` are tools that the gateway runs.
    """
    fields = request.fields
    talk = whole.talk if whole is not None else talk_of(request, model)
    if talk.plain and whole is None and not (own or auto_cache) and fields.keys() <= USUAL:
        return plainly(talk, limit(fields, *LIMITS), model)
    ignored = [*unlike(fields, REPORTED), *talk.left_out]
    if talk.audio:
        ignored.append(AUDIO)
    effort, show = _thinking(fields)
    asked = Asked(
        fields,
        talk,
        ignored,
        output_format(fields, ignored),
        limit(fields, *LIMITS),
        effort,
        _stops(fields, ignored),
        joins=whole is not None,
        past_tools=whole.tools if whole is not None else (),
        show=show,
        own=own,
    )
    return translated(asked, model, auto_cache=auto_cache)


def _thinking(fields: Mapping[str, object]) -> tuple[tuple[str | None, str], str]:
    """Return the level of effort with its field, and the field that asks to see the reasoning."""
    if THINKING.isdisjoint(fields):
        return (None, ""), ""
    reasoning = optional(fields, "reasoning", dict) or {}
    seen = optional(fields, "include_reasoning", bool)
    shown_by = summary(reasoning) or ("include_reasoning" if seen else "")
    return _effort(fields, reasoning), shown_by


def _effort(
    fields: Mapping[str, object], reasoning: Mapping[str, object]
) -> tuple[str | None, str]:
    """Return the level that is asked for, and the field: OpenAI's for chats, or its newer one."""
    asked = optional(fields, "reasoning_effort", str)
    if asked is not None:
        return asked, "reasoning_effort"
    return optional(reasoning, "effort", str, "reasoning."), "reasoning.effort"


def _stops(fields: Mapping[str, object], ignored: list[str]) -> list[str]:
    """Return what ends the answer; upstream takes nothing blank, as a line break is."""
    stop = fields.get("stop")
    if stop is None:
        return []
    stops = [stop] if isinstance(stop, str) else expect(stop, list, "stop", also="a string or ")
    if len(stops) > MOST_STOPS:
        wrong("stop", f"must have at most {MOST_STOPS} entries")
    taken = [text for i, text in enumerate(stops) if expect(text, str, f"stop[{i}]").strip()]
    if len(taken) < sum(text != "" for text in stops):
        ignored.append("stop")
    return taken
