"""What browsers are told, for every kind of list and origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import make_mocked_request

from claude_gateway.web.cors import EXPOSED, HEADERS, METHODS, cors_headers

if TYPE_CHECKING:
    from tests.conftest import Serving

A, B, EVIL = "https://a.example", "https://b.example", "https://evil.example"


def told(method: str, allowed: tuple[str, ...], **headers: str) -> dict[str, str]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = make_mocked_request(method, "/", headers=names)
    pairs = [(n.removeprefix("Access-Control-"), v) for n, v in cors_headers(request, allowed)]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("allowed", [("*",), (A, "*")])
@pytest.mark.parametrize("origin", [None, A, EVIL, "null"])
def test_everybody_is_told_a_star(allowed: tuple[str, ...], origin: str | None) -> None:
    headers = told("GET", allowed, **({"Origin": origin} if origin else {}))
    assert headers["Allow-Origin"] == "*"
    assert "Vary" not in headers
    assert headers.get("Expose-Headers") == (EXPOSED if origin else None)


@pytest.mark.parametrize(
    ("origin", "answer"),
    [(None, A), (A, A), (B, B), (EVIL, A), ("null", A), (A.upper(), A), (f"{A}.evil", A)],
)
def test_with_a_list_only_those_on_it_are_named(origin: str | None, answer: str) -> None:
    headers = told("GET", (A, B), **({"Origin": origin} if origin else {}))
    assert headers["Allow-Origin"] == answer
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize("allowed", [("*",), (A, B)])
@pytest.mark.parametrize("origin", [A, B, EVIL])
def test_those_who_may_read_an_answer_may_read_its_times(
    allowed: tuple[str, ...], origin: str
) -> None:
    headers = told("GET", allowed, Origin=origin)
    assert headers["Timing-Allow-Origin"] == headers["Allow-Origin"]
    assert "Server-Timing" in headers["Expose-Headers"]


@pytest.mark.parametrize("allowed", [("*",), (A,)])
def test_a_preflight_is_told_methods_and_headers(allowed: tuple[str, ...]) -> None:
    headers = told("OPTIONS", allowed, Origin=A)
    assert headers["Allow-Methods"] == METHODS
    assert headers["Allow-Headers"] == HEADERS
    assert headers["Max-Age"] == "600"


def test_a_preflight_may_ask_for_more_headers() -> None:
    headers = told("OPTIONS", ("*",), Access_Control_Request_Headers="x-mine")
    assert headers["Allow-Headers"] == f"{HEADERS}, x-mine"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_other_answers_are_not_told_what_a_preflight_is(method: str) -> None:
    assert told(method, ("*",)).keys() == {"Allow-Origin"}


@pytest.mark.parametrize("allowed", [("*",), (A,)])
def test_credentials_are_never_allowed(allowed: tuple[str, ...]) -> None:
    assert "Allow-Credentials" not in told("OPTIONS", allowed, Origin=A)


async def test_the_setting_decides(serving: Serving) -> None:
    async with serving(CORS_ORIGINS=f"{A},{B}") as app:
        answer = await app.ask("GET", "/health", b"", {"origin": B})
    assert answer.header("access-control-allow-origin") == B
