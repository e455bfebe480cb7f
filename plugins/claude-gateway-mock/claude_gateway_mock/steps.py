"""What the mock can be told to do: the steps of one answer, and how JSON becomes steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from claude_gateway_mock.failures import STATUSES
from claude_gateway_mock.fields import Fields, ScriptError

LONGEST_STALL = 3600
LONGEST_PACE_MS = 60_000
MOST_REPEATS = 1_000_000
MOST_CHARACTERS = 16_000_000
SIGNATURE = "bW9jaw=="


@dataclass(frozen=True, slots=True)
class Say:
    """Text, word by word; or, with `times`, the same delta over and over."""

    text: str
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Think:
    """A thinking block."""

    text: str
    signature: str = SIGNATURE


@dataclass(frozen=True, slots=True)
class CallTool:
    """A tool call. Without an id it gets one that depends on the request."""

    name: str
    input: Mapping[str, object] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True, slots=True)
class Show:
    """A content block of any kind, whole."""

    block: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SayPing:
    """A ping."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence. Before everything else it delays the first byte."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Time between deltas from here on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Charge:
    """Counts to report instead of the mock's own; kept exactly as given."""

    usage: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StopWith:
    """How the message ends, instead of `end_turn` or `tool_use`."""

    reason: str
    sequence: str | None = None
    details: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """Trouble: before the first byte when nothing was said yet, else in mid-stream."""

    status: int
    message: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The stream breaks off."""


Step: TypeAlias = (
    Say | Think | CallTool | Show | SayPing | Stall | Pace | Charge | StopWith | Fail | Cut
)


def parse_step(raw: object) -> Step:
    """Read one step. Raises ScriptError with a phrase that says what is wrong."""
    if not isinstance(raw, Mapping):
        raise ScriptError(f"a step is an object, not {type(raw).__name__}")
    kinds = [kind for kind in _KINDS if kind in raw]
    if len(kinds) != 1:
        found = " and ".join(kinds) or ", ".join(map(str, raw)) or "nothing"
        raise ScriptError(f"a step has one of {', '.join(_KINDS)}; this one has {found}")
    make, also = _KINDS[kinds[0]]
    return make(Fields(raw, {kinds[0], *also}))


def _say(step: Fields) -> Step:
    times = step.whole("repeat", 0, MOST_REPEATS) if "repeat" in step else None
    text = step.text("text")
    if times is not None and times * len(text) > MOST_CHARACTERS:
        raise ScriptError(f"'repeat' makes more than {MOST_CHARACTERS} characters")
    return Say(text, times)


def _think(step: Fields) -> Step:
    return Think(step.text("think"), step.text("signature", SIGNATURE))


def _call(step: Fields) -> Step:
    return CallTool(step.text("tool"), step.mapping("input", {}), step.text("id", ""))


def _show(step: Fields) -> Step:
    block = step.mapping("block")
    Fields(block, set(block)).text("type")
    return Show(block)


def _ping(step: Fields) -> Step:
    step.true("ping")
    return SayPing()


def _stall(step: Fields) -> Step:
    return Stall(step.number("stall", 0, LONGEST_STALL))


def _pace(step: Fields) -> Step:
    return Pace(step.number("pace", 0, LONGEST_PACE_MS) / 1000)


def _charge(step: Fields) -> Step:
    return Charge(step.mapping("usage"))


def _stop(step: Fields) -> Step:
    sequence = step.text("sequence", "") or None
    return StopWith(step.text("stop"), sequence, step.mapping("details", {}) or None)


def _fail(step: Fields) -> Step:
    how = Fields(step.mapping("fail"), {"status", "message", "retry_after"})
    status = how.whole("status", 400, 599)
    if status not in STATUSES:
        raise ScriptError(f"'status' must be one of {', '.join(map(str, STATUSES))}, not {status}")
    retry_after = how.number("retry_after", 0, LONGEST_STALL) if "retry_after" in how else None
    return Fail(status, how.text("message", ""), retry_after)


def _cut(step: Fields) -> Step:
    step.true("cut")
    return Cut()


# What makes a step of its kind, and the fields it may have besides.
_KINDS: Mapping[str, tuple[Callable[[Fields], Step], tuple[str, ...]]] = {
    "text": (_say, ("repeat",)),
    "think": (_think, ("signature",)),
    "tool": (_call, ("input", "id")),
    "block": (_show, ()),
    "ping": (_ping, ()),
    "stall": (_stall, ()),
    "pace": (_pace, ()),
    "usage": (_charge, ()),
    "stop": (_stop, ("sequence", "details")),
    "fail": (_fail, ()),
    "cut": (_cut, ()),
}
