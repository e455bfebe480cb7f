"""`claude-gateway top`."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import click

from claude_gateway import Settings

# Addresses to listen at that nobody can connect to, and where this machine finds what does.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound


def address(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """Return the URL without its end; refuse what is none."""
    if given is None:
        return None
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter("wants an address like http://localhost:8000")
    return given.rstrip("/")


def here(settings: Settings) -> str:
    """Return where a gateway with these settings is found on this machine."""
    named = {key.name: key for key in settings}
    host, port = str(settings[named["GATEWAY_HOST"]]), settings[named["PORT"]]
    if not port:
        raise click.UsageError("With PORT=0 it may be anywhere: say where it is with --url.")
    scheme = "https" if settings.given(named["GATEWAY_TLS_CERT"]) else "http"
    host = EVERYWHERE.get(host, host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


@click.command()
@click.option(
    "--url",
    envvar="BASE_URL",
    callback=address,
    help="Where the gateway is (BASE_URL).  [default: where GATEWAY_HOST and PORT say]",
)
@click.option("--key", envvar="API_KEY", default="", help="A key of it (API_KEY).")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between frames.",
)
@click.option("--once", is_flag=True, help="Print one frame, for scripts.")
@click.pass_obj
def top(
    settings: Callable[[], Settings], *, url: str | None, key: str, interval: float, once: bool
) -> None:
    """Watch a running gateway: streams, tokens, cost, errors, times, health."""
    from claude_gateway_prometheus.top import looking
    from claude_gateway_prometheus.top.readings import Away, Source

    source = Source(url or here(settings()), key)
    if not once:
        looking.live(source, interval)
        return
    try:
        looking.once(source, interval)
    except Away as exc:
        raise click.ClickException(str(exc)) from None
