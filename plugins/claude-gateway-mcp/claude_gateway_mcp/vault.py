"""Keeps what servers gave whoever signed in: encrypted, one file for each server."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from claude_gateway import (
    GATEWAY_DATA_DIR,
    GATEWAY_ENCRYPTION_KEY,
    PluginError,
    Secret,
    Settings,
    decoded_keys,
    kept_key,
)

FOLDER = "mcp-tokens"
KEY_FILE = "key"
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Drawer:
    """What is kept for one server. It is bound to the server's URL: another one cannot open it."""

    file: Path
    vault: Vault
    url: str

    def read(self) -> dict[str, object] | None:
        """Return what is kept, None when there is nothing. Raises PluginError when it is not readable."""
        try:
            sealed = self.file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise PluginError(f"{self.file} cannot be read: {exc.strerror}") from None
        nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        for key in self.vault.all_keys():
            with suppress(InvalidTag, ValueError):
                opened = json.loads(AESGCM(key).decrypt(nonce, body, self.url.encode()))
                return opened if isinstance(opened, dict) else None
        raise PluginError(
            f"{self.file} cannot be decrypted: the key is another one (GATEWAY_ENCRYPTION_KEY); "
            "sign in again"
        )

    def write(self, content: dict[str, object]) -> None:
        """Keep something. Raises PluginError when that cannot be done."""
        nonce = os.urandom(NONCE_BYTES)
        plain = json.dumps(content).encode()
        sealed = nonce + AESGCM(self.vault.all_keys()[0]).encrypt(nonce, plain, self.url.encode())
        _replace(self.file, sealed)

    def empty(self) -> bool:
        """Throw away what is kept; say whether there was anything."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise PluginError(f"{self.file} cannot be removed: {exc.strerror}") from None
        return True


@dataclass(frozen=True, slots=True)
class Vault:
    """Where the drawers are. `secret` is the key; without it the vault makes one of its own."""

    folder: Path
    secret: Secret = Secret("")  # noqa: RUF009  # nothing can change it

    def drawer(self, name: str, url: str) -> Drawer:
        """Return the drawer of a server."""
        of = hashlib.sha256(f"{name}\0{url}".encode()).hexdigest()[:32]
        return Drawer(self.folder / of, self, url)

    def all_keys(self) -> tuple[bytes, ...]:
        """Return the keys, one of which is made where there is none; the first encrypts.

        Raises PluginError.
        """
        if self.secret:
            return decoded_keys(self.secret.reveal())
        kept = kept_key(self.folder / KEY_FILE)
        return () if kept is None else (kept,)


def vault_of(settings: Settings) -> Vault:
    """Return the vault in the data folder."""
    return Vault(settings[GATEWAY_DATA_DIR] / FOLDER, settings[GATEWAY_ENCRYPTION_KEY])


def _replace(file: Path, content: bytes) -> None:
    made = _written(file.parent, content)
    try:
        made.replace(file)
    except OSError as exc:
        made.unlink(missing_ok=True)
        raise PluginError(f"{file} cannot be written: {exc.strerror}") from None


def _written(folder: Path, content: bytes) -> Path:
    """Write a file that only its owner may read."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise PluginError(f"nothing can be written in {folder}: {exc.strerror}") from None
    return Path(name)
