"""Settings of TLS, where the gateway speaks it itself."""

from __future__ import annotations

from pathlib import Path

from claude_gateway.settings import Setting, one_of, path, whole

SECTION = "TLS"
YEAR = 31_536_000

TLS_CERT = Setting(
    "GATEWAY_TLS_CERT",
    path,
    Path(),
    "Certificate with which the gateway itself speaks https, in PEM, followed by those in between. It "
    "is read again when it changes. docs/security.md.",
    SECTION,
    "/path/to/gateway.pem",
)
TLS_KEY = Setting(
    "GATEWAY_TLS_KEY",
    path,
    Path(),
    "Its private key, in PEM, without a passphrase, and readable by its owner alone.",
    SECTION,
    "/path/to/gateway.key",
)
TLS_MINIMUM = Setting(
    "GATEWAY_TLS_MINIMUM",
    one_of("1.3", "1.2"),
    "1.3",
    "The oldest version of TLS that is spoken. 1.2 is only for clients that are too old: iOS has had 1.3 "
    "since 12.2.",
    SECTION,
)
HSTS = Setting(
    "GATEWAY_HSTS_SECONDS",
    whole(0, 10 * YEAR),
    YEAR,
    "Seconds for which browsers shall ask this host by https only, told in answers by TLS "
    "(Strict-Transport-Security). 0 takes that back.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (TLS_CERT, TLS_KEY, TLS_MINIMUM, HSTS)
