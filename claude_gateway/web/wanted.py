"""A request in one of OpenAI's dialects, translated for whichever model is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from multidict import istr

from claude_gateway.dialects.openai.completion import final_text
from claude_gateway.dialects.openai.fitting import fits
from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.visible import visible
from claude_gateway.engine.thinking import binds
from claude_gateway.errors import InvalidRequest
from claude_gateway.models.catalogue import Resolved
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import ModelRequest
from claude_gateway.web.gateway import PRINCIPAL

IGNORED = "x-gateway-ignored-params"
LEFT_OUT = "x-gateway-left-out-tools"
MISSING_RESULTS, STRICT = istr("x-gateway-missing-tool-results"), istr("x-gateway-strict")


class Asked(Protocol):
    """What a request asks for, whatever the model."""

    @property
    def stream(self) -> bool: ...

    @property
    def affinity(self) -> str: ...


class Wanted:
    """What is asked of a model; models differ in what they take.

    `may_forget` says whether thinking may be left out when upstream rejects it, `affinity` which
    requests should meet the same account.
    """

    may_forget = False

    def __init__(
        self, request: web.Request, asked: Asked, translate: Callable[[ModelInfo], Translated]
    ) -> None:
        self._stream = asked.stream
        self.affinity = asked.affinity
        self._translate = translate
        self._strict = request.headers.get(STRICT, "").lower() == "true"
        self._upstream_key = request[PRINCIPAL].upstream_key
        self.headers: dict[str, str] = {}

    def of(self, resolved: Resolved) -> ModelRequest:
        """Translate for this model; `translated` and `headers` are about the one asked last."""
        translated = self._translate(resolved.model)
        if translated.ignored and self._strict:
            raise _not_supported(translated.ignored)
        self.translated = translated
        self.headers.pop(IGNORED, None)
        if translated.ignored:
            self.headers[IGNORED] = ",".join(translated.ignored)
        if translated.left_out:
            self.headers[LEFT_OUT] = ",".join(translated.left_out)
        return ModelRequest(
            resolved.model.id,
            translated.params,
            stream=self._stream,
            upstream_key=self._upstream_key,
            affinity=self.affinity,
            binds_thinking=binds(resolved.model),
            may_forget=self.may_forget,
            open_ended=translated.open_ended,
        )

    async def judge(self, message: Mapping[str, object]) -> None:
        """Say in the headers whether a whole answer has the shape that was asked for, if any."""
        shape = self.translated.shape
        message = visible(message, self.translated.owned)
        if shape is not None and (text := final_text(message)) is not None:
            # The schema is the client's and may be large; nobody else waits for it.
            verdict = await asyncio.to_thread(fits, text, shape.schema)
            self.headers["x-gateway-schema-valid"] = verdict


def fills_in(request: web.Request) -> bool:
    """Whether the client wants an error in the place of results that its history lacks."""
    wish = request.headers.get(MISSING_RESULTS)
    if wish is None:
        return False
    wish = wish.lower()
    if wish not in ("refuse", "synthesize"):
        raise InvalidRequest(
            f"{MISSING_RESULTS} must be refuse or synthesize.",
            code="invalid_header",
            param=MISSING_RESULTS,
        )
    return wish == "synthesize"


def _not_supported(ignored: Sequence[str]) -> InvalidRequest:
    return InvalidRequest(
        f"Not supported by this model or gateway: {', '.join(ignored)}. Without x-gateway-strict "
        "they would be ignored.",
        code="unsupported_parameter",
        param=ignored[0],
    )
