"""What a request of the stateless era says twice, in headers and in its body: both have to agree.

Proxies go by the headers. A request that says two things would be one to them and another to us.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from claude_gateway.dialects.mcp import versions
from claude_gateway.dialects.mcp.messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    Message,
    RpcError,
)
from claude_gateway.dialects.mcp.param_headers import Param, params_of, said

Headers: TypeAlias = Callable[[str], Sequence[str]]  # all values of one header, by its name

NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
BASE64 = re.compile(r"=\?base64\?(.*)\?=")


def stands_alone(message: Message, headers: Headers) -> bool:
    """Whether a message is of the stateless era, well made or not."""
    said_versions = headers(versions.VERSION_HEADER)
    if any(version not in versions.HANDSHAKE for version in said_versions):
        return True
    return not said_versions and versions.META_VERSION in message.meta


def check_envelope(message: Message, headers: Headers) -> None:
    """Check what every request of this era carries. Raises RpcError with what is wrong first."""
    version = message.meta.get(versions.META_VERSION)
    if versions.META_VERSION not in message.meta and _unheard_of(headers):
        raise _unsupported(headers(versions.VERSION_HEADER)[0])
    for key in (versions.META_VERSION, versions.META_CAPABILITIES):
        if key not in message.meta:
            raise RpcError(INVALID_PARAMS, f"params._meta must have {key!r}.")
    _check_same(headers, versions.VERSION_HEADER, version)
    _check_same(headers, versions.METHOD_HEADER, message.method)
    if (key := NAMED.get(message.method, "")) and isinstance(name := message.params.get(key), str):
        _check_same(headers, versions.NAME_HEADER, name, decoded=True)
    if not isinstance(version, str) or version not in versions.STATELESS:
        raise _unsupported(str(version))


def check_params(
    schema: Mapping[str, object], arguments: Mapping[str, object], headers: Headers
) -> None:
    """Check the arguments that a tool wants in headers, too. Raises RpcError."""
    for param in params_of(schema):
        values, value = headers(param.header), param.value_in(arguments)
        if len(values) > 1:
            raise _mismatch(param.header, "comes more than once")
        if value is None and not values:
            continue
        if not values or not _agree(param, value, decoded_value(values[0])):
            raise _mismatch(param.header, f"does not say what the argument {param.name!r} says")


def decoded_value(value: str) -> str | None:
    """Return what a header says, which may be in base64; None when it is broken."""
    found = BASE64.fullmatch(value)
    if found is None:
        return value
    try:
        raw = base64.b64decode(found[1], validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == found[1] else None
    except (binascii.Error, ValueError):
        return None


def _agree(param: Param, value: object, header: str | None) -> bool:
    if value is None or header is None:
        return False
    written = said(value)
    if written is None:
        return False
    return header == written or (param.kind == "integer" and _same_number(header, value))


def _same_number(header: str, value: object) -> bool:
    """Whether a header's number is the argument's, as 42.0 is 42."""
    whole, _, rest = header.partition(".")
    if not re.fullmatch(r"-?[0-9]{1,400}", whole) or rest.strip("0"):
        return False
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value == int(whole)


def _check_same(headers: Headers, name: str, wanted: object, *, decoded: bool = False) -> None:
    values = headers(name)
    if len(values) != 1:
        raise _mismatch(name, "must come once")
    if (decoded_value(values[0]) if decoded else values[0]) != wanted:
        raise _mismatch(name, "does not say what the body says")


def _unheard_of(headers: Headers) -> bool:
    known = (*versions.HANDSHAKE, *versions.STATELESS)
    return any(version not in known for version in headers(versions.VERSION_HEADER))


def _mismatch(header: str, why: str) -> RpcError:
    return RpcError(HEADER_MISMATCH, f"The header {header} {why}.")


def _unsupported(version: str) -> RpcError:
    """What is said to a revision that is not spoken without a session; older ones shake hands."""
    return RpcError(
        UNSUPPORTED_VERSION,
        "This revision of the protocol is not spoken here. Older ones begin with initialize.",
        {"supported": [*versions.STATELESS], "requested": version[:100]},
    )
