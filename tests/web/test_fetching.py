"""Fetching what a client points at: only from where it is allowed, only what it may be, only so much.

Nothing here leaves this machine: names are resolved by the tests, to loopback or to nowhere.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trustme
from aiohttp import web

from claude_gateway.access.reach import Reach
from claude_gateway.defaults.private_networks import PRIVATE
from claude_gateway.web import fetching
from claude_gateway.web.fetching import Fetcher, Unfetched

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
PDF = b"%PDF-1.7 and so on"
HERE = ipaddress.ip_network("127.0.0.1/32")


@dataclass(frozen=True)
class Page:
    body: bytes = PNG
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False


class Site:
    """A web site on loopback: a page for each path, and what was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[web.Request] = []
        self.port = 0

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.pages[path] = Page(b"", status, {"Location": to})

    def url(self, path: str = "/a.png", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if request.path == "/slow":
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(PNG)
            await asyncio.Event().wait()
        page = self.pages[request.path]
        reply = web.Response(body=page.body, status=page.status, headers=page.headers)
        reply.set_cookie("a", "b")
        if page.chunked:
            reply.enable_chunked_encoding()
        return reply


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncGenerator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


@pytest.fixture
async def site() -> AsyncGenerator[Site]:
    async with serving() as site:
        site.pages["/a.png"] = Page()
        yield site


class Names:
    """A resolver: for each name its answers, one after the other, the last for ever."""

    def __init__(self, **answers: Sequence[str] | str) -> None:
        self.answers = {name: list(found) for name, found in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self.answers.get(host)
        if answers is None:
            return await fetching.resolved(host, port)
        return (answers.pop(0) if len(answers) > 1 else answers[0]).split()


def fetcher(names: Names | None = None, *, largest: int = 10_000, patience: float = 5) -> Fetcher:
    """A fetcher that may connect to 127.0.0.1 besides the internet."""
    reach = Reach(PRIVATE, (HERE,))
    return Fetcher(reach, patience, resolve=names or Names(), largest=largest)


async def fetched(fetcher: Fetcher, url: str) -> str | Unfetched:
    (found,) = await fetcher.fetch([url])
    return found


async def why(fetcher: Fetcher, url: str) -> str:
    """Why there is nothing to be had."""
    found = await fetched(fetcher, url)
    assert isinstance(found, Unfetched)
    return found.why


def data_url(kind: str, body: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(body).decode()}"


# --- what is fetched


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 and so on", "image/jpeg"),
        (b"GIF89a and so on", "image/gif"),
        (b"RIFF\1\2\3\4WEBPVP8 ", "image/webp"),
        (PDF, "application/pdf"),
    ],
)
async def test_t22_what_it_is_is_read_from_its_bytes_whatever_the_server_says(
    site: Site, body: bytes, kind: str
) -> None:
    site.pages["/x"] = Page(body, headers={"Content-Type": "text/html"})
    assert await fetched(fetcher(), site.url("/x")) == data_url(kind, body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"<svg/>", b"\x89PNG", gzip.compress(PNG), b" %PDF-1.7"]
)
async def test_s7_what_is_no_image_and_no_pdf_is_not_taken(site: Site, body: bytes) -> None:
    site.pages["/x"] = Page(body, headers={"Content-Type": "image/png"})
    assert "something else than a JPEG" in await why(fetcher(), site.url("/x"))


async def test_s7_nothing_is_unpacked(site: Site) -> None:
    site.pages["/x"] = Page(gzip.compress(PNG), headers={"Content-Encoding": "gzip"})
    assert "something else" in await why(fetcher(), site.url("/x"))


