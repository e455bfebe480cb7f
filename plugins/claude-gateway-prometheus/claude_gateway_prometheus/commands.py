"""`claude-gateway top`."""

from __future__ import annotations

from urllib.parse import urlsplit

import click


def address(_context: click.Context, _option: click.Parameter, given: str) -> str:
    """Return the URL without its end; refuse what is none."""
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter("wants an address like http://localhost:8000")
    return given.rstrip("/")


@click.command()
@click.option(
    "--url",
    envvar="BASE_URL",
    default="http://localhost:8000",
    show_default=True,
    callback=address,
    help="Where the gateway is (BASE_URL).",
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
def top(*, url: str, key: str, interval: float, once: bool) -> None:
    """Watch a running gateway: streams, tokens, cost, errors, times, health."""
    from claude_gateway_prometheus.top import looking
    from claude_gateway_prometheus.top.readings import Away, Source

    source = Source(url, key)
    if not once:
        looking.live(source, interval)
        return
    try:
        looking.once(source, interval)
    except Away as exc:
        raise click.ClickException(str(exc)) from None
