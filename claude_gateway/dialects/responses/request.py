"""A request of the Responses API, read and translated to the parameters of the Messages API.

What Claude does not have is accepted and listed in `ignored`, as in chat. A prompt that is kept
elsewhere is refused: it would change what the request says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.openai.effort import summary
from claude_gateway.dialects.openai.formats import Shape, fitting, format_kind, loose
from claude_gateway.dialects.openai.params import (
    Asked,
    Translated,
    Whole,
    limit,
    translated,
    unlike,
)
from claude_gateway.dialects.openai.parts import AUDIO
from claude_gateway.dialects.openai.toolbox import NO_OWN
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.responses.items import Told, conversation, items
from claude_gateway.dialects.responses.searches import with_searches
from claude_gateway.dialects.session_fields import an_id
from claude_gateway.types.models import ModelInfo

# OpenAI's own, without an equivalent here, and the values that ask for nothing special.
REPORTED: Mapping[str, Sequence[object]] = {
    "access_programs": (),
    "background_options": (),
    "context_management": (),
    "image": (),
    "max_tool_calls": (),
    "moderation": (),
    "top_logprobs": (0,),
    "truncation": ("disabled",),
}
REPORTED_INSIDE: Mapping[str, Mapping[str, Sequence[object]]] = {
    "reasoning": {"context": ("auto", "all_turns"), "mode": ("standard",)},
    "stream_options": {"include_obfuscation": (False,)},
    "text": {"verbosity": ("medium",)},
}
THINKING, SOURCES = "reasoning.encrypted_content", "web_search_call.action.sources"
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What does not depend on the model that will answer.

    `thinking` says whether the client keeps the model's thinking, to send it back, and `sources`
    whether it wants to know what a search found; `affinity` is its own name for what shares a cache.
    `fill_in` puts an error in the place of results of calls that are missing. `previous` is the
    response, `conversation` the session, that the request goes on with.
    """

    fields: Mapping[str, object]
    model: str | None
    stream: bool
    thinking: bool
    sources: bool = False
    affinity: str = ""
    fill_in: bool = False
    store: bool = True
    background: bool = False
    previous: str | None = None
    conversation: str | None = None


def read(fields: Mapping[str, object], *, fill_in: bool = False) -> ResponseRequest:
    """Read what is needed before the model is known. Raises InvalidRequest naming the field."""
    if fields.get("prompt") is not None:
        wrong(
            "prompt",
            "cannot be used: no prompt is stored here, so send instructions and input",
            code="unsupported_parameter",
        )
    _check_metadata(optional(fields, "metadata", dict) or {})
    included = _included(fields)
    background = bool(optional(fields, "background", bool))
    store = optional(fields, "store", bool) is not False
    before = _before(fields)
    if not store and (background or any(before)):
        wrong(
            "store",
            "must not be false with background, previous_response_id or conversation: such a "
            "response is part of what is stored",
            code="unsupported_value",
        )
    return ResponseRequest(
        fields,
        optional(fields, "model", str),
        bool(optional(fields, "stream", bool)),
        THINKING in included,
        SOURCES in included,
        optional(fields, "prompt_cache_key", str) or "",
        fill_in,
        store,
        background,
        *before,
    )


def brings_results_alone(fields: Mapping[str, object]) -> bool:
    """Whether a request answers calls of a stored history, without repeating it."""
    given = fields.get("input")
    items_ = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    kinds = {item.get("type") for item in items_}
    return "function_call_output" in kinds and "function_call" not in kinds


def translate(  # noqa: PLR0913  # what is asked, whom, and what is known besides
    request: ResponseRequest,
    model: ModelInfo,
    *,
    auto_cache: bool = False,
    thoughts: bool = True,
    whole: Whole | None = None,
    own: Sequence[Mapping[str, object]] = NO_OWN,
) -> Translated:
    """Translate for one model.

    `auto_cache` sets cache breakpoints for clients that set none; without `thoughts` earlier
    thinking is left out, which only the model that thought it may read. `whole` is the conversation
    when the request's own items are not all of it, `own` are tools that the gateway runs.
    """
    fields = request.fields
    talk = whole.talk if whole is not None else talk_of(request, model, thoughts=thoughts)
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
        joins=whole is not None,
        past_tools=whole.tools if whole is not None else (),
        own=own,
    )
    return translated(asked, model, auto_cache=auto_cache)


def talk_of(
    request: ResponseRequest,
    model: ModelInfo,
    open_calls: Sequence[str] = (),
    *,
    thoughts: bool = True,
) -> Conversation:
    """Read the items. Raises InvalidRequest naming the one that is wrong.

    `open_calls` are the ids of calls that an earlier response made.
    """
    fields = request.fields
    if fields.get("input") is None:
        wrong("input", "is required and must be a string or items", code="missing_field")
    told = Told(model.system_messages, thoughts, request.fill_in)
    instructions = optional(fields, "instructions", str)
    talk = conversation(items(fields["input"]), instructions, told, open_calls)
    if not model.prefill and talk.messages[-1]["role"] == "assistant":
        wrong(
            "input",
            "must not end with the assistant: this model does not go on with what it began",
            code="unsupported_value",
        )
    return talk


def _before(fields: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Return the response, or the conversation, that the request goes on with."""
    previous, given = optional(fields, "previous_response_id", str), fields.get("conversation")
    if isinstance(given, dict):
        given = required(given, "id", str, "conversation.")
    conversation_id = an_id({"conversation": given}, "conversation")
    if previous and conversation_id:
        wrong("conversation", "and previous_response_id cannot both be given")
    return previous or None, conversation_id


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
