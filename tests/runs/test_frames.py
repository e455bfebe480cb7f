"""Numbers on frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from claude_gateway.dialects.numbering import numbered
from claude_gateway.runs.frames import following

FRAMES = b"data: a\n\nevent: x\ndata: b\n\ndata: [DONE]\n\n"


def test_every_frame_gets_an_id_line_of_its_own() -> None:
    assert numbered(FRAMES, 7) == (
        b"id: 7\ndata: a\n\nid: 8\nevent: x\ndata: b\n\nid: 9\ndata: [DONE]\n\n",
        9,
    )


def test_nothing_has_no_number() -> None:
    assert numbered(b"", 3) == (b"", 2)


def test_what_follows_a_frame_is_the_rest_byte_for_byte() -> None:
    frames, last = numbered(FRAMES, 7)
    assert following(frames, 7, 6) == frames
    assert following(frames, 7, 7) == b"id: 8\nevent: x\ndata: b\n\nid: 9\ndata: [DONE]\n\n"
    assert following(frames, 7, last) == b""


@given(st.lists(st.text('ab{}"\\:,. \u00e9', min_size=1), min_size=1), st.integers(0, 40))
def test_whatever_was_seen_the_rest_completes_it(texts: list[str], seen: int) -> None:
    frames, last = numbered(b"".join(f"data: {t}\n\n".encode() for t in texts), 1)
    rest = following(frames, 1, min(seen, last))
    assert frames.endswith(rest)
    assert (frames.count(b"\n\n") - rest.count(b"\n\n")) == min(seen, last)
