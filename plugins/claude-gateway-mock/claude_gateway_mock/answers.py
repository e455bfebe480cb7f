"""What the mock does for a request: the script it is given, or an answer of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from claude_gateway import InvalidRequest, ModelRequest
from claude_gateway_mock.fields import ScriptError
from claude_gateway_mock.library import canned
from claude_gateway_mock.prompts import conversation, count, encodable, results_of, text_of
from claude_gateway_mock.scripts import Rule, Turn, find_script, matching, read_json
from claude_gateway_mock.steps import CallTool, Charge, Say, StopWith

LONGEST_QUOTE = 200
_TOOL = re.compile(r"!tool (\S+)\s*(\{.*\})?\s*", re.DOTALL)


def answer(request: ModelRequest, rules: Sequence[Rule] = ()) -> Turn:
    """Decide what to do. The same request always gets the same answer."""
    messages = conversation(request)
    scripted = _scripted(messages, rules)
    if scripted is not None:
        return scripted
    content = next((m.get("content") for m in reversed(messages) if m.get("role") == "user"), "")
    if results := results_of(content):
        quotes = " and ".join(map(_quote, results))
        return _limited(f"This is the demo backend. The tool answered {quotes}.", request)
    text = text_of(content)
    if (call := _TOOL.fullmatch(text)) is not None:
        return (CallTool(call[1], _input(call[2] or "{}")),)
    if (known := canned(text)) is not None:
        usage = {"input_tokens": known.input_tokens, "output_tokens": known.output_tokens}
        return (Charge(usage), *_limited(known.text, request))
    said = f"You said {_quote(text)}." if text.strip() else "Your message has no text."
    return _limited(f"This is the demo backend; no model was asked. {said}", request)


def _scripted(messages: Sequence[Mapping[str, object]], rules: Sequence[Rule]) -> Turn | None:
    """Look for the script of the exchange that is going on.

    An exchange begins with something the user says; results of tools continue it. Every answer
    since then has played one turn.
    """
    answered = 0
    for message in reversed(messages):
        if message.get("role") == "assistant":
            answered += 1
            continue
        text = text_of(message.get("content"))
        begins = not results_of(message.get("content"))
        script = find_script(text) or (matching(rules, text) if begins else None)
        if script is not None:
            return script[answered] if answered < len(script) else None
        if begins:
            return None
    return None


def _limited(text: str, request: ModelRequest) -> Turn:
    """Say `text` as far as `max_tokens` and `stop_sequences` let it."""
    limit = request.max_tokens
    too_long = 0 < limit < count(text)
    if too_long:
        text = text[: 4 * limit]
    places = [(at, stop) for stop in _stops(request) if (at := text.find(stop)) >= 0]
    if places:
        at, stop = min(places)
        return (*_said(text[:at]), StopWith("stop_sequence", stop))
    if too_long:
        return (*_said(text), StopWith("max_tokens"))
    return (Say(text),)


def _said(text: str) -> Turn:
    """Say what is left of a text, and charge for no more than that."""
    charge = Charge({"output_tokens": count(text)})
    return (Say(text), charge) if text else (charge,)


def _stops(request: ModelRequest) -> list[str]:
    stops = request.params.get("stop_sequences")
    return [s for s in stops if isinstance(s, str) and s] if isinstance(stops, list) else []


def _input(raw: str) -> Mapping[str, object]:
    try:
        called_with = read_json(raw)
    except ScriptError as exc:
        raise InvalidRequest(
            f"The input of the tool to call is wrong: {exc}.", param="messages"
        ) from exc
    # It begins with a brace, so whatever JSON this is, it is an object.
    return cast("Mapping[str, object]", called_with)


def _quote(text: str) -> str:
    text = encodable(text)
    short = text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"
    return f"“{short}”"
