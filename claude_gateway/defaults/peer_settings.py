"""Settings of where requests come from."""

from __future__ import annotations

from claude_gateway.settings import Network, Setting, networks, seconds, whole

SECTION = "Who may come in"
NO_NETWORKS: tuple[Network, ...] = ()

TRUSTED_PROXIES = Setting(
    "GATEWAY_TRUSTED_PROXIES",
    networks,
    NO_NETWORKS,
    "Addresses and networks of reverse proxies whose X-Forwarded-For is believed, separated by commas. "
    "What comes from them always needs a key. docs/security.md.",
    SECTION,
    "127.0.0.1,10.0.0.0/8",
)
WRONG_KEYS = Setting(
    "GATEWAY_WRONG_KEYS",
    whole(0, 100_000),
    30,
    "How many wrong keys one address may send in GATEWAY_WRONG_KEYS_SECONDS; more are answered with 429. "
    "A right one is always let in. 0: any number.",
    SECTION,
)
WRONG_KEYS_SECONDS = Setting(
    "GATEWAY_WRONG_KEYS_SECONDS",
    seconds(1, 86_400),
    60.0,
    "Seconds from the first wrong key of an address, after which it begins anew.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (TRUSTED_PROXIES, WRONG_KEYS, WRONG_KEYS_SECONDS)
