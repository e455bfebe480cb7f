"""The few words of JSON Schema that the shapes of bodies are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

Shape: TypeAlias = Mapping[str, object]

ANYTHING: Shape = {}
OBJECT: Shape = {"type": "object"}
TEXT: Shape = {"type": "string"}
FLAG: Shape = {"type": "boolean"}
NUMBER: Shape = {"type": "number"}
COUNT: Shape = {"type": "integer", "minimum": 0}
MOMENT: Shape = {"type": "string", "format": "date-time"}
DAY: Shape = {"type": "string", "format": "date"}
DOLLARS: Shape = {"type": ["number", "null"], "description": "US dollars; null if nobody knows."}
NOT_BLANK = r"\S"


def ref(name: str) -> Shape:
    """Refer to another shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def string(most: int | None = None, *, blank: bool = True, **more: object) -> Shape:
    """Text of at most so many characters; where it must not be `blank` there is something to read."""
    return {
        "type": "string",
        **({} if most is None else {"maxLength": most}),
        **({} if blank else {"minLength": 1, "pattern": NOT_BLANK}),
        **more,
    }


def one_of(words: Collection[str], **more: object) -> Shape:
    """One of these words."""
    return {"type": "string", "enum": list(words), **more}


def whole(low: int, high: int | None = None, **more: object) -> Shape:
    """A whole number in bounds."""
    bounds = {"minimum": low} if high is None else {"minimum": low, "maximum": high}
    return {"type": "integer", **bounds, **more}


def array(of: Shape, **more: object) -> Shape:
    """As many of these as there are."""
    return {"type": "array", "items": of, **more}


def mapping(of: Shape, **more: object) -> Shape:
    """An object with any names in it, and a value of this kind at each."""
    return {"type": "object", "additionalProperties": of, **more}


def maybe(shape: Shape) -> Shape:
    """Allow null as well."""
    kind = shape.get("type")
    if kind == "null":
        return shape
    if not isinstance(kind, str):
        return {"anyOf": [shape, {"type": "null"}]}
    words = shape.get("enum")
    also = {"enum": [*words, None]} if isinstance(words, list) else {}
    return {**shape, "type": [kind, "null"], **also}


def asked(needs: Collection[str] = (), /, *, rules: Shape = ANYTHING, **fields: Shape) -> Shape:
    """What a client sends: what is not needed may be absent or null; unknown fields are ignored.

    `rules` are what fields must keep to together.
    """
    said = {key: shape if key in needs else maybe(shape) for key, shape in fields.items()}
    required = {"required": sorted(needs)} if needs else {}
    return {"type": "object", "properties": said, **required, **rules}


def told(seldom: Collection[str] = (), /, **fields: Shape) -> Shape:
    """What a client gets: everything but what is `seldom` there is always there."""
    required = [key for key in fields if key not in seldom]
    return {"type": "object", "properties": fields, "required": required}


def page(name: str, of: Shape, /, **more: Shape) -> Shape:
    """A window of a list."""
    return told((), **{name: array(of)}, total=COUNT, limit=COUNT, offset=COUNT, **more)
