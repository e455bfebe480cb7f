"""JSON-RPC as the protocol has it: one message in a body, never a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeGuard

from claude_gateway import sse
from claude_gateway.dialects.fields import parse_json
from claude_gateway.errors import GatewayError, InvalidRequest, NotFound
from claude_gateway.redaction import redacted, redacted_value

Id: TypeAlias = str | int

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NO_SUCH_RESOURCE = -32002  # until 2025-11-25
HEADER_MISMATCH = -32020  # from 2026-07-28
UNSUPPORTED_VERSION = -32022
NO_SUCH_SESSION = -32001

STATUS = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    METHOD_NOT_FOUND: 404,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
    NO_SUCH_SESSION: 404,
}
LONGEST_SHOWN = 100  # characters of what a client sent


class RpcError(Exception):
    """An error that the protocol has a number for. `message` is a sentence for the client.

    What a client sent may stand in it, and that may be a key, sent in the wrong place.
    """

    def __init__(self, code: int, message: str, data: Mapping[str, object] | None = None) -> None:
        """`data` is JSON for programs."""
        super().__init__(message)
        self.code = code
        self.message = redacted(message)
        self.data = None if data is None else {k: redacted_value(v) for k, v in data.items()}

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return STATUS.get(self.code, 200)

    @classmethod
    def of(cls, error: GatewayError) -> RpcError:
        """Return what a client of this protocol is told of an error of ours."""
        code = INVALID_PARAMS if isinstance(error, InvalidRequest | NotFound) else INTERNAL_ERROR
        return cls(code, error.message, {"code": error.code, "type": error.type})


@dataclass(frozen=True, slots=True)
class Message:
    """What a client sent. Without a method it answers a request, without an id it wants no answer."""

    method: str = ""
    id: Id | None = None
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def meta(self) -> Mapping[str, object]:
        """What is said beside the parameters."""
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}

    @property
    def progress_token(self) -> Id | None:
        """What the client calls the progress that it wants to hear of; None when it does not."""
        token = self.meta.get("progressToken")
        return token if _is_id(token) else None


class Unreadable(Exception):
    """A body that is no message; `id` is the message's, where it can be told."""

    def __init__(self, error: RpcError, id_: Id | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.id = id_


def read_message(body: bytes) -> Message:
    """Read a body. Raises Unreadable."""
    try:
        value = parse_json(body)
    except InvalidRequest as exc:
        raise Unreadable(RpcError(PARSE_ERROR, exc.message)) from None
    if isinstance(value, list):
        raise _invalid("Send one message at a time; there are no batches.")
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise _invalid('Send one JSON-RPC message: an object with "jsonrpc": "2.0".')
    id_ = value.get("id")
    if "id" in value and not _is_id(id_):
        raise _invalid("id must be a string or a whole number.")
    return _message(value, id_ if _is_id(id_) else None)


def _message(value: Mapping[str, object], id_: Id | None) -> Message:
    if "method" not in value and ("result" in value or "error" in value):
        return Message(id=id_)
    method, params = value.get("method"), value.get("params")
    if not isinstance(method, str) or not method:
        raise _invalid("method must be a text.", id_)
    if not isinstance(params, dict | None):
        raise _invalid("params must be an object.", id_)
    return Message(method, id_, params or {})


def answer(id_: Id, result: Mapping[str, object]) -> bytes:
    """Write what a request gets."""
    return sse.compact({"jsonrpc": "2.0", "id": id_, "result": result})


def refusal(id_: Id | None, error: RpcError) -> bytes:
    """Write why a request gets nothing."""
    said: dict[str, object] = {"code": error.code, "message": error.message}
    if error.data is not None:
        said["data"] = error.data
    return sse.compact({"jsonrpc": "2.0", "id": id_, "error": said})


def notification(method: str, params: Mapping[str, object] | None = None) -> bytes:
    """Write what is told without being asked."""
    said: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    return sse.compact(said if params is None else {**said, "params": params})


def frame(message: bytes, id_: str = "") -> bytes:
    """Put a message into a stream; `id_` is where a client may go on from."""
    where = f"id: {id_}\n".encode() if id_ else b""
    return b"event: message\n%bdata: %b\n\n" % (where, message)


def no_method(method: str) -> RpcError:
    """What is said to a method that there is not."""
    return RpcError(METHOD_NOT_FOUND, f"There is no method {method[:LONGEST_SHOWN]!r} here.")


def _invalid(why: str, id_: Id | None = None) -> Unreadable:
    return Unreadable(RpcError(INVALID_REQUEST, why), id_)


def _is_id(value: object) -> TypeGuard[Id]:
    return isinstance(value, str) or type(value) is int
