"""What requests ask for, read from their parameters. What is wrong is an InvalidRequest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.dialects.fields import expect, optional, passed_on, required, wrong
from claude_gateway.types.watching import CARRIED, decent


@dataclass(frozen=True, slots=True)
class AskedTool:
    """A call of a tool."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AskedPrompt:
    """A prompt and what it is filled in with."""

    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AskedCompletion:
    """What is being typed. One of `prompt` and `uri_template` says where, as it is called here."""

    prompt: str
    uri_template: str
    argument: str
    value: str
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The lists whose changes somebody wants to hear of."""

    tools: bool = True
    prompts: bool = True
    resources: bool = True


def read_call(params: Mapping[str, object]) -> AskedTool:
    """Read `tools/call`."""
    return AskedTool(required(params, "name", str), passed_on(params, "arguments") or {})


def carried(params: Mapping[str, object]) -> Mapping[str, str]:
    """Return what a message carries along in its `_meta`; what is no decent text is left out."""
    meta = params.get("_meta")
    if not isinstance(meta, Mapping):
        return {}
    given = {name: meta.get(name) for name in CARRIED}
    return {
        name: value for name, value in given.items() if isinstance(value, str) and decent(value)
    }


def read_uri(params: Mapping[str, object]) -> str:
    """Read `resources/read`."""
    return required(params, "uri", str)


def read_prompt(params: Mapping[str, object]) -> AskedPrompt:
    """Read `prompts/get`."""
    return AskedPrompt(required(params, "name", str), _texts(params, "arguments"))


def read_completion(params: Mapping[str, object]) -> AskedCompletion:
    """Read `completion/complete`."""
    ref, argument = required(params, "ref", dict), required(params, "argument", dict)
    kind = required(ref, "type", str, "ref.")
    if kind not in ("ref/prompt", "ref/resource"):
        wrong("ref.type", "must be ref/prompt or ref/resource")
    is_prompt = kind == "ref/prompt"
    context = optional(params, "context", dict) or {}
    return AskedCompletion(
        required(ref, "name", str, "ref.") if is_prompt else "",
        "" if is_prompt else required(ref, "uri", str, "ref."),
        required(argument, "name", str, "argument."),
        required(argument, "value", str, "argument."),
        _texts(context, "arguments", "context."),
    )


def read_wanted(params: Mapping[str, object]) -> Wanted:
    """Read `subscriptions/listen`: nothing is told that was not asked for."""
    asked = required(params, "notifications", dict)

    def wants(key: str) -> bool:
        return optional(asked, f"{key}ListChanged", bool, "notifications.") or False

    return Wanted(wants("tools"), wants("prompts"), wants("resources"))


def _texts(values: Mapping[str, object], key: str, path: str = "") -> dict[str, str]:
    found = optional(values, key, dict, path) or {}
    return {name: expect(text, str, f"{path}{key}.{name}") for name, text in found.items()}
