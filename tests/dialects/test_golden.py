"""T-13: streams of the shapes that upstream sends, against the chunks or events they must become.

Beside each `tests/golden/NAME.sse` stand `NAME.openai.sse` and `NAME.responses.sse`, which were read
line by line once. When a change alters one, read it again before it is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from claude_gateway_anthropic.reader import EventReader

from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client
from claude_gateway.dialects.responses.response import Opening
from claude_gateway.dialects.responses.stream import ResponseStream
from claude_gateway.errors import GatewayError

GOLDEN = Path(__file__).parent.parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.sse") if "." not in path.stem)
BROKEN = ["error", "error_in_tool", "truncated"]
CREATED = 1_700_000_000


def chat() -> ChatStream:
    return ChatStream(CREATED, "asked", include_usage=True)


def responses() -> ResponseStream:
    opening = Opening("resp_golden", CREATED, "asked", echo({"input": "Hi"}))
    return ResponseStream(opening, Client("golden", thinking=True), lambda: CREATED + 1)


DIALECTS: dict[str, Callable[[], ChatStream | ResponseStream]] = {
    "openai": chat,
    "responses": responses,
}


def sent(stream: ChatStream | ResponseStream, pieces: Iterable[bytes]) -> bytes:
    """What a client is sent while these pieces arrive."""
    reader = EventReader()
    frames = [stream.feed(reader.feed(piece)) for piece in pieces]
    try:
        reader.finish()
    except GatewayError as failure:
        frames.append(stream.fail(failure, "req_golden"))
    return b"".join(frames)


def recorded(name: str, dialect: str = "openai") -> tuple[bytes, bytes]:
    upstream, expected = GOLDEN / f"{name}.sse", GOLDEN / f"{name}.{dialect}.sse"
    return upstream.read_bytes(), expected.read_bytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_t13_a_recorded_stream_becomes_these_frames_wherever_it_is_split(
    dialect: str, name: str
) -> None:
    upstream, expected = recorded(name, dialect)
    new = DIALECTS[dialect]
    assert sent(new(), [upstream]) == expected
    for cut in range(len(upstream)):
        assert sent(new(), [upstream[:cut], upstream[cut:]]) == expected
    assert sent(new(), (upstream[i : i + 1] for i in range(len(upstream)))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_t13_a_native_client_gets_every_frame_as_it_came(name: str) -> None:
    upstream, _ = recorded(name)
    frames = MessageStream().feed(EventReader().feed(upstream))
    kept = upstream.partition(b"event: error")[0]
    assert frames == kept


def test_t16_only_a_stream_that_is_whole_has_a_finish_reason() -> None:
    for name in NAMES:
        _, expected = recorded(name)
        *_, last, done, end = expected.split(b"\n\n")
        assert (done, end) == (b"data: [DONE]", b"")
        assert (b'"error":' in last) == (name in BROKEN)
        assert (b'"finish_reason":"' in expected) != (name in BROKEN)


def test_t16_only_a_response_that_is_whole_ends_without_an_error() -> None:
    for name in NAMES:
        _, expected = recorded(name, "responses")
        *_, before, last, end = expected.split(b"\n\n")
        assert end == b""
        assert last.startswith(b"event: error\n") == (name in BROKEN)
        assert before.startswith(b"event: response.failed\n") == (name in BROKEN)
        assert (b"event: response.completed" in expected) <= (name not in BROKEN)
