"""Typed settings, read once.

A setting is a key: `settings[PORT]` is an `int`, to the type checker as well. Names, defaults and
help live here and in the plugins; `.env.example` and docs/settings.md are generated from them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar, cast

from claude_gateway.errors import SettingsError
from claude_gateway.types.secrets import Secret

MOST_WORKERS = 64

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, eq=False)
class Setting(Generic[T_co]):
    """One environment variable: its name, how its text becomes a value, its default and its help.

    `parse` raises ValueError with a phrase that fits behind "NAME: ". `example` is shown in
    `.env.example`; `section` groups the generated pages.
    """

    name: str
    parse: Callable[[str], T_co]
    default: T_co
    help: str
    section: str = "Gateway"
    example: str = ""

    @property
    def secret(self) -> bool:
        """Whether the value must not be shown."""
        return self.parse in (secret, secrets, api_key, api_keys)


def text(raw: str) -> str:
    """Any text."""
    return raw


def secret(raw: str) -> Secret:
    """A secret; visible ASCII only, because it travels in a header."""
    if not all("!" <= char <= "~" for char in raw):
        raise ValueError("has blanks or other characters that a key cannot have")
    return Secret(raw)


def api_key(raw: str) -> Secret:
    """A key of Anthropic's API."""
    if not raw.startswith("sk-ant-"):
        raise ValueError("an Anthropic API key begins with sk-ant-")
    return secret(raw)


def api_keys(raw: str) -> tuple[Secret, ...]:
    """Keys of Anthropic's API, separated by commas."""
    found = tuple(dict.fromkeys(api_key(part) for part in words(raw)))
    if not found:
        raise ValueError("wants at least one key")
    return found


def secrets(raw: str) -> tuple[Secret, ...]:
    """Secrets, separated by commas."""
    return tuple(secret(part) for part in words(raw))


