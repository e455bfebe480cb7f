"""Keys that encrypt what is kept: from a setting, or in a file beside it."""

from __future__ import annotations

import base64
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from claude_gateway.errors import PluginError
from claude_gateway.settings import Setting
from claude_gateway.types.secrets import Secret

KEY_BYTES = 32
NO_KEY = Secret("")


def decoded_keys(raw: str) -> tuple[bytes, ...]:
    """Return keys of 32 bytes from their hexadecimal or base64 forms, separated by commas."""
    return tuple(_decoded(part.strip()) for part in raw.split(",")) if raw else ()


def encryption_key(raw: str) -> Secret:
    """Keys of 32 bytes."""
    decoded_keys(raw)
    return Secret(raw)


def kept_key(file: Path, *, make: bool = True) -> bytes | None:
    """Return the key that is kept in a file, which is made where there is none, unless told not to.

    Raises PluginError when it cannot be read or made, or is none.
    """
    with suppress(FileNotFoundError):
        return _whole(file)
    if not make:
        return None
    _create(file, os.urandom(KEY_BYTES))
    return _whole(file)


ENCRYPTION_KEY = Setting(
    "GATEWAY_ENCRYPTION_KEY",
    encryption_key,
    NO_KEY,
    "Key for what is kept encrypted: what MCP servers give whoever signs in at them, and, with "
    "GATEWAY_ENCRYPT_CONTENT, conversations. 32 bytes, as openssl rand -base64 32 makes them. Of several, "
    "separated by commas, the first encrypts. Not set: one that is kept beside, in the data folder.",
    "Server",
)


def _decoded(raw: str) -> bytes:
    for form in (bytes.fromhex, _base64):
        with suppress(ValueError):
            if len(key := form(raw)) == KEY_BYTES:
                return key
    raise ValueError("wants 32 bytes in base64 or hexadecimal: openssl rand -base64 32")


def _base64(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)


def _whole(file: Path) -> bytes:
    try:
        key = file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise PluginError(f"{file} cannot be read: {exc.strerror}") from None
    if len(key) != KEY_BYTES:
        raise PluginError(f"{file} is no key: bring back the right one, or remove it")
    return key


def _create(file: Path, content: bytes) -> None:
    """Make a file that is whole, and its owner's alone, from its first moment on; one that is there stays."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".")
        with os.fdopen(descriptor, "wb") as made:
            made.write(content)
            made.flush()
            os.fsync(made.fileno())
        with suppress(FileExistsError):
            os.link(name, file)
        Path(name).unlink()
    except OSError as exc:
        raise PluginError(f"{file} cannot be written: {exc.strerror}") from None