async def test_s7_nothing_of_the_gateways_goes_along(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.redirect("/to", "/a.png")
    for _ in range(2):
        assert await fetched(fetcher(), site.url("/to#part")) == data_url("image/png", PNG)
    for request in site.asked:
        assert {name.lower() for name in request.headers} == {
            "host",
            "accept",
            "accept-encoding",
            "connection",
            "user-agent",
        }
        assert "#" not in str(request.rel_url)


async def test_each_answer_stands_where_its_url_stood(site: Site) -> None:
    site.pages["/b.pdf"] = Page(PDF)
    urls = [site.url("/b.pdf"), "http://nowhere.invalid/", site.url()]
    first, second, third = await fetcher(Names(**{"nowhere.invalid": [""]})).fetch(urls)
    assert (first, third) == (data_url("application/pdf", PDF), data_url("image/png", PNG))
    assert isinstance(second, Unfetched)


# --- where it is fetched from


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "2130706434",
        "0x7f000002",
        "017700000002",
        "127.2",
        "[::1]",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "0.0.0.0",
        "[::]",
        "localhost",
        "169.254.169.254",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "①27.0.0.2",
        "127。0。0。2",
    ],
)
async def test_s7_no_way_of_writing_an_address_gets_round_the_list(site: Site, host: str) -> None:
    nobody = Reach(PRIVATE, ())
    reason = await why(Fetcher(nobody, 5), site.url(host=host))
    assert "GATEWAY_FETCH_ALLOW" in reason or "nobody knows" in reason
    assert site.asked == []


async def test_s7_http_2130706433_is_loopback() -> None:
    reason = await why(Fetcher(Reach(PRIVATE, ()), 5), "http://2130706433/")
    assert "GATEWAY_FETCH_ALLOW" in reason


@pytest.mark.parametrize("host", ["2130706433", "[::ffff:127.0.0.1]", "127.1"])
async def test_s7_what_is_allowed_is_allowed_however_it_is_written(site: Site, host: str) -> None:
    found = await fetched(fetcher(Names(**{"127.1": ["127.0.0.1"]})), site.url(host=host))
    if host == "[::ffff:127.0.0.1]":  # where there is no IPv6 at all, it is only not reached
        assert found == data_url("image/png", PNG) or "GATEWAY" not in str(found)
    else:
        assert found == data_url("image/png", PNG)


async def test_s7_a_name_with_one_address_inside_is_refused_altogether(site: Site) -> None:
    names = Names(both=["127.0.0.1 10.0.0.1"])
    assert "GATEWAY_FETCH_ALLOW" in await why(fetcher(names), site.url(host="both"))
    assert site.asked == []


async def test_s7_a_name_is_resolved_once_and_the_address_that_was_checked_is_used(
    site: Site,
) -> None:
    names = Names(rebound=["127.0.0.1", "127.0.0.2"])
    assert await fetched(fetcher(names), site.url(host="rebound")) == data_url("image/png", PNG)
    assert names.asked == ["rebound"]
    assert site.asked[0].headers["Host"] == f"rebound:{site.port}"


async def test_s7_a_name_that_has_moved_inside_is_refused_at_the_next_redirect(site: Site) -> None:
    names = Names(rebound=["127.0.0.1", "169.254.169.254"])
    site.redirect("/to", "/a.png")
    assert "GATEWAY_FETCH_ALLOW" in await why(fetcher(names), site.url("/to", "rebound"))
    assert [request.path for request in site.asked] == ["/to"]


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/",
        "//127.0.0.2/",
        "http://2130706434/",
        "http://metadata/computeMetadata/v1/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_s7_a_redirect_to_what_is_inside_is_not_followed(
    site: Site, target: str, status: int
) -> None:
    site.redirect("/to", target, status)
    names = Names(metadata=["169.254.169.254"])
    assert "GATEWAY_FETCH_ALLOW" in await why(fetcher(names), site.url("/to"))
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://127.0.0.1/", "data:image/png;base64,aaaa", "gopher://a/"],
)
async def test_s7_a_redirect_to_another_scheme_is_not_followed(site: Site, target: str) -> None:
    site.redirect("/to", target)
    assert "away from http" in await why(fetcher(), site.url("/to"))


@pytest.mark.parametrize("target", ["", "http://", "http://[::1", "http://a:b/", "http://h:0/"])
async def test_a_redirect_to_nowhere_is_no_riddle(site: Site, target: str) -> None:
    site.redirect("/to", target)
    reason = await why(fetcher(), site.url("/to"))
    assert "no URL" in reason or "no host" in reason or "redirects" in reason


async def test_s7_redirects_are_followed_but_not_for_ever(site: Site) -> None:
    site.redirect("/1", "/2")
    site.redirect("/2", site.url("/3"), 307)
    site.redirect("/3", "a.png", 308)
    assert await fetched(fetcher(), site.url("/1")) == data_url("image/png", PNG)
    site.asked.clear()
    site.redirect("/round", "/round")
    assert "more than 5 times" in await why(fetcher(), site.url("/round"))
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    "url",
    ["http://user@h/", "http://user:word@h/", "http://:word@h/", "https://a%40b@127.0.0.1/"],
)
async def test_s7_a_user_in_a_url_is_refused(url: str) -> None:
    assert "user or password" in await why(fetcher(), url)


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///a",
        "http://a b/",
        "http://[fe80::1%25eth0]/",
        "http://h:0/",
        "http://xn--/",
    ],
)
async def test_a_url_without_a_host_is_refused(url: str) -> None:
    assert "no host" in await why(fetcher(), url)


