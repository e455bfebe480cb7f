"""What `serve` prints when it is ready: where, what answers, how to try it."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from claude_gateway.access.places import is_loopback_name
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.paying import demo, own_credentials, own_keys
from claude_gateway.defaults.tls_settings import TLS_CERT
from claude_gateway.settings import Settings
from claude_gateway.version import __version__

# Compared, not bound.
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
DEMO = (
    "DEMO MODE: no ANTHROPIC_API_KEY is set. Answers are canned and no model is asked.",
    "Put ANTHROPIC_API_KEY=sk-ant-... into .env and start again to talk to Claude.",
)


def banner(settings: Settings, port: int, backends: Mapping[str, int]) -> str:
    """Return the lines; `backends` is how many models each serves."""
    host = settings[names.GATEWAY_HOST]
    scheme = "https" if settings.given(TLS_CERT) else "http"
    url = f"{scheme}://{written(here(host))}:{port}"
    lines = [f"claude-gateway {__version__} listening on {scheme}://{written(host)}:{port}", ""]
    served = ", ".join(f"{name} ({count} models)" for name, count in backends.items())
    lines.append(f"  backends   {served or 'none: install a plugin that brings one'}")
    if settings[names.WORKERS] > 1:
        lines.append(f"  workers    {settings[names.WORKERS]}")
    lines.append(f"  access     {_access(settings)}")
    lines += [f"  network    {line}" for line in _network(settings, scheme, port)]
    if "mock" in backends and demo(settings):
        lines += ["", *(f"  *** {line}" for line in DEMO)]
    lines += ["", "  Try it:", "", *_curl(settings, url), ""]
    return "\n".join(lines)


def _access(settings: Settings) -> str:
    return {
        "local": "this machine needs no key; everybody else does",
        "required": "everybody needs a key",
        "open": "NOBODY NEEDS A KEY (GATEWAY_AUTH=open)",
    }[settings[names.GATEWAY_AUTH]]


def _network(settings: Settings, scheme: str, port: int) -> list[str]:
    host = settings[names.GATEWAY_HOST]
    if is_loopback_name(host) or settings[names.PUBLISHED_ON]:
        return []
    reached = addresses() if host in EVERYWHERE else [host]
    return [
        f"on a phone enter  Base URL: {scheme}://{written(address)}:{port}  API Key: {_key(settings)}"
        for address in reached
    ]


def _key(settings: Settings) -> str:
    if settings[names.GATEWAY_AUTH] == "open":
        return "none, leave it empty"
    if settings[names.GATEWAY_API_KEYS]:
        return "one of GATEWAY_API_KEYS"
    if settings[names.GATEWAY_BYOK] or own_keys(settings):
        return "your Anthropic key"
    if own_credentials(settings):
        return "the gateway's ANTHROPIC_AUTH_TOKEN"
    return "one that claude-gateway keys create has printed"


def _curl(settings: Settings, url: str) -> list[str]:
    needs_key = settings[names.GATEWAY_AUTH] == "required"
    return [
        f"  curl -N {url}/v1/chat/completions \\",
        "    -H 'Content-Type: application/json' \\",
        *(["    -H 'Authorization: Bearer YOUR_KEY' \\"] if needs_key else []),
        """    -d '{"stream":true,"messages":[{"role":"user","content":"Hello"}]}'""",
    ]


def here(host: str) -> str:
    """Return where this machine finds what listens on a host."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound


def written(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def addresses() -> list[str]:
    """Addresses of this machine that others can reach; asking for a route sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: never anybody's
        except OSError:
            return [socket.gethostname()]
        return [str(probe.getsockname()[0])]
