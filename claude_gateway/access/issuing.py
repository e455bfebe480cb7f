"""What a key looks like: a prefix, 256 random bits, and a checksum.

cg-<43 letters and digits><6 more, made of them>

By the checksum a key that was copied badly, or invented, is known without a look into the store.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

from claude_gateway.types.keys import KeySecret
from claude_gateway.types.secrets import Secret

PREFIX = "cg-"
ALPHABET = string.digits + string.ascii_letters
RANDOM, CHECK = 43, 6  # characters; 62 ** 43 is more than 2 ** 256
HINT = len(PREFIX) + 6
SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECK}}}")


def new_secret() -> Secret:
    """Make a key that nobody can guess."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return Secret(f"{PREFIX}{body}{_check(body)}")


def well_formed(text: str) -> bool:
    """Whether this may be a key of the gateway's."""
    if SHAPE.fullmatch(text) is None:
        return False
    return _check(text[len(PREFIX) : -CHECK]) == text[-CHECK:]


def digest_of(secret: Secret) -> bytes:
    """Return what is kept of a key. It is random enough to need no salt, and no slow hash."""
    return hashlib.sha256(secret.reveal().encode()).digest()


def kept(secret: Secret) -> KeySecret:
    """Return all that is kept of a key."""
    return KeySecret(digest_of(secret), secret.reveal()[:HINT])


def _check(body: str) -> str:
    value, letters = zlib.crc32(body.encode()), ""
    for _ in range(CHECK):
        value, rest = divmod(value, len(ALPHABET))
        letters = ALPHABET[rest] + letters
    return letters
