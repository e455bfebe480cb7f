"""What is passed on of another worker's answer: whether it is all of it, however it was cut."""

from __future__ import annotations

import pytest

from claude_gateway.web.relay import _Answer

HEAD = b"HTTP/1.1 200 OK\r\nServer: claude_gateway\r\n"
SIZED = HEAD + b"Content-Length: 5\r\n\r\nHello"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n"
NOTHING = b"HTTP/1.1 204 No Content\r\nServer: claude_gateway\r\n\r\n"


def passed(data: bytes, step: int, *, bodiless: bool = False) -> _Answer:
    answer = _Answer(bodiless=bodiless)
    for at in range(0, len(data), step):
        answer.passed(data[at : at + step])
    return answer


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize("data", [SIZED, CHUNKED, NOTHING], ids=["sized", "chunked", "nothing"])
def test_an_answer_is_whole_when_its_last_byte_has_come(data: bytes, step: int) -> None:
    answer = passed(data, step)
    assert answer.whole
    assert answer.size == len(data)
    assert answer.status == int(data[9:12])


@pytest.mark.parametrize("data", [SIZED, CHUNKED, NOTHING], ids=["sized", "chunked", "nothing"])
def test_an_answer_that_breaks_off_anywhere_is_not_whole(data: bytes) -> None:
    for size in range(len(data)):
        assert not passed(data[:size], 3).whole, data[:size]


def test_the_answer_to_head_is_its_head() -> None:
    answer = passed(SIZED.removesuffix(b"Hello"), 4, bodiless=True)
    assert answer.whole
