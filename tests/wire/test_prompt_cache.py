"""T-19: each turn of a conversation reads from upstream's cache all that the turn before has left.

Upstream goes by the bytes of tools, system and messages, in this order. At a breakpoint it keeps
what stands up to there; it looks for what it keeps at each breakpoint and a few blocks before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_gateway import sse
from claude_gateway.dialects.openai.request import read, translate
from claude_gateway.models.table import shipped_models
from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text, thinking
from claude_gateway.types.models import ModelInfo

SAME_EVERY_TIME = settings(
    derandomize=True, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)
LOOK_BACK, MOST_BREAKPOINTS = 20, 4
Message = dict[str, Any]


@dataclass
class PromptCache:
    """Upstream's cache. Counts are of blocks: tools, system texts and content blocks."""

    kept: set[bytes] = field(default_factory=set)

    def asked(self, body: Mapping[str, Any]) -> tuple[int, int]:
        """Return how many blocks a request reads, and up to where it leaves what it has read."""
        prefixes, marks = [], []
        so_far = hashlib.sha256()
        for place, block in blocks(body):
            bare = {key: value for key, value in block.items() if key != "cache_control"}
            so_far.update(sse.compact([place, bare]))
            prefixes.append(so_far.copy().digest())
            if "cache_control" in block:
                marks.append(len(prefixes))
        assert len(marks) <= MOST_BREAKPOINTS
        hit = max(
            (
                end
                for mark in marks
                for end in range(mark, max(0, mark - LOOK_BACK), -1)
                if prefixes[end - 1] in self.kept
            ),
            default=0,
        )
        self.kept |= {prefixes[mark - 1] for mark in marks}
        return hit, max(marks, default=0)


