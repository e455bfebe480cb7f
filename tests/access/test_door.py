"""The door: every combination of mode, peer, host, origin, relay and key."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest

from claude_gateway import OWNER, Credential, Principal
from claude_gateway.access.door import LONGEST_KEY, Arrival, Door, Rules
from claude_gateway.errors import Forbidden, InvalidRequest, Unauthorized

ADA = Principal("ada", "Ada")
BRIDGE = "172.17.0.1"
HERE = Arrival("127.0.0.1", "localhost:8000")

PEERS = {"127.0.0.1": True, "::1": True, BRIDGE: True, "192.168.1.5": False, None: False}
HOSTS = {"localhost:8000": True, "[::1]": True, "192.168.1.2": False, "mac.local": False, "": False}
ORIGINS = {None: True, "http://localhost:3000": True, "https://evil.example": False, "null": False}
ARRIVALS = [
    (
        Arrival(peer, host, origin, relayed),
        PEERS[peer] and HOSTS[host] and ORIGINS[origin] and not relayed,
    )
    for peer, host, origin, relayed in product(PEERS, HOSTS, ORIGINS, (False, True))
]


class Book:
    """Knows one key, and writes down what it was asked."""

    def __init__(self, key: str = "gw-ada", principal: Principal = ADA) -> None:
        self.key = key
        self.principal = principal
        self.asked: list[str] = []
        self.local: list[bool] = []

    async def authenticate(self, credential: Credential) -> Principal | None:
        self.asked.append(credential.secret.reveal())
        self.local.append(credential.local)
        return self.principal if credential.secret.matches(self.key) else None


class Strict(Book):
    """Says of a wrong key of its own kind that it is wrong."""

    async def authenticate(self, credential: Credential) -> Principal | None:
        if credential.secret.reveal().startswith("gw-"):
            raise Unauthorized("This key has expired.", code="expired")
        return None


def door(mode: str = "local", *books: Book) -> Door:
    return Door(Rules(mode, frozenset({"mac.local"}), BRIDGE), books)


async def admitted(door: Door, arrival: Arrival, keys: Sequence[str] = ()) -> Principal | str:
    """Who comes in, or the code of the refusal."""
    try:
        return await door.admit(keys, lambda: arrival)
    except Unauthorized as exc:
        return exc.code


@pytest.mark.parametrize("mode", ["local", "required", "open"])
async def test_s5_without_a_key_only_the_local_owner_comes_in(mode: str) -> None:
    for arrival, local in ARRIVALS:
        comes_in = mode == "open" or (mode == "local" and local)
        expected = OWNER if comes_in else "missing_api_key"
        assert await admitted(door(mode, Book()), arrival) == expected, arrival


@pytest.mark.parametrize("mode", ["local", "required", "open"])
async def test_a_right_key_comes_in_from_everywhere(mode: str) -> None:
    for arrival, local in ARRIVALS:
        book = Book()
        assert await admitted(door(mode, book), arrival, ["gw-ada"]) == ADA
        assert book.local == [local]


@pytest.mark.parametrize("mode", ["local", "required", "open"])
@pytest.mark.parametrize("key", ["invalid", "gw-ad", "gw-ada2", "GW-ADA", "sk-ant-x"])
async def test_a_wrong_key_comes_in_from_nowhere(mode: str, key: str) -> None:
    for arrival, _ in ARRIVALS:
        assert await admitted(door(mode, Book()), arrival, [key]) == "invalid_api_key"


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "gw ada",
        " gw-ada",
        "gw-ada\n",
        "gw-ada\0",
        "gw-ada\x7f",
        "gw-ada\x1b[0m",
        "gw-äda",
        "gw-ada\ud800",
        "‮gw-ada",  # noqa: PLE2502
        "x" * (LONGEST_KEY + 1),
    ],
    ids=ascii,
)
async def test_s1_what_cannot_be_a_key_reaches_no_authenticator(key: str) -> None:
    book = Book(key)
    assert await admitted(door("local", book), HERE, [key]) == "invalid_api_key"
    assert book.asked == []


async def test_the_longest_key_is_still_looked_up() -> None:
    key = "x" * LONGEST_KEY
    assert await admitted(door("required", Book(key)), HERE, [key]) == ADA


async def test_authenticators_are_asked_in_order_until_one_knows() -> None:
    books = [Book("a"), Book("b", Principal("b", "B")), Book("b", Principal("c", "C")), Book("b")]
    assert await admitted(door("required", *books), HERE, ["b"]) == Principal("b", "B")
    assert [book.asked for book in books] == [["b"], ["b"], [], []]


async def test_an_authenticator_that_refuses_ends_the_search() -> None:
    last = Book()
    assert await admitted(door("local", Strict(), last), HERE, ["gw-ada"]) == "expired"
    assert last.asked == []


async def test_every_key_that_is_sent_must_be_right_and_the_first_counts() -> None:
    books = (Book("a"), Book("b", Principal("b", "B")))
    assert await admitted(door("local", *books), HERE, ["a", "b"]) == ADA
    for keys in (["a", "wrong"], ["wrong", "a"], ["a", ""]):
        assert await admitted(door("local", *books), HERE, keys) == "invalid_api_key"


async def test_without_authenticators_no_key_is_right() -> None:
    assert await admitted(door("open"), HERE, ["gw-ada"]) == "invalid_api_key"


async def test_s11_a_refusal_does_not_repeat_the_key() -> None:
    with pytest.raises(Unauthorized) as caught:
        await door("local", Book()).admit(["gw-CANARY"], lambda: HERE)
    assert "CANARY" not in caught.value.message
    with pytest.raises(Unauthorized, match="x-api-key"):
        await door("required").admit([], lambda: HERE)


async def test_where_a_keyed_request_came_from_is_not_looked_at_unless_somebody_asks() -> None:
    class Indifferent(Book):
        async def authenticate(self, credential: Credential) -> Principal | None:
            return ADA

    def arrival() -> Arrival:
        pytest.fail("nobody asked")

    assert await door("local", Indifferent()).admit(["a"], arrival) == ADA
    assert await door("open").admit([], arrival) == OWNER


def test_without_a_bridge_no_other_address_is_local() -> None:
    alone = Door(Rules("local"), ())
    assert alone.is_local(HERE)
    assert not alone.is_local(Arrival(BRIDGE, "localhost"))
    assert not alone.is_local(Arrival(None, "localhost"))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("LOCALHOST:1", "localhost"),
        ("[::1]:1", "::1"),
        ("192.168.1.2:8000", "192.168.1.2"),
        ("MAC.local.:8000", "mac.local"),
    ],
)
def test_loopback_names_addresses_and_known_names_are_answered(header: str, name: str) -> None:
    assert door().check_host(header) == name


@pytest.mark.parametrize("header", ["", "localhost:4000/#@x", "user@localhost", "a b", "bücher"])
def test_s2_a_malformed_host_is_a_bad_request(header: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        door().check_host(header)
    assert caught.value.code == "invalid_host"


@pytest.mark.parametrize("header", ["evil.example", "mac.local.evil.example", "127.1", "x" * 300])
def test_s5_an_unknown_name_is_forbidden_and_the_cure_is_told(header: str) -> None:
    with pytest.raises(Forbidden, match="GATEWAY_ALLOWED_HOSTS") as caught:
        door().check_host(header)
    assert caught.value.code == "host_not_allowed"
    assert len(caught.value.message) < 300
