"""What something is, read from its first bytes: what is declared is often another type."""

from __future__ import annotations

import re

PDF = "application/pdf"
IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})  # that models look at
SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"%PDF-"), PDF),
)


def seen(start: bytes) -> str | None:
    """Return the type that the first bytes show."""
    return next((kind for signature, kind in SIGNATURES if signature.match(start)), None)
