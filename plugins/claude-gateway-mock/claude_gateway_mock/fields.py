"""Reading a JSON object field by field, with phrases that say what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class ScriptError(ValueError):
    """A script that cannot be played. The message is a phrase that fits behind a place."""


class Fields:
    """The fields of one object."""

    def __init__(self, raw: Mapping[str, object], known: Collection[str]) -> None:
        """Raise ScriptError for a field that is not `known`: a typing error changes the play."""
        for name in raw:
            if name not in known:
                raise ScriptError(f"{name!r} does not belong beside {', '.join(sorted(known))}")
        self._raw = raw

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def text(self, name: str, default: str | None = None) -> str:
        value = self._raw.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return value

    def mapping(
        self, name: str, default: Mapping[str, object] | None = None
    ) -> Mapping[str, object]:
        value = self._raw.get(name, default)
        if not isinstance(value, Mapping):
            raise self._wrong(name, "an object")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        value = self._raw.get(name)
        # JSON's true is a number to Python; and NaN is within no bounds.
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._wrong(name, f"a number from {low} to {high}")
        if not low <= value <= high:
            raise self._wrong(name, f"a number from {low} to {high}")
        return float(value)

    def whole(self, name: str, low: int, high: int) -> int:
        value = self._raw.get(name)
        if type(value) is not int or not low <= value <= high:
            raise self._wrong(name, f"a whole number from {low} to {high}")
        return value

    def true(self, name: str) -> None:
        """Check a field that is only there to be true."""
        if self._raw.get(name) is not True:
            raise self._wrong(name, "true")

    def _wrong(self, name: str, wanted: str) -> ScriptError:
        if name not in self._raw:
            return ScriptError(f"{name!r} is missing; it must be {wanted}")
        return ScriptError(f"{name!r} must be {wanted}, not {self._raw[name]!r:.80}")