@pytest.mark.parametrize("url", ["http://h:99999/", "http://[::1", "http://a\\@b/"])
async def test_what_is_no_url_is_refused(url: str) -> None:
    assert "no URL" in await why(fetcher(), url)


async def test_the_next_address_is_tried_when_one_does_not_answer(site: Site) -> None:
    loopback = Reach(PRIVATE, (ipaddress.ip_network("127.0.0.0/8"),))
    names = Names(two=["127.0.0.9 127.0.0.1"])
    found = await fetched(Fetcher(loopback, 5, resolve=names), site.url(host="two"))
    assert found == data_url("image/png", PNG)


async def test_who_does_not_answer_is_said_to_be_out_of_reach(site: Site) -> None:
    names = Names(none=[""], gone=["127.0.0.1"])
    assert "without an address" in await why(fetcher(names), site.url(host="none"))
    async with serving() as other:
        url = other.url(host="gone")
    assert "cannot be reached" in await why(fetcher(names), url)


async def test_a_host_that_is_nobodys_is_said_to_be_so() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    assert "nobody knows" in await why(Fetcher(Reach((), ()), 5, resolve=nobody), "http://h/")
    assert "nobody knows" in await why(Fetcher(Reach((), ()), 5), f"http://{'a' * 70}.invalid/")


async def test_s7_a_certificate_is_checked_for_the_name_and_not_for_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("images.example").configure_cert(server)
    seen: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: seen.append(name)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    names = Names(**{"images.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]})
    async with serving(server) as site:
        site.pages["/a.png"] = Page()
        url = site.url(host="images.example").replace("http", "https")
        assert "cannot be reached" in await why(fetcher(names), url)
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
        assert await fetched(fetcher(names), url) == data_url("image/png", PNG)
        assert set(seen) == {"images.example"}
        other = url.replace("images", "other")
        assert "cannot be reached" in await why(fetcher(names), other)


# --- how much, and for how long


@pytest.mark.parametrize("chunked", [False, True])
async def test_s7_what_is_too_large_is_given_up(site: Site, chunked: bool) -> None:
    most = 2**20
    site.pages["/large"] = Page(PNG + bytes(most), chunked=chunked)
    assert "more than the 1 MB" in await why(fetcher(largest=most), site.url("/large"))
    site.pages["/fits"] = Page(PNG + bytes(most - len(PNG)), chunked=chunked)
    assert isinstance(await fetched(fetcher(largest=most), site.url("/fits")), str)


async def test_s7_all_that_is_fetched_for_a_request_counts_together(site: Site) -> None:
    site.pages["/half"] = site.pages["/other"] = Page(PNG + bytes(6_000))
    found = await fetcher(largest=10_000).fetch([site.url("/half"), site.url("/other")])
    assert sorted(type(one).__name__ for one in found) == ["Unfetched", "str"]
    # The next request has its own.
    assert isinstance(await fetched(fetcher(largest=10_000), site.url("/half")), str)


async def test_s7_what_takes_too_long_is_given_up_and_let_go(site: Site) -> None:
    assert "took longer than 0.2 s" in await why(fetcher(patience=0.2), site.url("/slow"))
    transport = site.asked[0].transport
    assert transport is None or transport.is_closing()


async def test_a_resolver_that_takes_too_long_is_given_up() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    assert "took longer" in await why(Fetcher(Reach((), ()), 0.05, resolve=never), "http://h/")


@pytest.mark.parametrize("status", [204, 206, 304, 403, 404, 500])
async def test_what_is_not_there_is_not_fetched(site: Site, status: int) -> None:
    site.pages["/x"] = Page(status=status)
    assert await why(fetcher(), site.url("/x")) == f"answers with status {status}"


async def test_a_server_that_does_not_speak_http_is_no_defect() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert "cannot be fetched" in await why(fetcher(), f"http://127.0.0.1:{port}/")
