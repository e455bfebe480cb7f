"""The gateway's own settings for turns that call tools."""

from __future__ import annotations

from decimal import Decimal

from claude_gateway.defaults.tool_settings import SECTION
from claude_gateway.settings import Setting, dollars, seconds, whole

TOOL_ROUNDS = Setting(
    "GATEWAY_TOOL_ROUNDS",
    whole(1, 1000),
    25,
    "How often the model may call tools in one turn; then it is asked once more, without any.",
    SECTION,
)
TOOL_TURN = Setting(
    "GATEWAY_TOOL_TURN_SECONDS",
    seconds(0, 86_400),
    1800.0,
    "Seconds after which a turn that calls tools is brought to its end. 0: no limit.",
    SECTION,
)
TOOL_BUDGET = Setting(
    "GATEWAY_TOOL_TURN_USD",
    dollars,
    Decimal(0),
    "US dollars after which a turn that calls tools is brought to its end. 0: no limit.",
    SECTION,
    "0.50",
)
TOOL_REPEATS = Setting(
    "GATEWAY_TOOL_REPEATS",
    whole(1, 1000),
    3,
    "How often one turn may call the same tool with the same arguments.",
    SECTION,
)
TOOL_SEARCH = Setting(
    "GATEWAY_TOOL_SEARCH_ABOVE",
    whole(0, 1_000_000),
    64,
    "How many tools a model is told of; of more it is told nothing but how to find and call them. 0: "
    "always of all.",
    SECTION,
)

APPROVAL_TIME = Setting(
    "GATEWAY_APPROVAL_SECONDS",
    seconds(1, 30 * 86_400),
    86_400.0,
    "Seconds that a person has to approve the call of a tool; then it counts as refused.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (
    TOOL_ROUNDS,
    TOOL_TURN,
    TOOL_BUDGET,
    TOOL_REPEATS,
    APPROVAL_TIME,
    TOOL_SEARCH,
)
