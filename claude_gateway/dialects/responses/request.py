"""A request of the Responses API, read and translated to the parameters of the Messages API.

What Claude does not have is accepted and listed in `ignored`, as in chat. What would change whose
conversation this is (a stored response, a prompt kept elsewhere) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.effort import summary
from claude_gateway.dialects.openai.formats import Shape, fitting, format_kind, loose
from claude_gateway.dialects.openai.params import Asked, Translated, limit, translated, unlike
from claude_gateway.dialects.openai.parts import AUDIO
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.responses.items import Exchange, Told, conversation, items
from claude_gateway.dialects.responses.searches import with_searches
from claude_gateway.types.models import ModelInfo

# OpenAI's own, without an equivalent here, and the values that ask for nothing special.
REPORTED: Mapping[str, Sequence[object]] = {
    "access_programs": (),
    "background": (False,),
    "background_options": (),
    "context_management": (),
    "image": (),
    "max_tool_calls": (),
    "moderation": (),
    "store": (False,),
    "top_logprobs": (0,),
    "truncation": ("disabled",),
}
REPORTED_INSIDE: Mapping[str, Mapping[str, Sequence[object]]] = {
    "reasoning": {"context": ("auto", "all_turns"), "mode": ("standard",)},
    "stream_options": {"include_obfuscation": (False,)},
    "text": {"verbosity": ("medium",)},
}
# What would stand for a part of the conversation, and is not kept here.
KEPT_ELSEWHERE: Mapping[str, str] = {
    "previous_response_id": "cannot be used: no response is stored here, so send the whole input",
    "conversation": "cannot be used: no conversation is stored here, so send the whole input",
    "prompt": "cannot be used: no prompt is stored here, so send instructions and input",
}
THINKING, SOURCES = "reasoning.encrypted_content", "web_search_call.action.sources"
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What does not depend on the model that will answer.

    `thinking` says whether the client keeps the model's thinking, to send it back, and `sources`
    whether it wants to know what a search found; `affinity` is its own name for what shares a cache.
    `fill_in` puts an error in the place of results of calls that are missing.
    """

    fields: Mapping[str, object]
    model: str | None
    stream: bool
    thinking: bool
    sources: bool = False
    affinity: str = ""
    fill_in: bool = False


def read(fields: Mapping[str, object], *, fill_in: bool = False) -> ResponseRequest:
    """Read what is needed before the model is known. Raises InvalidRequest naming the field."""
    for key, why in KEPT_ELSEWHERE.items():
        if fields.get(key) is not None:
            wrong(key, why, code="unsupported_parameter")
    _check_metadata(optional(fields, "metadata", dict) or {})
    included = _included(fields)
    return ResponseRequest(
        fields,
        optional(fields, "model", str),
        bool(optional(fields, "stream", bool)),
        THINKING in included,
        SOURCES in included,
        optional(fields, "prompt_cache_key", str) or "",
        fill_in,
    )


def translate(
    request: ResponseRequest,
    model: ModelInfo,
    history: Sequence[Exchange] = (),
    *,
    auto_cache: bool = False,
    thoughts: bool = True,
) -> Translated:
    """Translate for one model, with a `history` before what is said now.

    `auto_cache` sets cache breakpoints for clients that set none; without `thoughts` earlier
    thinking is left out, which only the model that thought it may read.
    """
    fields = request.fields
    talk = _talk(request, model, history, thoughts=thoughts)
    ignored = [*_unlike(fields), *talk.left_out]
    if talk.audio:
        ignored.append(AUDIO)
    reasoning = optional(fields, "reasoning", dict) or {}
    asked = Asked(
        with_searches(fields, ignored),
        talk,
        ignored,
        _shape(fields, ignored),
        limit(fields, "max_output_tokens"),
        (optional(reasoning, "effort", str, "reasoning."), "reasoning.effort"),
        flat_tools=True,
        show=_shows(reasoning),
    )
    return translated(asked, model, auto_cache=auto_cache)


def _talk(
    request: ResponseRequest, model: ModelInfo, history: Sequence[Exchange], *, thoughts: bool
) -> Conversation:
    fields = request.fields
    if fields.get("input") is None:
        wrong("input", "is required and must be a string or items", code="missing_field")
    told = Told(model.system_messages, thoughts, request.fill_in)
    instructions = optional(fields, "instructions", str)
    talk = conversation(items(fields["input"]), instructions, history, told)
    if not model.prefill and talk.messages[-1]["role"] == "assistant":
        wrong(
            "input",
            "must not end with the assistant: this model does not go on with what it began",
            code="unsupported_value",
        )
    return talk


def _unlike(fields: Mapping[str, object]) -> list[str]:
    """Name what asks for something that Claude does not have."""
    ignored = unlike(fields, REPORTED)
    for key, reported in REPORTED_INSIDE.items():
        ignored += [f"{key}.{name}" for name in unlike(optional(fields, key, dict) or {}, reported)]
    if not {THINKING, SOURCES}.issuperset(_included(fields)):
        ignored.append("include")
    return ignored


def _included(fields: Mapping[str, object]) -> list[str]:
    found = optional(fields, "include", list) or []
    return [expect(name, str, f"include[{i}]") for i, name in enumerate(found)]


def _shape(fields: Mapping[str, object], ignored: list[str]) -> Shape | None:
    asked = optional(optional(fields, "text", dict) or {}, "format", dict, "text.")
    if asked is None:
        return None
    if format_kind(asked, "text.format") != "json_schema":
        return loose(asked)
    required(asked, "name", str, "text.format.")
    optional(asked, "description", str, "text.format.")
    optional(asked, "strict", bool, "text.format.")
    return fitting(asked, "text.format", ignored, "text.format")


def _shows(reasoning: Mapping[str, object]) -> str:
    """Return the field that asks to see the reasoning, if one does."""
    asked = reasoning.get("summary")
    return summary({"summary": reasoning.get("generate_summary") if asked is None else asked})


def _check_metadata(pairs: Mapping[str, object]) -> None:
    if len(pairs) > MOST_PAIRS:
        wrong("metadata", f"must have at most {MOST_PAIRS} entries")
    for key, value in pairs.items():
        if len(key) > LONGEST_KEY:
            wrong("metadata", f"must have keys of at most {LONGEST_KEY} characters")
        if len(expect(value, str, f"metadata.{key}")) > LONGEST_VALUE:
            wrong(f"metadata.{key}", f"must have at most {LONGEST_VALUE} characters")
