"""What things of several servers are called, and that no server can take another one's names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway.dialects.mcp.names import Names
from claude_gateway.errors import NotFound

SERVERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
URIS = st.text(min_size=1, max_size=50)


@given(SERVERS, URIS)
def test_a_uri_leads_back_to_its_server(server: str, uri: str) -> None:
    assert Names().place(Names().uri(server, uri)) == (server, uri)
    assert Names(server).place(Names(server).uri(server, uri)) == (server, uri)


@given(st.tuples(SERVERS, URIS), st.tuples(SERVERS, URIS))
def test_no_two_resources_share_a_uri(one: tuple[str, str], two: tuple[str, str]) -> None:
    assert (Names().uri(*one) == Names().uri(*two)) is (one == two)


def test_a_pattern_stays_one() -> None:
    assert Names().uri("s", "db://{table}/{id}") == "gateway://s/db://{table}/{id}"


@pytest.mark.parametrize(
    "uri", ["", "file:///a", "gateway://", "gateway://s", "gateway://s/", "s/a"]
)
def test_what_is_called_otherwise_is_not_found(uri: str) -> None:
    with pytest.raises(NotFound):
        Names().place(uri)


def test_links_in_contents_are_called_as_they_are_listed() -> None:
    link = {"type": "resource_link", "uri": "a://1", "name": "one", "_meta": {"k": 1}}
    inner = {"uri": "a://1", "text": "one"}
    embedded = {"type": "resource", "resource": inner, "annotations": {"priority": 1}}
    names = Names()
    assert names.content("s", link) == {**link, "uri": "gateway://s/a://1"}
    assert names.content("s", embedded) == {
        **embedded,
        "resource": {**inner, "uri": "gateway://s/a://1"},
    }
    for other in (
        {"type": "text", "text": "gateway"},
        {"type": "resource", "resource": "a://1"},
        {"type": "resource_link", "uri": 7},
    ):
        assert names.content("s", other) == other
    for block in (link, embedded):
        assert Names("s").content("s", block) is block
