"""What is said in conversations, encrypted: AES-256-GCM, each value bound to the place it belongs to.

A sealed value says itself which key it was sealed with. What does not begin like one is from before
encryption was switched on, and is given as it is.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
from collections import OrderedDict
from collections.abc import Sequence

from claude_gateway import InternalError

log = logging.getLogger("claude_gateway.sqlite")

MARK = b"\x01"  # what a sealed blob begins with; JSON and frames never do
TEXT_MARK = "\x01"
ID_BYTES, NONCE_BYTES = 8, 12
HEAD = len(MARK) + ID_BYTES + NONCE_BYTES
# Bytes of values that are remembered with what they were sealed to.
MOST_REMEMBERED = 16 << 20


def key_id(key: bytes) -> str:
    """Return a name of a key from which it cannot be found."""
    return hmac.digest(key, b"claude-gateway content: name of the key", "sha256")[:ID_BYTES].hex()


def where(column: str, owner: str, name: str) -> bytes:
    """Return what a value is bound to: it can be opened as this column of this thing only."""
    return f"{column}:{len(owner)}:{owner}:{name}".encode(errors="surrogatepass")


class Sealer:
    """Seals with the first key, and opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # optional

        self.ids = [key_id(key) for key in keys]
        self._ciphers = {
            bytes.fromhex(key_id(key)): AESGCM(
                hmac.digest(key, b"claude-gateway content", "sha256")
            )
            for key in keys
        }
        self._first = bytes.fromhex(self.ids[0])
        self._remembered: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()
        self._size = 0

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Return it encrypted, and differently each time."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, plain, place)
        return b"".join((MARK, self._first, nonce, sealed))

    def open(self, blob: bytes, place: bytes) -> bytes:
        """Return what was sealed. Raises InternalError for what was not sealed for this place."""
        if not blob.startswith(MARK):
            return blob
        cipher = self._ciphers.get(blob[len(MARK) : len(MARK) + ID_BYTES])
        nonce, body = blob[HEAD - NONCE_BYTES : HEAD], blob[HEAD:]
        if cipher is not None:
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415

            try:
                return cipher.decrypt(nonce, body, place)
            except (InvalidTag, ValueError):
                pass
        log.error("a stored value cannot be decrypted", extra={"place": place.split(b":")[0]})
        raise InternalError(
            "Something that is stored cannot be decrypted: it was changed, or moved, or its key is gone.",
            code="cannot_decrypt",
        )

    def same(self, plain: bytes, place: bytes) -> bytes:
        """Seal it; as long as it does not change, to the same as before, so that it need not be written."""
        known = self._remembered.get(place)
        if known is not None and known[0] == plain:
            return known[1]
        return self._remember(place, plain, self.seal(plain, place))

    def open_same(self, blob: bytes, place: bytes) -> bytes:
        """Open what `same` has sealed."""
        known = self._remembered.get(place)
        if known is not None and known[1] == blob:
            return known[0]
        plain = self.open(blob, place)
        if blob[len(MARK) : len(MARK) + ID_BYTES] == self._first:
            self._remember(place, plain, blob)
        return plain

    def is_newest(self, blob: bytes) -> bool:
        """Whether it is sealed with the first key already."""
        return blob.startswith(MARK + self._first)

    def _remember(self, place: bytes, plain: bytes, sealed: bytes) -> bytes:
        before = self._remembered.pop(place, (b"", b""))
        self._remembered[place] = (plain, sealed)
        self._size += 2 * (len(plain) - len(before[0]))
        while self._size > MOST_REMEMBERED and self._remembered:
            _, (gone, _) = self._remembered.popitem(last=False)
            self._size -= 2 * len(gone)
        return sealed


def as_text(blob: bytes) -> str:
    """Write a sealed value as text, for columns of text."""
    return TEXT_MARK + base64.b64encode(blob).decode()


def of_text(text: str) -> bytes:
    """Read what `as_text` wrote; text that was not sealed is itself."""
    if text.startswith(TEXT_MARK):
        try:
            return base64.b64decode(text[len(TEXT_MARK) :], validate=True)
        except (binascii.Error, ValueError):
            pass
    return text.encode(errors="surrogatepass")
