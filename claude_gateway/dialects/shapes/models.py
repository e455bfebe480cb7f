"""Shapes of models, and of what the gateway says about itself."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.shapes.words import (
    COUNT,
    DAY,
    FLAG,
    MOMENT,
    NUMBER,
    OBJECT,
    TEXT,
    Shape,
    array,
    mapping,
    maybe,
    one_of,
    ref,
    told,
)

RATES: Mapping[str, Shape] = dict.fromkeys(
    ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), maybe(NUMBER)
)
ANTHROPICS = "The shape of Anthropic's API, for a request with the header anthropic-version."

SHAPES: Mapping[str, Shape] = {
    "OpenAIModel": told(
        id=TEXT, object={"const": "model"}, created=COUNT, owned_by=TEXT, display_name=TEXT
    ),
    "AnthropicModel": told(
        type={"const": "model"},
        id=TEXT,
        display_name=TEXT,
        created_at=MOMENT,
        lifecycle=one_of(["active", "deprecated", "retired"]),
        deprecated_at=maybe(MOMENT),
        retires_at=maybe(MOMENT),
        max_input_tokens=COUNT,
        max_tokens=COUNT,
    ),
    "Model": {
        "oneOf": [ref("OpenAIModel"), {"allOf": [ref("AnthropicModel")], "description": ANTHROPICS}]
    },
    "Models": {
        "oneOf": [
            told(object={"const": "list"}, data=array(ref("OpenAIModel"))),
            {
                **told(
                    data=array(ref("AnthropicModel")),
                    has_more=FLAG,
                    first_id=maybe(TEXT),
                    last_id=maybe(TEXT),
                ),
                "description": ANTHROPICS,
            },
        ]
    },
    "Capabilities": told(
        object={"const": "list"},
        models=array(
            told(
                id=TEXT,
                name=TEXT,
                description=TEXT,
                max_tokens=COUNT,
                max_input_tokens=COUNT,
                supports_streaming=FLAG,
                supports_tools=FLAG,
                supports_vision=FLAG,
                supports_thinking=FLAG,
                supports_structured_outputs=FLAG,
                pricing=told(
                    currency={"const": "USD"},
                    per_tokens=COUNT,
                    **RATES,
                    tiers=maybe(array(told(above=COUNT, **RATES))),
                ),
                lifecycle=told(
                    status=one_of(["active", "legacy", "retired"]),
                    released=maybe(DAY),
                    deprecated=maybe(DAY),
                    retires=maybe(DAY),
                ),
                aliases=array(TEXT),
            )
        ),
        price_factors=mapping(mapping(NUMBER)),
    ),
    "Root": told(name=TEXT, version=TEXT, links=mapping(TEXT)),
    "Endpoints": told(name=TEXT, version=TEXT, endpoints=array(TEXT)),
    "Health": told(
        ("details",),
        status=one_of(["healthy", "degraded"]),
        ok={**FLAG, "description": "True while it serves."},
        timestamp=MOMENT,
        version=TEXT,
        checks=mapping(FLAG),
        uptime_seconds=NUMBER,
        active_sessions=COUNT,
        mode=one_of(["demo", "live"]),
        details=mapping(
            told(("stale",), ok=FLAG, detail=TEXT, age_seconds=maybe(NUMBER), stale=FLAG)
        ),
    ),
    "Readiness": told(ready=FLAG),
    "Document": told(openapi=TEXT, info=OBJECT, paths=OBJECT, components=OBJECT),
}
