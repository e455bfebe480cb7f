"""The tools of a request, the choice among them, and the names they go by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from claude_gateway.dialects.fields import optional
from claude_gateway.dialects.openai.formats import promised
from claude_gateway.dialects.openai.names import renamed, upstream_name
from claude_gateway.dialects.openai.tools import allowed, choice, stand_ins, tools
from claude_gateway.types.models import ModelInfo


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What goes upstream, and the client's names by upstream's where those differ.

    `words` ask for a call from a model that does not let itself be forced. `own` are the names of those
    that are the gateway's; `left_out` are those of its tools that had to give way to the client's.
    """

    params: Mapping[str, object]
    names: Mapping[str, str]
    words: str = ""
    own: frozenset[str] = frozenset()
    left_out: Sequence[str] = ()


NO_OWN: Sequence[Mapping[str, object]] = ()
NO_TOOLS = Toolbox({}, {})


def toolbox(  # noqa: PLR0913  # what is asked, whom, and what is known besides
    fields: Mapping[str, object],
    model: ModelInfo,
    called: Iterable[str],
    ignored: list[str],
    *,
    flat: bool = False,
    own: Sequence[Mapping[str, object]] = NO_OWN,
) -> Toolbox:
    """Translate everything about tools; `called` are the names in the history.

    `flat` says how functions are declared, see `tools`. `own` are tools of the gateway's, as they go
    upstream; where the client has one of the same name, the client's is meant.
    """
    declared = tools(optional(fields, "tools", list) or [], flat=flat)
    theirs = {upstream_name(str(tool["name"])) for tool in declared}
    left_out = [str(tool["name"]) for tool in own if tool["name"] in theirs]
    mine = {str(tool["name"]): tool for tool in own if tool["name"] not in theirs}
    declared += [{**tool} for tool in mine.values()]
    offered, asked = allowed(declared, fields.get("tool_choice"), flat=flat)
    offered = [_promised(tool, model, ignored) for tool in offered]
    chosen = choice(asked, offered, flat=flat)
    one_at_a_time = optional(fields, "parallel_tool_calls", bool) is False
    if not offered:
        # A history with calls needs the tools that were called, or upstream refuses it.
        past = [_sent(tool) for tool in stand_ins(called)]
        params = {"tools": past, "tool_choice": {"type": "none"}} if past else {}
        return Toolbox(params, renamed(called), left_out=left_out)
    words = ""
    if not model.forced_tool_choice and chosen["type"] in ("any", "tool"):
        ignored.append("tool_choice")
        words = _asked_for(chosen)
        chosen = {"type": "auto"}
    if one_at_a_time and chosen["type"] != "none":
        chosen["disable_parallel_tool_use"] = True
    known = [str(tool["name"]) for tool in offered]
    sent: dict[str, object] = {"tools": [_sent(tool, mine) for tool in offered]}
    if chosen != {"type": "auto"} or asked is not None:
        sent["tool_choice"] = _sent(chosen, mine)
    names = renamed([*called, *(name for name in known if name not in mine)])
    return Toolbox(sent, names, words, frozenset(mine).intersection(known), left_out)


def _promised(tool: dict[str, object], model: ModelInfo, ignored: list[str]) -> dict[str, object]:
    """Keep `strict` where upstream can promise it, with the schema as upstream understands it."""
    schema = tool.get("input_schema")
    if not tool.get("strict") or not isinstance(schema, dict):
        return tool
    kept = promised(schema) if model.structured_outputs else None
    if kept is not None:
        return {**tool, "input_schema": kept}
    if "strict" not in ignored:
        ignored.append("strict")
    return {key: value for key, value in tool.items() if key != "strict"}


def _asked_for(chosen: Mapping[str, object]) -> str:
    if chosen["type"] == "any":
        return "Do not answer in words: call one of the tools."
    return f"Do not answer in words: call the tool {upstream_name(str(chosen['name']))}."


def _sent(named: Mapping[str, object], mine: Collection[str] = ()) -> dict[str, object]:
    """Return a tool, or a choice of one, by the name that upstream knows it by: `mine` as they are."""
    if named.get("name") in mine:
        return {**named}
    return {**named, "name": upstream_name(str(named["name"]))} if "name" in named else {**named}
