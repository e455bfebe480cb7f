"""The app, as far as it meets the gateway: how it decodes, what it calls, how it reads streams."""

from claude_gateway_ios.testing.phone import Phone
from claude_gateway_ios.testing.readers import (
    ChatConsole,
    Crashed,
    EnhancedSSEClient,
    SSEClient,
)
from claude_gateway_ios.testing.swift import DecodingError, decode, parse
from claude_gateway_ios.testing.tables import COMMITS, KEYLESS, Table, table

__all__ = [
    "COMMITS",
    "KEYLESS",
    "ChatConsole",
    "Crashed",
    "DecodingError",
    "EnhancedSSEClient",
    "Phone",
    "SSEClient",
    "Table",
    "decode",
    "parse",
    "table",
]
