"""Prompts of tool servers, and what fits into their arguments, as the Model Context Protocol has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PromptArgument:
    """What a prompt is filled in with: always a text."""

    name: str
    description: str = ""
    required: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that a server keeps for people to start from."""

    name: str
    description: str = ""
    title: str = ""
    arguments: Sequence[PromptArgument] = ()


@dataclass(frozen=True, slots=True)
class PromptResult:
    """A prompt, filled in. `messages` are MCP's: each has a `role` and a `content` block."""

    messages: Sequence[Mapping[str, object]]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An argument that somebody is typing: of a prompt, or a variable of a resource's template.

    One of `prompt` and `uri_template` says whose it is. `others` are the arguments that are known.
    """

    argument: str
    value: str
    prompt: str = ""
    uri_template: str = ""
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What the argument may become, the likeliest first, 100 at most.

    `total` is how many there are, None where nobody knows; `more` says that these are not all.
    """

    values: Sequence[str] = ()
    total: int | None = None
    more: bool = False