def words(raw: str) -> tuple[str, ...]:
    """Words, separated by commas."""
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def chains(raw: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Chains such as `a=b,c;*=d`: for each name, others in order."""
    found: list[tuple[str, tuple[str, ...]]] = []
    mistakes: list[str] = []
    for part in filter(str.strip, raw.split(";")):
        name, _, others = part.partition("=")
        if not name.strip() or not words(others):
            mistakes.append(f"wants chains such as model=other,another and not {part.strip()!r}")
        found.append((name.strip(), words(others)))
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return tuple(found)


def origins(raw: str) -> tuple[str, ...]:
    """Origins (scheme://host[:port]) separated by commas, or *."""
    found = words(raw)
    for origin in found:
        if origin != "*" and not re.fullmatch(r"[A-Za-z][\w+.-]*://[^\s/?#@]+", origin):
            raise ValueError(f"wants origins such as https://app.example.org, not {origin!r}")
    if not found:
        raise ValueError("wants at least one origin, or *")
    return found


def hosts(raw: str) -> tuple[str, ...]:
    """Host names separated by commas, without scheme or port."""
    found = words(raw)
    for name in found:
        if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", name):
            raise ValueError(f"wants names such as gateway.example.org, not {name!r}")
    return found


def networks(raw: str) -> tuple[Network, ...]:
    """Networks or single addresses, separated by commas."""
    found: list[Network] = []
    for part in words(raw):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError:
            raise ValueError(f"wants networks such as 10.0.0.0/8, not {part!r}") from None
    return tuple(found)


def places(raw: str) -> tuple[Network | str, ...]:
    """Networks, addresses or host names (in small letters), separated by commas."""
    found: list[Network | str] = []
    for part in words(raw):
        looks_numeric = "/" in part or ":" in part or part.replace(".", "").isdigit()
        found += networks(part) if looks_numeric else (name.lower() for name in hosts(part))
    return tuple(found)


def flag(raw: str) -> bool:
    """Yes or no."""
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    try:
        return known[raw.strip().lower()]
    except KeyError:
        raise ValueError(f"wants true or false, not {raw!r}") from None


def path(raw: str) -> Path:
    """A file or folder; `~` is the home folder."""
    if "\0" in raw:
        raise ValueError("has a NUL byte")
    return _at_home(Path(raw))


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse(raw: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", raw.strip()) or not low <= int(raw) <= high:
            raise ValueError(f"wants a whole number from {low} to {high}, not {raw!r}")
        return int(raw)

    return parse


def workers(raw: str) -> int:
    """A number of processes; 0 and `auto` are as many as there are processors for this one."""
    if raw.strip().lower() in ("auto", "0"):
        return min(_processors(), MOST_WORKERS)
    try:
        return whole(1, MOST_WORKERS)(raw)
    except ValueError:
        wanted = f"wants a whole number from 0 to {MOST_WORKERS}, or auto"
        raise ValueError(f"{wanted}, not {raw!r}") from None


def _processors() -> int:
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def dollars(raw: str) -> Decimal:
    """An amount of US dollars."""
    try:
        value = Decimal(raw.strip())
    except InvalidOperation:
        value = Decimal("nan")
    if not (value.is_finite() and value >= 0):
        raise ValueError(f"wants an amount such as 0.50, not {raw!r}")
    return value


def seconds(low: float, high: float) -> Callable[[str], float]:
    """Return a parser of durations in seconds from `low` to `high`."""

    def parse(raw: str) -> float:
        try:
            value = float(raw)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"wants seconds from {low:g} to {high:g}, not {raw!r}")
        return value

    return parse


def one_of(*choices: str, any_case: bool = False) -> Callable[[str], str]:
    """Return a parser that accepts only `choices`; in capitals as well, where any case will do."""

    def parse(raw: str) -> str:
        value = raw.lower() if any_case else raw
        if value not in choices:
            raise ValueError(f"wants one of {', '.join(choices)}, not {raw!r}")
        return value

    return parse


class Settings:
    """The values of one start, by key.

    `worker` is the number of this process among `workers` that serve together: 0 of 1 where there is one.
    """

    __slots__ = ("_environment", "_given", "_values", "worker", "workers")

    def __init__(
        self,
        values: Mapping[Setting[object], object],
        given: frozenset[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._values = values
        self._given = given
        self._environment = environment or {}
        self.worker = 0
        self.workers = 1

    def __getitem__(self, key: Setting[T]) -> T:
        return cast("T", self._values.get(cast("Setting[object]", key), key.default))

    def __iter__(self) -> Iterator[Setting[object]]:
        return iter(self._values)

    def given(self, key: Setting[T]) -> bool:
        """Whether somebody set it, rather than leaving the default."""
        return key.name in self._given

    @property
    def environment(self) -> Mapping[str, str]:
        """All variables that settings were read from, for files that name some. Never to be shown."""
        return self._environment

    def of_worker(self, index: int, count: int) -> Settings:
        """Return the same for one worker of several."""
        same = Settings(self._values, self._given, self._environment)
        same.worker, same.workers = index, count
        return same

    @classmethod
    def read(cls, environment: Mapping[str, str], known: Iterable[Setting[object]]) -> Settings:
        """Read every known setting, or raise one SettingsError with all mistakes.

        A variable that is present but empty counts as not set, as in `PORT= make run`.
        """
        values: dict[Setting[object], object] = {}
        given: set[str] = set()
        mistakes: list[str] = []
        for key in known:
            raw = environment.get(key.name, "").strip()
            default = key.default
            try:
                if raw:
                    values[key] = key.parse(raw)
                    given.add(key.name)
                else:
                    values[key] = _at_home(default) if isinstance(default, Path) else default
            except ValueError as exc:
                mistakes.append(f"{key.name}: {_without(raw, str(exc)) if key.secret else exc}")
        if mistakes:
            raise SettingsError(mistakes)
        return cls(values, frozenset(given), environment)


def _at_home(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder for {str(value)!r}") from None


def _without(value: str, message: str) -> str:
    return message.replace(value, "***")
