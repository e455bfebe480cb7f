"""The settings of the profile."""

from __future__ import annotations

from claude_gateway import PluginError, Secret, Setting, Settings

SECTION = "iOS app"
GATEWAY_KEYS = "GATEWAY_API_KEYS"


def words(raw: str) -> tuple[str, ...]:
    """Words, separated by commas."""
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def keys(raw: str) -> tuple[Secret, ...]:
    """Keys, separated by commas."""
    return tuple(Secret(word) for word in words(raw))


NO_KEYS: tuple[Secret, ...] = ()

FOUNDATION = "CFNetwork"
WORDS: tuple[str, ...] = (FOUNDATION,)
USER_AGENTS = Setting(
    "IOS_USER_AGENTS",
    words,
    WORDS,
    "Words in a User-Agent that tell the app, separated by commas. A request with the header "
    "x-gateway-profile says for itself whether it is the app's: ios, or none.",
    SECTION,
)
API_KEYS = Setting(
    "IOS_API_KEYS",
    keys,
    NO_KEYS,
    "Keys of the app's users, separated by commas, as in GATEWAY_API_KEYS: whatever is asked with "
    "one of them is the app's, whoever it says it is.",
    SECTION,
)
ALL: tuple[Setting[object], ...] = (USER_AGENTS, API_KEYS)


def check_keys(settings: Settings) -> None:
    """Raise PluginError for a key that is in both lists: it would count as an ordinary one."""
    for setting in settings:
        if setting.name == GATEWAY_KEYS:
            given = settings[setting]
            others = given if isinstance(given, tuple) else ()
            if set(others) & set(settings[API_KEYS]):
                raise PluginError(
                    f"a key is in {GATEWAY_KEYS} and in {API_KEYS.name}; leave it in one of them"
                )
