"""Settings of this plugin, and the account they describe."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from claude_gateway import Secret, Setting, Settings

SECTION = "Claude"
DEFAULT_URL = "https://api.anthropic.com"
DAY = 86_400.0
NONE = Secret("")
TRANSPORTS = ("lean", "aiohttp", "sdk")


def url(raw: str) -> str:
    """An http(s) URL without a slash at its end."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", raw):
        raise ValueError("wants a URL such as https://api.anthropic.com, without a user or query")
    return raw.rstrip("/")


def seconds(raw: str) -> float:
    """A positive duration in seconds."""
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not 0 < value <= DAY:
        raise ValueError(f"wants seconds from 0 to {DAY:g}, not {raw!r}")
    return value


def version(raw: str) -> str:
    """A date, as Anthropic names its API's versions."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", raw):
        raise ValueError(f"wants a date such as 2023-06-01, not {raw!r}")
    return raw


def transport(raw: str) -> str:
    """Which HTTP client."""
    if raw not in TRANSPORTS:
        raise ValueError(f"wants one of {', '.join(TRANSPORTS)}, not {raw!r}")
    return raw


BASE_URL = Setting(
    "ANTHROPIC_BASE_URL", url, DEFAULT_URL, "Where Anthropic's API is, without /v1.", SECTION
)
VERSION = Setting(
    "ANTHROPIC_VERSION",
    version,
    "2023-06-01",
    "Value of the header anthropic-version for clients that send none. From 2026-10-21 on, "
    "upstream refuses temperature, top_p and top_k of any model; chats are then sent without.",
    SECTION,
)
BETAS = Setting(
    "ANTHROPIC_BETAS",
    str,
    "",
    "Beta features to ask for on every call, separated by commas, besides the client's own.",
    SECTION,
)
CONNECT_TIMEOUT = Setting(
    "ANTHROPIC_CONNECT_TIMEOUT", seconds, 10.0, "Seconds to reach upstream.", SECTION
)
TIMEOUT = Setting(
    "ANTHROPIC_TIMEOUT",
    seconds,
    600.0,
    "Seconds without a byte from upstream after which an answer is given up.",
    SECTION,
)
TRANSPORT = Setting(
    "ANTHROPIC_TRANSPORT",
    transport,
    "lean",
    "HTTP client for upstream. lean: the gateway's own, the fastest. aiohttp: the common road. "
    "sdk: the anthropic package's, with its middlewares and proxies, several times slower.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (
    BASE_URL,
    VERSION,
    BETAS,
    CONNECT_TIMEOUT,
    TIMEOUT,
    TRANSPORT,
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays upstream, and how to get there. Times are in seconds.

    `more_keys` stand beside `api_key`, which is set then.
    """

    base_url: str
    api_key: Secret = field(repr=False)
    auth_token: Secret = field(repr=False)
    version: str
    betas: str
    connect_timeout: float
    timeout: float
    transport: str
    bring_your_own: bool
    more_keys: tuple[Secret, ...] = field(default=(), repr=False)


def account(settings: Settings) -> Account:
    """Gather what the backend needs. The keys are settings of the core, which knows its owner."""
    core = {setting.name: setting for setting in settings}

    def secrets(name: str) -> tuple[Secret, ...]:
        value = settings[core[name]] if name in core else ()
        several = value if isinstance(value, tuple) else (value,)
        return tuple(key for key in several if isinstance(key, Secret) and key)

    keys = tuple(dict.fromkeys((*secrets("ANTHROPIC_API_KEY"), *secrets("ANTHROPIC_API_KEYS"))))
    return Account(
        base_url=settings[BASE_URL],
        api_key=next(iter(keys), NONE),
        more_keys=keys[1:],
        auth_token=next(iter(secrets("ANTHROPIC_AUTH_TOKEN")), NONE),
        version=settings[VERSION],
        betas=settings[BETAS],
        connect_timeout=settings[CONNECT_TIMEOUT],
        timeout=settings[TIMEOUT],
        transport=settings[TRANSPORT],
        bring_your_own="GATEWAY_BYOK" in core and settings[core["GATEWAY_BYOK"]] is True,
    )
