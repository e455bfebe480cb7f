"""A turn that stopped between two calls of the model, made again from what was kept of it.

What the model has said is told once more, as if it came now: whoever follows the events (the joiner, a
dialect's encoder) is then in the state in which it was left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway.backends import Backend
from claude_gateway.engine.joining import Joiner
from claude_gateway.engine.rounds import Turn
from claude_gateway.engine.tally import mapping
from claude_gateway.types.events import (
    BlockStart,
    BlockStop,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
)
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run
from claude_gateway.types.secrets import Secret

SPELLED = "\0spelled"
BEGUN = frozenset({"id", "type", "role", "model"})  # what a message has from its start on


def kept(turn: Turn) -> dict[str, object]:
    """Return what a turn needs to go on, as JSON. A key that the caller brought is not in it."""
    request, before, said = turn.request, *turn.told
    return {
        "model": request.model,
        "params": {**request.params, "messages": []},
        "headers": {**request.headers},
        "affinity": request.affinity,
        "binds_thinking": request.binds_thinking,
        "may_forget": request.may_forget,
        "before": _spelled([*before]),
        "said": _spelled([*said]),
        "exact": turn.exact,
        "answers": _spelled([*turn.messages]),
    }


def restored(state: Mapping[str, object], run: Run, backend: Backend, key: Secret | None) -> Turn:
    """Return the turn of which `kept` made the state."""
    before, said, answers = (_list(_raw(state[name])) for name in ("before", "said", "answers"))
    request = ModelRequest(
        str(state["model"]),
        {**mapping(state["params"]), "messages": before},
        headers={k: str(v) for k, v in mapping(state["headers"]).items()},
        upstream_key=key,
        affinity=str(state["affinity"]),
        binds_thinking=bool(state["binds_thinking"]),
        may_forget=bool(state["may_forget"]),
    )
    turn = Turn(run)
    turn.asked(backend, request)
    for message in answers:
        turn.heard(Answer(b"", message), exact=bool(state["exact"]))
    turn.goes_on_after(said)
    return turn


def replayed(turn: Turn) -> tuple[Joiner, list[Event]]:
    """Return a joiner that has heard all rounds, and what the client may have seen of them."""
    joiner, seen = Joiner(), list[Event]()
    for number, message in enumerate(turn.messages):
        if number:
            joiner.next_round()
        seen += joiner.feed(_events(message))
    return joiner, seen


def _events(message: Mapping[str, object]) -> Sequence[Event]:
    content, usage = _list(message.get("content")), mapping(message.get("usage"))
    blocks = [mapping(block) for block in content]
    begun = {k: v for k, v in message.items() if k in BEGUN}
    ending = {k: v for k, v in message.items() if k not in (*BEGUN, "content", "usage")}
    return [
        MessageStart({**begun, "content": [], "usage": usage}),
        *(e for i, block in enumerate(blocks) for e in (BlockStart(i, block), BlockStop(i))),
        MessageDelta(ending, usage),
        MessageStop(),
    ]


def _spelled(value: object) -> object:
    """Return JSON in which what is spelled in its own way is told as text, so that it stays so."""
    match value:
        case RawJson(text):
            return {SPELLED: text}
        case dict():
            return {key: _spelled(part) for key, part in value.items()}
        case list():
            return [_spelled(part) for part in value]
        case _:
            return value


def _raw(value: object) -> object:
    """Return what `_spelled` wrote, as it was."""
    match value:
        case {"\0spelled": str(text)}:
            RawJson.parse(text)  # somebody else may have used this key: it must be JSON at least
            return RawJson(text)
        case dict():
            return {key: _raw(part) for key, part in value.items()}
        case list():
            return [_raw(part) for part in value]
        case _:
            return value


def _list(value: object) -> list[Mapping[str, object]]:
    return value if isinstance(value, list) else []
