"""One commit of the app on a phone: what it sends, and whether it can read what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from claude_gateway.testing.raw import Response, ask, request
from claude_gateway_ios.testing.swift import decode
from claude_gateway_ios.testing.tables import KEYLESS, table

AGENT = "ClaudeCode/1 CFNetwork/1490.0.4 Darwin/23.2.0"
SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone; `key` is what its user has entered, which not every commit sends."""

    port: int
    commit: str = "C4"
    key: str = ""

    @property
    def chat_path(self) -> str:
        """Where it sends its turns."""
        return "/v1/chat/completions" if self.commit == "C1" else "/api/v1/chat/completions"

    def headers(self, *, stream: bool = False) -> dict[str, str]:
        """What it sends with every request; the first commit's reader of streams says nothing."""
        accepted = "text/event-stream" if stream and self.commit != "C1" else "*/*"
        said = {"User-Agent": AGENT, "Accept": accepted, "Accept-Language": "en-GB"}
        if self.key and self.commit not in KEYLESS:
            said["Authorization"] = f"Bearer {self.key}"
        return said

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request."""
        given = {**self.headers(), **(headers or {})}
        return await ask(self.port, method, path, encoded(body), given)

    async def read(
        self, what: str, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Any:
        """Send one request, and decode the answer as the app does. Raises DecodingError."""
        response = await self.ask(method, path, body)
        if response.status not in SUCCESS:
            raise AssertionError(f"{method} {path}: {response.status} {response.body!r}")
        return decode(table(self.commit)[what], response.body)

    def turn(
        self, words: str, session: str | None, *, stream: bool = True, **more: object
    ) -> dict[str, object]:
        """Return the body of a turn."""
        return {
            "model": "gpt-4",
            "project_id": "default",
            "session_id": session,
            "messages": [{"role": "user", "content": words}],
            "stream": stream,
            **more,
        }

    async def stream(
        self, words: str, session: str | None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Ask for a stream."""
        given = {**self.headers(stream=True), **(headers or {})}
        body = encoded(self.turn(words, session))
        return await ask(self.port, "POST", self.chat_path, body, given)

    def request(self, words: str, session: str | None) -> bytes:
        """Return the bytes of such a request."""
        body = encoded(self.turn(words, session))
        return request("POST", self.chat_path, body, self.headers(stream=True))


def encoded(body: Mapping[str, object] | None) -> bytes:
    r"""Encode as Foundation does, which writes `/` as `\/`."""
    if body is None:
        return b""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).replace("/", r"\/").encode()
