"""Shapes of keys and users."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.resources import budgets, keys
from claude_gateway.dialects.resources.reading import MOST_NAMES
from claude_gateway.dialects.session_fields import DISCONNECT
from claude_gateway.dialects.shapes.common import NAMES
from claude_gateway.dialects.shapes.words import (
    FLAG,
    MOMENT,
    TEXT,
    Shape,
    array,
    asked,
    maybe,
    one_of,
    page,
    ref,
    string,
    told,
    whole,
)
from claude_gateway.types.budgets import MOST_DOLLARS, PERIODS
from claude_gateway.types.principals import SCOPES

EXPIRES: Shape = {
    "type": "string",
    "anyOf": [
        {"const": "never"},
        {"pattern": r"^(?=.*[1-9])(?:[0-9]{1,6}[smhd]|[0-9]{1,5}w)$"},
        {"format": "date-time"},
    ],
    "description": "A span such as 12h, 90d or 8w, a time to come, or never.",
}
BUDGET: Shape = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": MOST_DOLLARS},
        {
            "type": "string",
            "pattern": f"^(?:{budgets.FIGURE.pattern})(?:/(?:{'|'.join(PERIODS)}))?$",
            "examples": ["5/day"],
        },
    ],
    "description": "US dollars: in all, or by day or month.",
}
COUNTS: Mapping[str, Shape] = {name: whole(1, keys.MOST) for name in keys.COUNTS}
NAME = string(keys.LONGEST_NAME, blank=False)
FIELDS: Mapping[str, Shape] = {
    "name": NAME,
    "scopes": array(one_of(SCOPES), minItems=1, maxItems=MOST_NAMES),
    **dict.fromkeys(keys.SETS, NAMES),
    "profile": NAME,
    "on_disconnect": one_of(DISCONNECT),
    "expires": EXPIRES,
    **COUNTS,
    "budget": BUDGET,
}
KEY: Mapping[str, Shape] = {
    "id": TEXT,
    "name": TEXT,
    "hint": TEXT,
    "user": maybe(TEXT),
    "status": one_of(["active", "expired", "revoked"]),
    "scopes": array(one_of(SCOPES)),
    **{name: maybe(array(TEXT)) for name in keys.SETS},
    "profile": maybe(TEXT),
    "on_disconnect": maybe(one_of(DISCONNECT)),
    **{name: maybe(whole(1)) for name in keys.COUNTS},
    "budget": {
        "type": ["number", "string", "null"],
        "description": "US dollars: a number in all, or a text such as 5/day.",
    },
    "created_at": MOMENT,
    "expires_at": maybe(MOMENT),
    "revoked_at": maybe(MOMENT),
    "last_used_at": maybe(MOMENT),
}

SHAPES: Mapping[str, Shape] = {
    "NewKey": asked({"name"}, **FIELDS, user=string(keys.LONGEST_USER, blank=False)),
    # A name cannot be taken back.
    "KeyChanges": {
        **asked((), **FIELDS),
        "properties": {**{key: maybe(shape) for key, shape in FIELDS.items()}, "name": NAME},
    },
    "Grace": asked(
        (),
        grace={
            "type": "string",
            "pattern": r"^[0-9]{1,6}[smhdw]$",
            "description": "How long the old secret is still good for, such as 0s, 12h or 7d.",
        },
    ),
    "Key": told(**KEY),
    "KeyWithSecret": told(**KEY, key={**TEXT, "description": "Shown this once."}),
    "Keys": page("keys", ref("Key")),
    "NewUser": asked({"name"}, name=NAME, **COUNTS),
    "UserChanges": {
        **asked((), **COUNTS),
        "properties": {"disabled": FLAG, **{name: maybe(shape) for name, shape in COUNTS.items()}},
        "anyOf": [{"required": [name]} for name in ("disabled", *COUNTS)],
        "examples": [{"disabled": True}],
    },
    "User": told(
        id=TEXT,
        name=TEXT,
        status=one_of(["active", "disabled"]),
        created_at=maybe(MOMENT),
        disabled_at=maybe(MOMENT),
        **{name: maybe(whole(1)) for name in keys.COUNTS},
    ),
    "Users": page("users", ref("User")),
}
