"""One envelope, and what each client makes of it."""

from __future__ import annotations

import anthropic
import httpx2
import openai
import pytest

from claude_gateway.dialects.envelope import envelope
from claude_gateway.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    Unauthorized,
    UpstreamError,
)

WRONG = InvalidRequest("n must be 1.", code="unsupported_value", param="n")


def test_an_envelope_says_everything_once() -> None:
    assert envelope(WRONG, "req_1") == {
        "type": "error",
        "error": {
            "code": "unsupported_value",
            "message": "n must be 1.",
            "status": 400,
            "type": "invalid_request_error",
            "param": "n",
        },
        "request_id": "req_1",
    }


def test_the_status_is_the_one_that_is_sent() -> None:
    error = envelope(Overloaded("Later."), "req_1", 503)["error"]
    assert isinstance(error, dict)
    assert error["status"] == 503


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (WRONG, openai.BadRequestError),
        (Unauthorized("Who?"), openai.AuthenticationError),
        (Forbidden("No."), openai.PermissionDeniedError),
        (NotFound("Where?"), openai.NotFoundError),
        (Conflict("Busy."), openai.ConflictError),
        (RateLimited("Slowly."), openai.RateLimitError),
        (UpstreamError("Broken."), openai.InternalServerError),
        (InternalError("Broken."), openai.InternalServerError),
    ],
)
async def test_openai_raises_the_fitting_exception(
    error: GatewayError, kind: type[openai.APIStatusError]
) -> None:
    async def answer(_: httpx2.Request) -> httpx2.Response:
        body = envelope(error, "req_1")
        return httpx2.Response(error.status, json=body, headers={"x-request-id": "req_1"})

    async with (
        httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http,
        openai.AsyncOpenAI(api_key="k", max_retries=0, http_client=http) as client,
    ):
        with pytest.raises(kind) as failure:
            await client.models.list()
    raised = failure.value
    assert (raised.code, raised.param, raised.type) == (error.code, error.param, error.type)
    assert raised.request_id == "req_1"
    assert error.message in raised.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (WRONG, anthropic.BadRequestError),
        (Unauthorized("Who?"), anthropic.AuthenticationError),
        (Forbidden("No."), anthropic.PermissionDeniedError),
        (NotFound("Where?"), anthropic.NotFoundError),
        (Conflict("Busy."), anthropic.ConflictError),
        (PayloadTooLarge("Less."), anthropic.APIStatusError),
        (RateLimited("Slowly."), anthropic.RateLimitError),
        (UpstreamError("Broken."), anthropic.InternalServerError),
        (Overloaded("Later."), anthropic.InternalServerError),
    ],
)
async def test_anthropic_raises_the_fitting_exception(
    error: GatewayError, kind: type[anthropic.APIStatusError]
) -> None:
    async def answer(_: httpx2.Request) -> httpx2.Response:
        body = envelope(error, "req_1")
        return httpx2.Response(error.status, json=body, headers={"request-id": "req_1"})

    async with (
        httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http,
        anthropic.AsyncAnthropic(api_key="k", max_retries=0, http_client=http) as client,
    ):
        with pytest.raises(kind) as failure:
            await client.models.list()
    raised = failure.value
    assert (raised.type, raised.request_id) == (error.type, "req_1")
    assert raised.body == envelope(error, "req_1")
