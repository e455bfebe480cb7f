"""Tools for testing the gateway, its plugins and its clients. Nothing in the core imports them."""

from claude_gateway.testing.backends import ModelBackendConformance
from claude_gateway.testing.process import GatewayDidNotStart, GatewayProcess
from claude_gateway.testing.server_extras import PromptsConformance, ResourcesConformance
from claude_gateway.testing.stores import (
    BudgetsConformance,
    KeysConformance,
    StoreConformance,
    UsageConformance,
)
from claude_gateway.testing.tool_servers import ToolServerConformance
from claude_gateway.testing.upstream import (
    Cut,
    FakeAnthropic,
    Hang,
    Received,
    Reply,
    Stream,
    answering,
)

__all__ = [
    "BudgetsConformance",
    "Cut",
    "FakeAnthropic",
    "GatewayDidNotStart",
    "GatewayProcess",
    "Hang",
    "KeysConformance",
    "ModelBackendConformance",
    "PromptsConformance",
    "Received",
    "Reply",
    "ResourcesConformance",
    "StoreConformance",
    "Stream",
    "ToolServerConformance",
    "UsageConformance",
    "answering",
]
