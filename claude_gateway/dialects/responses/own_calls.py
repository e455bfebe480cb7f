"""Calls that the gateway runs, while a streamed answer unfolds."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway import sse
from claude_gateway.dialects.responses.output import DONE, Client, own_call
from claude_gateway.dialects.responses.unfolding import BEGUN, Delta, Said, added, done
from claude_gateway.types.events import InputDelta


class OwnCall:
    """A call of one of the gateway's tools. It is closed before its result has come."""

    exact = False  # what the model was given is no part of it

    def __init__(self, client: Client, index: int, block: Mapping[str, object]) -> None:
        self._client, self._index, self._block = client, index, {**block}
        self._pieces: list[str] = []
        self.id = str(block.get("id"))
        self.item = own_call({**block, "input": ""}, client, index, BEGUN)
        self._place = {"item_id": self.item["id"], "output_index": index}

    def start(self) -> Said:
        """Say that there is one more."""
        yield added(self._index, {**self.item})
        yield "response.mcp_call.in_progress", self._place

    def take(self, delta: Delta) -> Said:
        """Add to the arguments."""
        if isinstance(delta, InputDelta) and delta.partial_json:
            self._pieces.append(delta.partial_json)
            said = {**self._place, "delta": delta.partial_json}
            yield "response.mcp_call_arguments.delta", said

    def close(self, status: str) -> Said:
        """Say that the arguments are complete."""
        given = "".join(self._pieces)
        if not given.strip():
            given = sse.compact(self._block.get("input") or {}).decode()
        self._block["input"] = self.item["arguments"] = given
        if status == DONE:
            yield "response.mcp_call_arguments.done", {**self._place, "arguments": given}

    def end(self) -> Said:
        """Say what became of it, which is known now."""
        self.item |= own_call(self._block, self._client, self._index)
        status = str(self.item["status"])
        if status in (DONE, "failed"):
            yield f"response.mcp_call.{status}", self._place
        yield done(self._index, self.item)