def blocks(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every block with its place; a string is one block of text."""
    for tool in body.get("tools", []):
        yield "tool", tool
    for said in body.get("system", []):
        yield "system", said
    for turn in body["messages"]:
        content = turn["content"]
        plain = [{"type": "text", "text": content}]
        for block in plain if isinstance(content, str) else content:
            yield turn["role"], block


def user(*words: str) -> Message:
    parts = [{"type": "text", "text": word} for word in words]
    return {"role": "user", "content": parts if len(parts) != 1 else words[0]}


def image(n: int) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": f"https://x.test/{n}.png"}}


def calls(turn: int, count: int, *, words: str | None = None, images: int = 0) -> list[Message]:
    """A turn that calls tools, and their results."""
    ids = [f"made-{turn}-{n}" for n in range(count)]
    function = {"name": "look", "arguments": '{"n":1}'}
    made = [{"id": id_, "type": "function", "function": function} for id_ in ids]
    seen = [{"type": "text", "text": "Seen"}, *(image(n) for n in range(images))]
    results = [{"role": "tool", "tool_call_id": id_, "content": seen} for id_ in ids]
    return [{"role": "assistant", "content": words, "tool_calls": made}, *results]


TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("look", "list")
]
SYSTEM: Message = {"role": "system", "content": "You are a careful reader."}
NOTE: Message = {"role": "developer", "content": "Be brief."}
OPENING: list[Message] = [SYSTEM, user("Hi")]

# What is added from one request to the next.
STEPS: dict[str, list[Message]] = {
    "words": [{"role": "assistant", "content": "Yes"}, user("So?")],
    "many words": [{"role": "assistant", "content": "Yes"}, user(*"abcdefghijklmnopqrstuvwxyz")],
    "images": [
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": [image(n) for n in range(25)]},
    ],
    "a call": calls(1, 1, words="Wait"),
    "many calls": calls(2, 30),
    "calls with images": calls(3, 12, words="Wait", images=4),
    "a call and words": [*calls(4, 1), user("Quick!")],
    "a note": [{"role": "assistant", "content": "Yes"}, NOTE, user("So?")],
    "a note at the end": [{"role": "assistant", "content": "Yes"}, user("So?"), NOTE],
    "an answer that was lost": [user("Hello?")],
    "nothing but a note": [{"role": "assistant", "content": "Yes"}, NOTE],
    "two exchanges at once": [*[{"role": "assistant", "content": "Yes"}, user("So?")] * 2],
    "a refusal": [{"role": "assistant", "content": "", "refusal": "No."}, user("Why?")],
}


def conversation(steps: Sequence[str]) -> Iterator[list[Message]]:
    """The history of each request, one step longer than the one before."""
    history = list(OPENING)
    yield list(history)
    for n, step in enumerate(steps):
        history += orjson.loads(orjson.dumps(STEPS[step]).replace(b"made-", b"made-%d-" % n))
        yield list(history)


def sent(history: Sequence[Message], model: ModelInfo, **fields: object) -> dict[str, Any]:
    asked = read({"messages": history, **fields})
    body: dict[str, Any] = orjson.loads(
        sse.compact(translate(asked, model, auto_cache=True).params)
    )
    return body


MODELS = st.sampled_from([m for m in shipped_models() if m.id.endswith(("-5-5", "-4-5", "-5"))])


# What only the system has said since is in the user's place, and moves when the user speaks after all.
MOVED = ("nothing but a note", "an answer that was lost")


@SAME_EVERY_TIME
@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8).filter(
        lambda steps: MOVED not in pairwise(steps)
    ),
    MODELS,
    st.sampled_from([{}, {"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "required"}]),
)
def test_t19_every_turn_reads_all_that_the_turn_before_has_left(
    steps: list[str], model: ModelInfo, fields: dict[str, Any]
) -> None:
    cache, left = PromptCache(), 0
    # A history with calls needs tools; what they are must not change in the middle.
    fields = fields or ({"tools": TOOLS} if any("call" in step for step in steps) else {})
    for history in conversation(steps):
        read_, kept = cache.asked(sent(history, model, **fields))
        assert read_ >= left, (steps, read_, left)
        assert kept > left
        left = kept


@SAME_EVERY_TIME
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=4), MODELS)
def test_t19_another_conversation_reads_the_tools_and_the_systems_text(
    steps: list[str], model: ModelInfo
) -> None:
    cache = PromptCache()
    for history in conversation(steps):
        cache.asked(sent(history, model, tools=TOOLS))
    read_, _ = cache.asked(sent([SYSTEM, user("Something else")], model, tools=TOOLS))
    assert read_ == len(TOOLS) + 1
    other = {"role": "system", "content": "It is Monday."}
    read_, _ = cache.asked(sent([other, user("Hi")], model, tools=TOOLS))
    assert read_ == len(TOOLS)


def test_t19_a_turn_that_is_asked_for_again_is_read_whole() -> None:
    cache = PromptCache()
    [*_, last] = conversation(["words", "many calls", "images"])
    body = sent(last, shipped_models()[0], tools=TOOLS)
    _, kept = cache.asked(body)
    assert cache.asked(body) == (kept, kept)
    assert kept == len(list(blocks(body)))


def test_t19_what_upstream_looks_for_is_not_found_by_marking_the_end_alone() -> None:
    model = replace(shipped_models()[0], system_messages=False)
    cache = PromptCache()
    found = []
    for history in conversation(["words", "many calls", "words"]):
        body = sent(history, model, tools=TOOLS)
        marked = [block for _, block in blocks(body) if "cache_control" in block]
        for block in marked[:-1]:
            del block["cache_control"]  # type: ignore[attr-defined]
        found.append(cache.asked(body)[0])
    assert found[1] > 0
    assert found[2] == 0  # more blocks between two ends than upstream looks back


LONG = [*STEPS, "words", "many calls", "calls with images", "words"]


@pytest.mark.asyncio(loop_scope="session")
async def test_t19_every_turn_through_the_gateway_reads_what_the_turn_before_has_left(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    async with GatewayProcess(env | {"GATEWAY_AUTO_CACHE": "true"}) as gateway:
        for history in conversation(LONG):
            asked = {"model": "sonnet", "messages": history, "tools": TOOLS, "stream": True}
            response = await ask(gateway.port, "POST", "/v1/chat/completions", asked)
            assert response.status == 200
    cache, left = PromptCache(), 0
    for turn in upstream.turns:
        read_, kept = cache.asked(turn.json)
        assert read_ >= left
        left = kept
    assert left > 200


@pytest.mark.asyncio(loop_scope="session")
async def test_t19_every_turn_of_a_kept_conversation_reads_what_the_turn_before_has_left(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    upstream.always(answering(thinking("Hm", signature="c2ln"), text("Yes")))
    turns: list[dict[str, Any]] = [
        {"messages": [SYSTEM, user("Hi")]},
        {"messages": [SYSTEM, user(*"abcdefghijklmnopqrstuvwxyz")]},
        {"messages": [user("So?")], "tool_choice": "required"},
        {"messages": [user("And as JSON?")], "response_format": {"type": "json_object"}},
        {"messages": [NOTE, user("Thanks")]},
        {"messages": [{"role": "user", "content": [image(n) for n in range(25)]}]},
        {"messages": [user("Bye")]},
    ]
    cache, left = PromptCache(), 0
    async with GatewayProcess(env | {"GATEWAY_AUTO_CACHE": "true"}) as gateway:
        for turn in turns:
            asked = {"model": "sonnet", "tools": TOOLS, "session_id": "kept", **turn}
            response = await ask(gateway.port, "POST", "/v1/chat/completions", asked)
            assert response.status == 200, response.body
    for sent_ in upstream.turns:
        read_, kept = cache.asked(sent_.json)
        assert read_ >= left
        left = kept
    assert left > 60
