"""Settings of what the gateway fetches because a client pointed at it."""

from __future__ import annotations

from claude_gateway.defaults.private_networks import PRIVATE
from claude_gateway.settings import Network, Setting, networks, one_of, places, seconds

SECTION = "Images by URL"
NO_PLACES: tuple[Network | str, ...] = ()

IMAGE_FETCH = Setting(
    "GATEWAY_IMAGE_FETCH",
    one_of("reference", "fetch"),
    "reference",
    "What becomes of an image's URL in OpenAI's dialects. reference: upstream fetches it, by https "
    "and from the internet only. fetch: the gateway does, and sends it by value. docs/images.md.",
    SECTION,
)
FETCH_ALLOW = Setting(
    "GATEWAY_FETCH_ALLOW",
    places,
    NO_PLACES,
    "Networks, addresses and host names from which the gateway may fetch although "
    "GATEWAY_FETCH_DENY says otherwise, separated by commas.",
    SECTION,
    "192.168.1.0/24,nas.local",
)
FETCH_DENY = Setting(
    "GATEWAY_FETCH_DENY",
    networks,
    PRIVATE,
    "Networks from which the gateway never fetches: all that are private, local or special. What "
    "is set here replaces the list.",
    SECTION,
)
FETCH_TIMEOUT = Setting(
    "GATEWAY_FETCH_TIMEOUT",
    seconds(0.1, 60),
    10.0,
    "Seconds that fetching one URL may take, redirects included.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (IMAGE_FETCH, FETCH_ALLOW, FETCH_DENY, FETCH_TIMEOUT)
