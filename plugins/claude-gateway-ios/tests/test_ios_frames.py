"""One frame at a time: what the app is given for what the gateway says."""

from __future__ import annotations

import json

import pytest
from claude_gateway_ios.frames import AppFrames, chunk, failed
from claude_gateway_ios.testing import ChatConsole, EnhancedSSEClient

RUN = "run_0123456789abcdef"
CHOICE = {"index": 0, "delta": {}, "finish_reason": None}
ENVELOPE = {
    "type": "error",
    "error": {
        "code": "overloaded",
        "message": "Come back later.",
        "status": 503,
        "type": "overloaded_error",
        "param": None,
    },
    "request_id": "req_1",
}


def frame(value: object, number: int = 0) -> bytes:
    line = f"id: {number}\n" if number else ""
    return f"{line}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def beside(kind: str, **fields: object) -> dict[str, object]:
    about = {"id": "x", "object": kind, "created": 1, "model": "m", "session_id": "S", "type": kind}
    return {**about, **fields, "choices": []}


def shaped(frames: bytes, headers: dict[str, str] | None = None) -> bytes:
    return AppFrames(headers or {})(frames)


def test_a_piece_of_an_answer_is_left_as_it_is() -> None:
    said = {
        "object": "chat.completion.chunk",
        "choices": [{"delta": {"content": 'a,"choices":[]}'}}],
    }
    assert shaped(frame(said)) == frame(said) + b"\n"
    assert shaped(b"data: [DONE]\n\n") == b"data: [DONE]\n\n\n"
    assert shaped(b": ping\n\n") == b": ping\n\n\n"
    assert shaped(b"") == b""


def test_a_number_names_its_run_which_may_be_known_late() -> None:
    headers: dict[str, str] = {}
    rewrite = AppFrames(headers)
    assert rewrite(b": ping\n\n") == b": ping\n\n\n"
    headers["x-run-id"] = RUN
    assert rewrite(b"id: 7\ndata: {}\n\n") == f"id: {RUN}.7\ndata: {{}}\n\n\n".encode()


@pytest.mark.parametrize("kind", ["tool_use", "tool_result", "tool_progress", "usage"])
def test_what_is_said_beside_an_answer_has_a_choice_to_look_at(kind: str) -> None:
    """Some readers look into the first choice of every event without asking."""
    told = shaped(frame(beside(kind, content="x"), 3), {"x-run-id": RUN})
    line = told.split(b"\n")[1]
    value = json.loads(line.removeprefix(b"data: "))
    assert value == {**beside(kind, content="x"), "choices": [CHOICE]}


def test_a_call_that_waits_for_approval_is_told_in_the_same_way() -> None:
    """The app itself passes over it, as over everything that it does not know."""
    asking = beside("approval_required", tool_call_id="toolu_1", name="run", input={"a": []})
    told = shaped(frame(asking, 4), {"x-run-id": RUN})
    client = EnhancedSSEClient()
    client.feed(told)
    assert client.last_id == f"{RUN}.4"
    assert json.loads(client.events[0]) == {**asking, "choices": [CHOICE]}
    assert ChatConsole().show(client.events) == ChatConsole()


def test_an_error_is_said_in_words_first_and_numbered_last() -> None:
    told = shaped(frame(ENVELOPE, 5) + b"id: 6\ndata: [DONE]\n\n", {"x-run-id": RUN})
    words, error, done = told.split(b"\n\n\n")[:-1]
    assert words == chunk({"content": "⚠️ Come back later."}).rstrip(b"\n")
    assert error.startswith(f"id: {RUN}.5\n".encode())
    assert json.loads(error.partition(b"data: ")[2]) == {**ENVELOPE, "choices": []}
    assert done == f"id: {RUN}.6\ndata: [DONE]".encode()


def test_an_answer_that_somebody_stopped_ends_like_any_other() -> None:
    stopped = {**ENVELOPE, "error": {**ENVELOPE["error"], "code": "cancelled"}}  # type: ignore[dict-item]
    assert b'"error"' not in failed(stopped)
    assert b'"finish_reason":"stop"' in failed(stopped)


def test_the_same_frames_give_the_same_bytes_however_they_are_cut() -> None:
    frames = [
        frame({"object": "chat.completion.chunk", "choices": [CHOICE]}, 1),
        frame(beside("tool_use", input={}), 2),
        frame(ENVELOPE, 3),
        b"id: 4\ndata: [DONE]\n\n",
    ]
    headers = {"x-run-id": RUN}
    whole = shaped(b"".join(frames), headers)
    assert b"".join(shaped(one, headers) for one in frames) == whole
    for cut in range(len(frames)):
        assert whole.endswith(shaped(b"".join(frames[cut:]), headers))
