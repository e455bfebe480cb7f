"""Whether the gateway runs, and whether a phone can reach it."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from claude_gateway.access.places import is_loopback_name
from claude_gateway.cli import banner
from claude_gateway.cli.doctor.asking import Reply, Trouble, asked
from claude_gateway.cli.doctor.finding import Finding
from claude_gateway.cli.reach import has_issued, reachable
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.paying import own_credentials
from claude_gateway.defaults.tls_settings import TLS_CERT
from claude_gateway.plugins import Plugins
from claude_gateway.settings import Settings


def about_reach(settings: Settings, plugins: Plugins) -> Iterator[Finding]:
    """Ask the gateway on this machine, then by every address that a phone could use."""
    here = own_url(settings)
    reply = asked(here, "/health", trusting=True)
    if isinstance(reply, Trouble):
        yield Finding(
            "bad", f"No gateway answers at {here}: {reply.says}.", "Start it: claude-gateway serve"
        )
    elif not reply.ours:
        yield Finding(
            "bad",
            f"Another program answers at {here}.",
            "Stop that one, or choose another port for the gateway with PORT.",
        )
    else:
        yield _health(here, reply)
    yield from _for_phones(settings, plugins, running=isinstance(reply, Reply) and reply.ours)


def own_url(settings: Settings) -> str:
    """Return where this machine finds the gateway."""
    return _url(settings, banner.here(settings[names.GATEWAY_HOST]))


def about_address(url: str, settings: Settings) -> Iterator[Finding]:
    """Try the address that somebody has typed into a phone."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield Finding(
            "bad",
            f"{url} is no address.",
            f"It begins with http:// or https://, as in {own_url(settings)}",
        )
        return
    if is_loopback_name(parts.hostname):
        yield Finding(
            "note",
            f"{parts.hostname} is always the very machine that asks: a simulator here, never a phone.",
            "On a phone use an address of this machine's in its network; see above.",
        )
    base = url.split("?", 1)[0].rstrip("/")
    if base.endswith("/v1"):
        yield Finding(
            "bad", "The Base URL ends in /v1, which apps add themselves.", f"Use {base[:-3]}"
        )
        base = base[:-3]
    yield _tried(base, asked(base, "/health"))


def _tried(url: str, reply: Reply | Trouble) -> Finding:
    if isinstance(reply, Trouble):
        return Finding("bad", f"{url} does not work: {reply.says}.", _cure(reply))
    if not reply.ours:
        return Finding(
            "bad", f"At {url} something answers that is no gateway.", "Look at address and port."
        )
    if reply.code == "host_not_allowed":
        name = urlsplit(url).hostname
        return Finding(
            "bad",
            f"The gateway does not answer to the name {name}.",
            f"Set GATEWAY_ALLOWED_HOSTS={name} and start it again.",
        )
    if reply.status != HTTPStatus.OK:
        return Finding("bad", f"{url}/health gives {reply.status}: {reply.message}")
    return Finding("ok", f"{url} reaches a gateway.")


def _cure(trouble: Trouble) -> str:
    return {
        "refused": "Is the gateway started, and is the port the one it listens on?",
        "silent": "A firewall may swallow it, or the address is another machine's. Allow the port for "
        "incoming connections; a phone must be in the same network.",
        "unknown_name": "Use an IP address, or this machine's name with .local behind it.",
        "tls": "Make a certificate with scripts/certificate and install it on the phone (docs/security.md); "
        "or use http:// where the gateway has none.",
    }.get(trouble.kind, "")


def _health(here: str, reply: Reply) -> Finding:
    ill = [name for name, ok in reply.body.get("checks", {}).items() if not ok]
    if ill:
        return Finding(
            "note",
            f"The gateway answers at {here}, but is not well: {', '.join(ill)}.",
            f"{here}/health?deep=1 says why.",
        )
    return Finding("ok", f"The gateway answers at {here}.")


def _for_phones(settings: Settings, plugins: Plugins, *, running: bool) -> Iterator[Finding]:
    host = settings[names.GATEWAY_HOST]
    addresses = [host] if reachable(settings) and host not in banner.EVERYWHERE else None
    tried = [_for_phone(_url(settings, one)) for one in addresses or banner.addresses()]
    answered = running and any(one.state == "ok" for one in tried)  # whatever the settings say
    if not reachable(settings) and not answered:
        yield Finding(
            "bad",
            f"A phone cannot connect: the gateway listens on {settings[names.PUBLISHED_ON] or host} only. (A "
            "simulator on this machine can.)",
            "Set GATEWAY_PUBLISH=0.0.0.0 for compose."
            if settings[names.PUBLISHED_ON]
            else "Set GATEWAY_HOST=0.0.0.0, or start it with --host 0.0.0.0.",
        )
        return
    keys = (*settings[names.GATEWAY_API_KEYS], *own_credentials(settings))
    if settings[names.GATEWAY_AUTH] != "open" and not keys and not has_issued(settings, plugins):
        yield Finding(
            "bad",
            "There is no key that a phone could use.",
            "Make one: claude-gateway keys create --name phone",
        )
    if running:
        yield from tried


def _for_phone(url: str) -> Finding:
    found = _tried(url, asked(url, "/health", trusting=True))
    return Finding(found.state, f"For a phone: {found.says}", found.fix)


def _url(settings: Settings, host: str) -> str:
    scheme = "https" if settings.given(TLS_CERT) else "http"
    return f"{scheme}://{banner.written(host)}:{settings[names.PORT]}"
