"""Which key a conversation goes by, and what a key that rests changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from claude_gateway_anthropic.conversations import conversation, tied
from claude_gateway_anthropic.keys import Key, KeyRing

from claude_gateway import ModelRequest, RateLimited, Secret

SECRETS = [Secret(f"sk-ant-{name}") for name in ("one", "two", "three")]
SCOPE, OTHER = ("/v1/messages", "m"), ("/v1/messages", "n")
TALKS = [f"talk {i}".encode() for i in range(300)]
MARK = {"cache_control": {"type": "ephemeral"}}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(clock: Clock) -> KeyRing:
    return KeyRing(SECRETS, clock)


def chosen(ring: KeyRing) -> dict[bytes, str]:
    """The secret by which each of the talks goes."""
    return {talk: choose(ring, talk).secret.reveal() for talk in TALKS}


def choose(ring: KeyRing, talk: bytes = b"", *, tied: bool = True) -> Key:
    return ring.choose(talk, SCOPE, tied=tied)


def test_conversations_are_spread_over_all_keys(ring: KeyRing) -> None:
    counts = Counter(chosen(ring).values())
    assert set(counts) == {secret.reveal() for secret in SECRETS}
    assert min(counts.values()) > len(TALKS) / 5


def test_a_conversation_keeps_its_key_after_a_restart_and_whatever_the_order_of_the_keys(
    ring: KeyRing,
) -> None:
    assert chosen(KeyRing(SECRETS[::-1])) == chosen(ring)


def test_a_key_that_goes_for_good_moves_nobody_elses_conversations(ring: KeyRing) -> None:
    before, after = chosen(ring), chosen(KeyRing(SECRETS[:2]))
    moved = {talk for talk in TALKS if before[talk] != after[talk]}
    assert moved == {talk for talk in TALKS if before[talk] == "sk-ant-three"}


def test_a_key_that_rests_moves_its_own_conversations_only_and_gets_them_back(
    ring: KeyRing, clock: Clock
) -> None:
    before = chosen(ring)
    ring.rest(ring.keys[0], SCOPE, 10)
    during = chosen(ring)
    for talk in TALKS:
        assert (before[talk] == during[talk]) is (before[talk] != "sk-ant-one")
    assert during == chosen(KeyRing(SECRETS[1:]))
    clock.now += 10
    assert chosen(ring) == before


def test_a_rest_is_for_one_model(ring: KeyRing) -> None:
    for key in ring.keys:
        ring.rest(key, SCOPE, 10)
    assert not ring.any_free(SCOPE)
    assert ring.any_free(OTHER)


def test_when_all_rest_the_shortest_rest_is_told(ring: KeyRing, clock: Clock) -> None:
    for key, seconds in zip(ring.keys, (30, 12, 20), strict=True):
        ring.rest(key, SCOPE, seconds)
    clock.now += 2
    with pytest.raises(RateLimited, match="in 10 s") as caught:
        choose(ring)
    assert caught.value.retry_after == 10
    clock.now += 10
    assert choose(ring) is ring.keys[1]


def test_what_is_put_aside_does_not_shorten_the_wait_for_what_rests(ring: KeyRing) -> None:
    ring.rest(ring.keys[0], SCOPE, 30)
    ring.put_aside(ring.keys[1], 401, 5)
    ring.put_aside(ring.keys[2], 401, 5)
    with pytest.raises(RateLimited) as caught:
        choose(ring)
    assert caught.value.retry_after == 30


def test_when_all_are_refused_each_conversation_tries_its_own(ring: KeyRing) -> None:
    before = chosen(ring)
    for key in ring.keys:
        ring.put_aside(key, 403, 60)
    assert chosen(ring) == before
    assert ring.soonest(SCOPE) is None


def test_being_put_aside_is_news_once(ring: KeyRing, clock: Clock) -> None:
    key = ring.keys[0]
    assert ring.put_aside(key, 401, 60)
    assert not ring.put_aside(key, 401, 60)
    clock.now += 60
    assert ring.put_aside(key, 401, 60)
    key.take_back()
    assert ring.put_aside(key, 401, 60)


def test_what_has_nothing_to_lose_goes_by_the_least_busy_key(ring: KeyRing) -> None:
    own = choose(ring)
    own.busy = 1
    other = choose(ring, tied=False)
    assert other is not own
    other.busy = 2
    last = choose(ring, tied=False)
    assert last not in (own, other)
    assert choose(ring, tied=True) is own
    last.busy = 2
    assert choose(ring, tied=False) is own


def test_what_has_nothing_to_lose_still_keeps_its_key_while_all_are_idle(ring: KeyRing) -> None:
    tied = chosen(ring)
    assert {t: choose(ring, t, tied=False).secret.reveal() for t in TALKS} == tied


def test_a_call_of_the_gateways_own_goes_by_a_key_that_works(ring: KeyRing) -> None:
    assert ring.first() is ring.keys[0]
    ring.put_aside(ring.keys[0], 401, 60)
    assert ring.first() is ring.keys[1]


def test_s11_keys_are_told_apart_by_number(ring: KeyRing, clock: Clock) -> None:
    ring.put_aside(ring.keys[1], 401, 60)
    ring.rest(ring.keys[2], SCOPE, 9.5)
    ring.keys[0].answered = 7
    useful, told = ring.told()
    assert useful
    assert told == (
        "key 1 of 3: ready, answered 7; key 2 of 3: refused with 401, put aside for 60 s, "
        "answered 0; key 3 of 3: at a limit, rests for 10 s, answered 0"
    )
    clock.now += 60
    assert ring.told()[1].count("ready") == 3


# --- what belongs together


def asking(*said: object, system: object = None, **params: object) -> ModelRequest:
    """A conversation of these turns, the user's first."""
    roles = ("user", "assistant") * len(said)
    messages = [{"role": r, "content": c} for r, c in zip(roles, said, strict=False)]
    more = {} if system is None else {"system": system}
    return ModelRequest("m", {**more, **params, "messages": messages})


