"""T-13: streams of the shapes that upstream sends, against the chunks they must become.

Beside each `tests/golden/NAME.sse` stands `NAME.openai.sse`, which was read line by line once. When
a change alters one, read it again before it is written anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from claude_gateway_anthropic.reader import EventReader

from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.errors import GatewayError

GOLDEN = Path(__file__).parent.parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.sse") if not path.stem.endswith(".openai"))
BROKEN = ["error", "error_in_tool", "truncated"]


def chunks(pieces: Iterable[bytes]) -> bytes:
    """What a chat client is sent while these pieces arrive."""
    reader, stream = EventReader(), ChatStream(1_700_000_000, "asked", include_usage=True)
    sent = [stream.feed(reader.feed(piece)) for piece in pieces]
    try:
        reader.finish()
    except GatewayError as failure:
        sent.append(stream.fail(failure, "req_golden"))
    return b"".join(sent)


def recorded(name: str) -> tuple[bytes, bytes]:
    upstream, expected = GOLDEN / f"{name}.sse", GOLDEN / f"{name}.openai.sse"
    return upstream.read_bytes(), expected.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_t13_a_recorded_stream_becomes_these_chunks_wherever_it_is_split(name: str) -> None:
    upstream, expected = recorded(name)
    assert chunks([upstream]) == expected
    for cut in range(len(upstream)):
        assert chunks([upstream[:cut], upstream[cut:]]) == expected
    assert chunks(upstream[i : i + 1] for i in range(len(upstream))) == expected


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
