"""Upstream's failures, as a caller of the backend meets them, over every transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

import anthropic
import httpx2
import pytest
from anthropic import _exceptions as sdk  # not all of its classes are exported
from claude_gateway_anthropic.backend import AnthropicBackend, open_backend
from claude_gateway_anthropic.failures import from_response
from claude_gateway_anthropic.settings import Account

from claude_gateway import (
    Conflict,
    Event,
    Forbidden,
    GatewayError,
    InvalidRequest,
    ModelRequest,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    Secret,
    TextDelta,
    Unauthorized,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from claude_gateway.testing import Cut, FakeAnthropic, Hang, Reply, Stream
from claude_gateway.testing.wire import MODEL, error, error_event, sse, text_stream

REQUEST = ModelRequest(MODEL, {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]})
FRAMES = text_stream("one", "two")
LONG = f'{{"a":"{"x" * 20_000}"}}'
SDK = anthropic.Anthropic(api_key="sk-ant-x", base_url="http://localhost")

STATUSES: Mapping[int, tuple[str, type[GatewayError], bool]] = {
    400: ("invalid_request_error", InvalidRequest, False),
    401: ("authentication_error", UpstreamError, False),
    402: ("billing_error", UpstreamError, False),
    403: ("permission_error", UpstreamError, False),
    404: ("not_found_error", NotFound, False),
    408: ("timeout_error", UpstreamError, True),
    409: ("conflict_error", Conflict, True),
    413: ("request_too_large", PayloadTooLarge, False),
    418: ("api_error", UpstreamError, False),
    422: ("invalid_request_error", InvalidRequest, False),
    429: ("rate_limit_error", RateLimited, True),
    500: ("api_error", UpstreamError, True),
    501: ("api_error", UpstreamError, True),
    502: ("api_error", UpstreamError, True),
    503: ("api_error", Unavailable, True),
    504: ("timeout_error", UpstreamTimeout, True),
    529: ("overloaded_error", Overloaded, True),
}


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as upstream:
        yield upstream


@pytest.fixture
async def backend(
    upstream: FakeAnthropic, account: Callable[..., Account]
) -> AsyncGenerator[AnthropicBackend]:
    async with open_backend(account(upstream.url)) as backend:
        yield backend


async def streamed(backend: AnthropicBackend, request: ModelRequest = REQUEST) -> list[Event]:
    async with aclosing(backend.stream(request)) as stream:
        return [event async for event in stream]


async def refused(
    backend: AnthropicBackend, request: ModelRequest = REQUEST, *, whole: bool = False
) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await (backend.complete(request) if whole else streamed(backend, request))
    return caught.value


async def broken_off(
    backend: AnthropicBackend, notice: Callable[[int], object] = bool
) -> tuple[list[Event], GatewayError]:
    """Return the events of a stream that fails, and how; `notice` is told how many have come."""
    events: list[Event] = []
    try:
        async with aclosing(backend.stream(REQUEST)) as stream:
            async for event in stream:
                events.append(event)
                notice(len(events))
    except GatewayError as exc:
        return events, exc
    raise AssertionError("it did not fail")


# --- refusals


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("status", STATUSES)
async def test_a_refusal_becomes_an_error_of_ours(
    upstream: FakeAnthropic, backend: AnthropicBackend, status: int, whole: bool
) -> None:
    kind, expected, again = STATUSES[status]
    upstream.script(Reply(status, error(kind, "So it is")))
    exc = await refused(backend, whole=whole)
    assert type(exc) is expected
    assert exc.should_retry is again
    assert "So it is" in exc.message or status in (401, 403)
    assert len(await streamed(backend)) > 5  # the next is answered


async def test_details_for_programs_are_kept(
    upstream: FakeAnthropic, backend: AnthropicBackend
) -> None:
    details = {"error_code": "thread_not_found", "future": [1, None]}
    said = {"error": {"type": "not_found_error", "message": "Gone.", "details": details}}
    upstream.script(Reply(404, said))
    assert (await refused(backend)).details == details
    upstream.script(Stream([*FRAMES[:4], sse("error", {"type": "error", **said})]))
    _, exc = await broken_off(backend)
    assert exc.details == details


@pytest.mark.parametrize("details", ["null", '"no"', "[]", '{"a":' * 300 + "1" + "}" * 300, LONG])
async def test_details_that_are_odd_are_left_out(
    upstream: FakeAnthropic, backend: AnthropicBackend, details: str
) -> None:
    body = f'{{"error":{{"type":"not_found_error","message":"Gone.","details":{details}}}}}'
    upstream.script(Reply(404, body.encode()))
    exc = await refused(backend)
    assert (exc.message, exc.details) == ("Gone.", None)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (
            (
                "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to "
                "a different conversation. Remove the block, or set …"
            ),
            "thinking_rejected",
        ),
        ("messages.3.content.1: Invalid `signature` in `thinking` block", "thinking_rejected"),
        ("x: invalid signature in redacted_thinking block", "thinking_rejected"),
        ("The block is bound to a different account.", "thinking_rejected"),
        (
            (
                "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant "
                "message cannot be modified. These blocks must remain as they were."
            ),
            "thinking_rejected",
        ),
        ("thinking.block_binding: Extra inputs are not permitted", "invalid_request"),
        ("messages.1: Expected `thinking`, but found `text`.", "invalid_request"),
        ("system: cannot be modified", "invalid_request"),
        ("Invalid signature", "invalid_request"),
    ],
)
async def test_t08_thinking_that_is_not_taken_back_has_a_code_of_its_own(
    upstream: FakeAnthropic, backend: AnthropicBackend, message: str, code: str
) -> None:
    upstream.script(Reply(400, error("invalid_request_error", message)))
    exc = await refused(backend)
    assert (exc.code, exc.type, exc.should_retry) == (code, "invalid_request_error", False)
    assert exc.message == message


async def test_t08_only_a_refusal_of_the_request_is_about_its_thinking(
    upstream: FakeAnthropic, backend: AnthropicBackend
) -> None:
    upstream.script(Reply(500, error("api_error", "The block is bound to a different universe.")))
    assert (await refused(backend)).code != "thinking_rejected"


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'{"error":"no"}', b"\xff"])
async def test_a_refusal_that_is_not_anthropics_says_its_status(
    upstream: FakeAnthropic, backend: AnthropicBackend, body: bytes
) -> None:
    upstream.script(Reply(500, body))
    assert "500" in (await refused(backend)).message


@pytest.mark.parametrize(
    ("headers", "seconds", "again"),
    [
        ({"retry-after": "7"}, 7.0, True),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25, True),
        ({"retry-after": "0.5"}, 0.5, True),
        ({"retry-after": "-1"}, None, True),
        ({"retry-after": "inf"}, None, True),
        ({"retry-after": "nan"}, None, True),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None, True),
        ({"x-should-retry": "false"}, None, False),
        ({"x-should-retry": "true"}, None, True),
        ({"x-should-retry": "perhaps"}, None, True),
    ],
)
async def test_what_upstream_says_of_another_try_is_kept(
    upstream: FakeAnthropic,
    backend: AnthropicBackend,
    headers: dict[str, str],
    seconds: float | None,
    again: bool,
) -> None:
    upstream.script(Reply(429, error("rate_limit_error", "Slow down"), headers))
    exc = await refused(backend)
    assert (exc.retry_after, exc.should_retry) == (seconds, again)


async def test_upstream_may_forbid_to_repeat_a_failure_and_ask_to_repeat_a_refusal(
    upstream: FakeAnthropic, backend: AnthropicBackend
) -> None:
    upstream.script(Reply(500, error("api_error", "No"), {"x-should-retry": "false"}))
    assert not (await refused(backend)).should_retry
    upstream.script(Reply(400, error("invalid_request_error", "No"), {"x-should-retry": "true"}))
    assert (await refused(backend)).should_retry


@pytest.mark.parametrize(("status", "expected"), [(401, Unauthorized), (403, Forbidden)])
async def test_a_callers_own_key_is_the_callers_own_fault(
    upstream: FakeAnthropic,
    backend: AnthropicBackend,
    status: int,
    expected: type[GatewayError],
) -> None:
    upstream.script(Reply(status, error("authentication_error", "invalid x-api-key")))
    own = ModelRequest(MODEL, REQUEST.params, upstream_key=Secret("sk-ant-theirs"))
    exc = await refused(backend, own)
    assert type(exc) is expected
    assert "sk-ant" not in exc.message
    assert upstream.turns[0].headers["x-api-key"] == "sk-ant-theirs"


@pytest.mark.parametrize("status", STATUSES)
def test_statuses_mean_what_anthropics_own_client_takes_them_for(status: int) -> None:
    kind, *_ = STATUSES[status]
    ours = from_response(status, b"{}", {}, own_key=True)
    theirs: dict[int, tuple[type[anthropic.APIStatusError], type[GatewayError]]] = {
        400: (anthropic.BadRequestError, InvalidRequest),
        401: (anthropic.AuthenticationError, Unauthorized),
        402: (sdk.PaymentRequiredError, UpstreamError),
        403: (anthropic.PermissionDeniedError, Forbidden),
        404: (anthropic.NotFoundError, NotFound),
        409: (anthropic.ConflictError, Conflict),
        413: (sdk.ContentTooLargeError, PayloadTooLarge),
        422: (anthropic.UnprocessableEntityError, InvalidRequest),
        429: (anthropic.RateLimitError, RateLimited),
        503: (sdk.ServiceUnavailableError, Unavailable),
        504: (sdk.GatewayTimeoutError, UpstreamTimeout),
        529: (sdk.OverloadedError, Overloaded),
    }
    said = _sdk_error(status, kind)
    class_of_theirs, class_of_ours = theirs.get(status, (anthropic.APIStatusError, UpstreamError))
    assert isinstance(said, class_of_theirs)
    assert type(ours) is class_of_ours
    assert ours.should_retry is _sdk_retries(status)


# --- streams that break


@pytest.mark.parametrize(
    "frames",
    [
        FRAMES[:-1],
        FRAMES[:3],
        [*FRAMES[:4], FRAMES[4][:20]],
        [*FRAMES[:4], FRAMES[4][:20], Cut()],
        [*FRAMES[:4], Cut()],
        [],
    ],
)
async def test_a_stream_without_its_end_is_an_error_after_its_events(
    upstream: FakeAnthropic, backend: AnthropicBackend, frames: list[bytes | Cut]
) -> None:
    heard = asyncio.Event()
    before = [frame for frame in frames[:-1] if isinstance(frame, bytes)]
    upstream.script(Stream([*before, heard, *frames[-1:]]))

    def notice(count: int) -> None:
        if count >= len(before):
            heard.set()

    events, exc = await broken_off(backend, notice)
    assert exc.code == "upstream_truncated"
    assert len(events) >= sum(frame.endswith(b"\n\n") for frame in before)


async def test_an_error_event_ends_the_stream_and_its_connection_after_the_events_before_it(
    upstream: FakeAnthropic, backend: AnthropicBackend
) -> None:
    upstream.script(Stream([b"".join([*FRAMES[:4], error_event()]), Hang()]))
    events, exc = await broken_off(backend)
    assert isinstance(exc, Overloaded)
    assert TextDelta(0, "one") in events
    assert await upstream.wait_closed() < 1


async def test_a_stream_is_over_at_its_last_event(
    upstream: FakeAnthropic, backend: AnthropicBackend
) -> None:
    upstream.script(Stream([*FRAMES, b": and more\n\n"]))
    assert len(await streamed(backend)) == len(FRAMES) + 1


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b'{"a":'])
async def test_an_answer_that_is_no_message_is_an_upstream_error(
    upstream: FakeAnthropic, backend: AnthropicBackend, body: bytes
) -> None:
    upstream.script(Reply(200, body))
    exc = await refused(backend, whole=True)
    assert exc.code == "upstream_malformed"


async def test_half_a_character_does_not_cost_a_whole_answer(
    upstream: FakeAnthropic, backend: AnthropicBackend
) -> None:
    upstream.script(Reply(200, b'{"content":[{"type":"text","text":"a\\ud83e"}]}'))
    answer = await backend.complete(REQUEST)
    assert answer.message == {"content": [{"type": "text", "text": "a\ufffd"}]}
    assert answer.body == '{"content":[{"type":"text","text":"a\ufffd"}]}'.encode()


async def test_health_tells_what_upstream_answers(
    upstream: FakeAnthropic, backend: AnthropicBackend, account: Callable[..., Account]
) -> None:
    assert (await backend.check_health()).ok
    upstream.script(Reply(401, error("authentication_error", "No")), path="/v1/models")
    assert not (await backend.check_health()).ok
    async with open_backend(account(upstream.url, api_key=Secret(""))) as keyless:
        assert (await keyless.check_health()).ok  # refused, so it was reached
    async with open_backend(account("http://127.0.0.1:1")) as nowhere:
        assert not (await nowhere.check_health()).ok


def _sdk_error(status: int, kind: str) -> anthropic.APIStatusError:
    body = {"type": "error", "error": {"type": kind, "message": "x"}}
    return SDK._make_status_error("x", body=body, response=_response(status))


def _sdk_retries(status: int) -> bool:
    return SDK._should_retry(_response(status))


def _response(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("POST", "http://localhost"))
