"""Scripts: turns made of steps, found in a message or in the rules of a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from claude_gateway import InvalidRequest
from claude_gateway_mock.fields import Fields, ScriptError
from claude_gateway_mock.steps import Step, parse_step

Turn: TypeAlias = tuple[Step, ...]
Script: TypeAlias = tuple[Turn, ...]

FENCE = "```"
_OPENING = re.compile(r"^[ \t]*```mock\b\s*", re.MULTILINE)
_BARE = re.compile(r'\s*\{\s*"mock"\s*:')


@dataclass(frozen=True, slots=True)
class Rule:
    """Plays `script` when `match` is found in the user's text."""

    match: re.Pattern[str]
    script: Script


def script(*steps: Mapping[str, object], turns: Iterable[object] = ()) -> str:
    """Write a message that carries a script: the steps of one turn, or whole turns."""
    value = {"turns": list(turns)} if turns else list(steps)
    return f"{FENCE}mock\n{json.dumps(value, ensure_ascii=False)}\n{FENCE}"


def find_script(text: str) -> Script | None:
    """Read the script that a message carries, if it carries one.

    Raises InvalidRequest when there is one that cannot be read.
    """
    try:
        if (fence := _OPENING.search(text)) is not None:
            raw, end = _decode(text, fence.end())
            if not text[end:].lstrip().startswith(FENCE):
                raise ScriptError("after the JSON comes something other than the closing fence")
        elif _BARE.match(text) is not None:
            raw = read_json(text)
        else:
            return None
        return parse_script(raw)
    except ScriptError as exc:
        raise InvalidRequest(
            f"The script for the mock backend is wrong: {exc}.", param="messages"
        ) from exc


def parse_script(raw: object) -> Script:
    """Read `[step, …]`, `{"mock": …}` or `{"turns": [[step, …], …]}`, already decoded."""
    if isinstance(raw, Mapping) and "mock" in raw:
        Fields(raw, {"mock"})
        raw = raw["mock"]
    if not isinstance(raw, Mapping):
        return (_turn(raw, ""),)
    Fields(raw, {"turns"})
    turns = raw.get("turns")
    if not isinstance(turns, list) or not turns:
        raise ScriptError("'turns' must be a list of lists of steps")
    return tuple(_turn(turn, f"turn {n}, ") for n, turn in enumerate(turns, 1))


def parse_rules(raw: object) -> tuple[Rule, ...]:
    """Read a list of `{"match": …, "steps": […]}` or `{"match": …, "turns": […]}`."""
    if not isinstance(raw, list):
        raise ScriptError("rules are a list of objects")
    return tuple(_rule(rule, n) for n, rule in enumerate(raw, 1))


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read the file of MOCK_SCRIPT. Raises ValueError naming the file and the rule."""
    try:
        return parse_rules(read_json(path.read_text("utf-8-sig")))
    except OSError as exc:
        raise ValueError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ValueError(f"{path}: {exc}") from exc


def matching(rules: Sequence[Rule], text: str) -> Script | None:
    """Return the script of the first rule that fits."""
    return next((rule.script for rule in rules if rule.match.search(text)), None)


def read_json(text: str) -> object:
    """Decode JSON that UTF-8 and JSON can carry again. Raises ScriptError for anything else."""
    value, end = _decode(text, len(text) - len(text.lstrip()))
    if text[end:].strip():
        raise ScriptError("after the JSON comes something else")
    return value


def _rule(raw: object, number: int) -> Rule:
    try:
        if not isinstance(raw, Mapping):
            raise ScriptError("a rule is an object")
        fields = Fields(raw, {"match", "steps", "turns"})
        if ("steps" in fields) == ("turns" in fields):
            raise ScriptError("a rule has either 'steps' or 'turns'")
        found = raw["steps"] if "steps" in fields else {"turns": raw["turns"]}
        return Rule(re.compile(fields.text("match")), parse_script(found))
    except re.error as exc:
        raise ScriptError(f"rule {number}: 'match' is no regular expression: {exc}") from exc
    except ScriptError as exc:
        raise ScriptError(f"rule {number}: {exc}") from exc


def _turn(raw: object, place: str) -> Turn:
    if not isinstance(raw, list):
        raise ScriptError(f"{place}steps are a list, not {type(raw).__name__}")
    steps: list[Step] = []
    for number, step in enumerate(raw, 1):
        try:
            steps.append(parse_step(step))
        except ScriptError as exc:
            raise ScriptError(f"{place}step {number}: {exc}") from exc
    return tuple(steps)


def _decode(text: str, start: int) -> tuple[object, int]:
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ScriptError("it has half a surrogate pair, which no UTF-8 can carry") from None
    except ValueError as exc:
        raise ScriptError(f"it is not JSON: {exc}") from exc
    except RecursionError:
        raise ScriptError("it is nested too deeply") from None
    return value, end