def text(words: str, **more: object) -> dict[str, object]:
    return {"type": "text", "text": words, **more}


@pytest.mark.parametrize(
    "later",
    [
        asking("Hi", "Hello", "And?", system="Be brief."),
        asking([text("Hi")], "Hello", [text("And?", **MARK)], system=[text("Be brief.")]),
        asking([text("Hi", **MARK)], system=[text("Be brief.", **MARK)]),
        asking("Hi", system="Be brief.", max_tokens=5, temperature=1),
    ],
)
def test_a_conversation_is_known_by_how_it_begins_wherever_its_breakpoints_are(
    later: ModelRequest,
) -> None:
    assert conversation(later) == conversation(asking("Hi", system="Be brief."))


@pytest.mark.parametrize(
    "other",
    [
        asking("Hi"),
        asking("Hi", system="Be long."),
        asking("Ho", system="Be brief."),
        asking([text("Hi"), text("there")], system="Be brief."),
        asking("Hi", system="Be brief.", metadata={"user_id": "u"}),
        asking(),
    ],
)
def test_another_beginning_is_another_conversation(other: ModelRequest) -> None:
    assert conversation(other) != conversation(asking("Hi", system="Be brief."))


def test_a_conversation_is_known_by_its_name_whatever_is_said() -> None:
    metadata = {"user_id": "user_1_session_2"}
    named = conversation(asking("Hi", metadata=metadata))
    assert conversation(asking("Ho", system="x", metadata=metadata)) == named
    assert conversation(asking("Hi", metadata={"user_id": "user_1_session_3"})) != named
    key = ModelRequest("m", {"metadata": metadata}, affinity="cache-1")
    assert conversation(key) == conversation(ModelRequest("n", {}, affinity="cache-1")) != named


def nested(depth: int) -> object:
    value: object = "deep"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "params",
    [
        {"messages": ["no message"]},
        {"messages": [{"role": "user", "content": 5}], "system": 5},
        {"messages": [{"role": "user", "content": nested(500)}]},
        {"messages": "none", "metadata": [], "system": ["Be brief."]},
        {"metadata": {"user_id": "half \ud83d"}},
        {"metadata": {"user_id": 5}},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_upstreams_to_refuse(params: Mapping[str, object]) -> None:
    assert len(conversation(ModelRequest("m", params))) == 16


def test_only_what_an_account_may_hold_ties_to_it() -> None:
    request = asking("Hi")
    assert not tied(request, b'{"messages":["say \\"cache_control\\": now"]}')
    assert tied(request, b'{"cache_control":{}}')
    assert tied(request, b'{"type":"thinking","thinking":"","signature":"x"}')
    assert tied(request, b'{"type":"redacted_thinking"}')
    assert tied(asking("Hi", metadata={"user_id": "u"}), b"{}")
    assert tied(ModelRequest("m", {}, raw=b"{}"), b"{}")
    assert tied(ModelRequest("m", {}, affinity="a"), b"{}")
    own = {"type": "custom", "name": "look"}
    assert not tied(asking("Hi", tools=[{"name": "look"}, own]), b"{}")
    assert tied(asking("Hi", tools=[own, {"type": "web_search_20250305"}]), b"{}")
