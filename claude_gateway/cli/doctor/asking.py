"""Ask a gateway over HTTP, as a phone would, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `body` is {} where it was no JSON object."""

    status: int
    server: str
    body: dict[str, Any]

    @property
    def ours(self) -> bool:
        """Whether a gateway has answered."""
        return self.server.startswith("claude_gateway")

    @property
    def code(self) -> str:
        """What an error is called, or nothing."""
        error = self.body.get("error")
        return str(error.get("code")) if isinstance(error, dict) else ""

    @property
    def message(self) -> str:
        """What an error says, or nothing."""
        error = self.body.get("error")
        return str(error.get("message")) if isinstance(error, dict) else ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there was no answer. `kind` is refused, silent, unknown_name, tls or other."""

    kind: str
    says: str


def asked(url: str, path: str, key: str = "", *, trusting: bool = False) -> Reply | Trouble:
    """GET a path. `trusting` takes any certificate, where only the machine itself is asked."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if trusting:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=PATIENCE, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"x-api-key": key} if key else {})
        response = connection.getresponse()
        body = response.read(1_000_000)
        return Reply(response.status, response.getheader("Server", ""), _object(body))
    except (OSError, http.client.HTTPException) as exc:
        return _trouble(exc)
    finally:
        connection.close()


def _trouble(exc: Exception) -> Trouble:
    match exc:
        case ssl.SSLCertVerificationError():
            return Trouble("tls", f"its certificate is not trusted: {exc.verify_message}")
        case ssl.SSLError():
            return Trouble("tls", "it does not speak https")
        case ConnectionRefusedError():
            return Trouble("refused", "nothing listens there")
        case TimeoutError():
            return Trouble("silent", f"nothing has answered within {PATIENCE:g} s")
        case socket.gaierror():
            return Trouble("unknown_name", "nobody knows that name")
        case _:
            return Trouble("other", str(exc) or type(exc).__name__)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
