"""TLS: the certificate as its files hold it, loaded again when they change.

A handshake is given the certificate of its moment; connections that are open keep what they have.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

from claude_gateway.defaults.tls_settings import TLS_CERT, TLS_KEY, TLS_MINIMUM
from claude_gateway.errors import SettingsError
from claude_gateway.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0  # seconds
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
# Of TLS 1.2 what has forward secrecy and is not broken, as Apple's App Transport Security wants it.
OF_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"

Stamp: TypeAlias = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Files:
    """Where the certificate and its key are, and the oldest version to speak."""

    certificate: Path
    key: Path
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3

    def stamp(self) -> Stamp:
        """Return what changes when one of the files does; empty when one is missing."""
        with suppress(OSError):
            both = [path.stat() for path in (self.certificate, self.key)]
            return tuple((found.st_mtime_ns, found.st_size, found.st_ino) for found in both)
        return ()


def wanted(settings: Settings) -> Files | None:
    """Return what the settings name; None for plain http. Raises SettingsError for half of it."""
    given = [settings.given(setting) for setting in (TLS_CERT, TLS_KEY)]
    if not any(given):
        return None
    if not all(given):
        missing, other = (TLS_KEY, TLS_CERT) if given[0] else (TLS_CERT, TLS_KEY)
        raise SettingsError([f"{missing.name}: is needed as well as {other.name}"])
    return Files(settings[TLS_CERT], settings[TLS_KEY], VERSIONS[settings[TLS_MINIMUM]])


def load(files: Files) -> ssl.SSLContext:
    """Read both files. Raises SettingsError that says which of them cannot be used, and why."""
    _check(TLS_CERT.name, files.certificate, b"-----BEGIN CERTIFICATE-----")
    _check_private(files.key)
    _check(TLS_KEY.name, files.key, b"PRIVATE KEY-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = files.minimum
    context.set_ciphers(OF_1_2)
    context.set_alpn_protocols(["http/1.1"])
    # Whoever resumed a session would not be shown a new certificate.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0

    def no_passphrase() -> NoReturn:
        raise SettingsError(
            [f"{TLS_KEY.name}: {files.key} has a passphrase; write the key into a file without one"]
        )

    try:
        context.load_cert_chain(files.certificate, files.key, no_passphrase)
    except (OSError, ValueError) as exc:  # an SSLError is an OSError
        raise SettingsError([_unusable(files, exc)]) from None
    return context


def _check(name: str, path: Path, mark: bytes) -> None:
    try:
        held = path.read_bytes()
    except OSError as exc:
        raise SettingsError([f"{name}: {path} cannot be read ({exc.strerror})"]) from None
    if mark not in held:
        what = "certificate" if name == TLS_CERT.name else "private key"
        raise SettingsError([f"{name}: {path} holds no {what} in PEM"])


def _check_private(path: Path) -> None:
    """Let nobody but the owner read a key; one of root's may be for a group, as in /etc/ssl."""
    try:
        found = path.stat()
    except OSError as exc:
        raise SettingsError([f"{TLS_KEY.name}: {path} cannot be read ({exc.strerror})"]) from None
    if not stat.S_ISREG(found.st_mode):
        raise SettingsError([f"{TLS_KEY.name}: {path} is not a file"])
    of_root = found.st_uid == 0
    if os.name == "posix" and found.st_mode & (0o037 if of_root else 0o077):
        mode, better = stat.S_IMODE(found.st_mode), "640" if of_root else "600"
        why = f"{path} is open to others (mode {mode:04o}): chmod {better} {path}"
        raise SettingsError([f"{TLS_KEY.name}: {why}"])


def _unusable(files: Files, exc: OSError | ValueError) -> str:
    reason = getattr(exc, "reason", None) or "one of them is damaged"  # "PEM lib" says nothing
    if reason == "KEY_VALUES_MISMATCH":
        return f"{TLS_KEY.name}: {files.key} is not the key of the certificate {files.certificate}"
    return (
        f"{TLS_CERT.name}, {TLS_KEY.name}: {files.certificate} and {files.key} cannot be used "
        f"({reason})"
    )


class Certificate:
    """What handshakes are given: the newest certificate that could be used. `context` listens."""

    def __init__(self, files: Files) -> None:
        """Raises SettingsError when the files cannot be used."""
        self._files = files
        self._tried = files.stamp()
        self.context = self._newest = load(files)
        self.context.sni_callback = self._give

    def _give(self, handshake: ssl.SSLObject, name: str | None, listening: ssl.SSLContext) -> None:
        handshake.context = self._newest

    def reload(self) -> None:
        """Take what the files hold now, or say why not and keep what there is."""
        self._tried = self._files.stamp()
        try:
            self._newest = load(self._files)
        except SettingsError as exc:
            log.error(  # noqa: TRY400  # whose mistake it is, its sentence says
                "the new certificate cannot be used; the one of before stays",
                extra={"reason": "; ".join(exc.mistakes)},
            )
        else:
            log.info("a new certificate is used", extra={"file": str(self._files.certificate)})

    async def _watch(self) -> None:
        """Load again what has changed, once it has been left alone for a look."""
        seen = self._tried
        while True:
            await asyncio.sleep(LOOK_EVERY)
            before, seen = seen, self._files.stamp()
            if seen == before != self._tried:
                self.reload()

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Load again, while this is entered, what has changed, and at a SIGHUP at once."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            loop.remove_signal_handler(signal.SIGHUP)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[ssl.SSLContext | None]:
    """Give what a server listens with; None for plain http. Raises SettingsError."""
    files = wanted(settings)
    if files is None:
        yield None
        return
    certificate = Certificate(files)
    async with certificate.watched():
        yield certificate.context
