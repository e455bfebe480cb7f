"""Why a key does not work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http import HTTPStatus

from claude_gateway.access.issuing import PREFIX, digest_of, well_formed
from claude_gateway.cli.doctor.asking import Trouble, asked
from claude_gateway.cli.doctor.finding import Finding
from claude_gateway.cli.doctor.reach import own_url
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.paying import demo, own_credentials
from claude_gateway.key_stores import as_key_store
from claude_gateway.plugins import Plugins
from claude_gateway.registry import open_store
from claude_gateway.settings import Settings
from claude_gateway.types.keys import FoundKey, Key
from claude_gateway.types.secrets import Secret

NEW_KEY = "Make another one: claude-gateway keys create --name phone"


def about_key(given: str, settings: Settings, plugins: Plugins) -> Iterator[Finding]:
    """Look at the key itself, look it up, and then ask the gateway what it thinks of it."""
    key = given.strip()
    if key.lower().startswith("bearer "):
        yield Finding(
            "bad", "The key begins with 'Bearer', which apps add themselves.", "Leave it out."
        )
        key = key[7:].strip()
    if key[:1] in "\"'" and key[:1] == key[-1:] and len(key) > 1:
        yield Finding("bad", "The key is in quotation marks.", "Leave them out.")
        key = key[1:-1]
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        yield Finding("bad", "No key has such characters, or none at all.", "Copy it once more.")
        return
    yield _known(key, settings, plugins)
    yield from _asked(key, settings)


def _known(key: str, settings: Settings, plugins: Plugins) -> Finding:
    if any(one.matches(key) for one in settings[names.GATEWAY_API_KEYS]):
        return Finding("ok", "The key is one of GATEWAY_API_KEYS.")
    if any(one.matches(key) for one in own_credentials(settings) if one):
        return Finding("ok", "The key is the gateway's own, and opens everything.")
    if key.startswith(PREFIX):
        return _issued(key, settings, plugins)
    if key.startswith("sk-ant-"):
        return _anthropic(settings)
    return Finding(
        "bad", "The key is none of GATEWAY_API_KEYS, and the gateway has not issued it.", NEW_KEY
    )


def _anthropic(settings: Settings) -> Finding:
    if settings[names.GATEWAY_BYOK]:
        return Finding("ok", "The key is somebody's own of Anthropic's, and pays for what it asks.")
    if demo(settings):
        return Finding(
            "note",
            "In demo mode a key of Anthropic's is taken from this machine only, not from a phone.",
            NEW_KEY,
        )
    return Finding(
        "bad",
        "The key is one of Anthropic's, but not the gateway's own.",
        "Set GATEWAY_BYOK=true to let callers bring their own, or use a key of the gateway's: "
        "claude-gateway keys create --name phone",
    )


def _issued(key: str, settings: Settings, plugins: Plugins) -> Finding:
    if not well_formed(key):
        return Finding(
            "bad",
            f"The key was copied badly: it should have {len(PREFIX) + 49} letters and digits, and a right "
            "end.",
            "Copy it once more, or make another one: claude-gateway keys create --name phone",
        )

    async def look() -> FoundKey | None:
        async with open_store(plugins, settings, settings[names.STORE]) as store:
            keeper = as_key_store(store)
            return None if keeper is None else await keeper.find_key(digest_of(Secret(key)))

    found = asyncio.run(look())
    if found is None:
        where = settings[names.GATEWAY_DATA_DIR].absolute()
        return Finding(
            "bad",
            f"The key is not of this gateway, whose keys are in {where}.",
            "Run this with the settings of the gateway that has issued it (GATEWAY_DATA_DIR), or make "
            "another key: claude-gateway keys create --name phone",
        )
    return _state(found, time.time())


def _state(found: FoundKey, now: float) -> Finding:
    key = found.key
    if key.revoked_at is not None:
        return Finding("bad", f"The key {key.name} was revoked.", NEW_KEY)
    if found.until is not None and now >= found.until:
        return Finding(
            "bad",
            f"The key {key.name} was rotated: this is its old secret.",
            f"Use the new one, or rotate it again: claude-gateway keys rotate {key.id}",
        )
    if key.expires_at is not None and now >= key.expires_at:
        return Finding("bad", f"The key {key.name} has expired.", NEW_KEY)
    if found.disabled:
        return Finding(
            "bad",
            f"The user of the key {key.name} is disabled.",
            f"claude-gateway users enable {key.user}",
        )
    return Finding("ok", f"The key {key.name} is good. It may: {_may(key)}.")


def _may(key: Key) -> str:
    narrowed = [
        f"{what} {', '.join(sorted(only))} only"
        for what, only in (
            ("models", key.models),
            ("tools", key.tools),
            ("servers", key.tool_servers),
            ("projects", key.projects),
        )
        if only is not None
    ]
    return "; ".join([", ".join(sorted(key.scopes)), *narrowed])


def _asked(key: str, settings: Settings) -> Iterator[Finding]:
    url = own_url(settings)
    reply = asked(url, "/v1/models", key, trusting=True)
    if isinstance(reply, Trouble) or not reply.ours:
        return  # that it does not run was said before
    if reply.status == HTTPStatus.OK:
        yield Finding("ok", "The gateway that runs takes the key.")
    else:
        yield Finding(
            "bad", f"The gateway that runs says {reply.status} {reply.code}: {reply.message}"
        )
