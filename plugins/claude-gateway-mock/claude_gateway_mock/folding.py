"""One message out of its events."""

from __future__ import annotations

import json

from claude_gateway import (
    Accepted,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    OtherEvent,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)


class Folded:
    """Collects events in `message`, which is whole after the last one."""

    def __init__(self) -> None:
        self.message: dict[str, object] = {}
        self._blocks: list[dict[str, object]] = []
        self._pieces: list[str] = []

    def add(self, event: Event) -> None:
        match event:
            case MessageStart(message):
                self.message = {**message, "content": self._blocks}
            case BlockStart(_, block):
                self._blocks.append(dict(block))
                self._pieces.clear()
            case TextDelta(_, piece) | ThinkingDelta(_, piece) | InputDelta(_, piece):
                self._pieces.append(piece)
            case SignatureDelta(_, signature):
                self._blocks[-1]["signature"] = signature
            case BlockStop():
                self._close(self._blocks[-1], "".join(self._pieces))
            case MessageDelta(delta, usage):
                self.message |= {**delta, "usage": usage}
            case Accepted() | MessageStop() | Ping() | OtherDelta() | OtherEvent():
                pass

    def _close(self, block: dict[str, object], said: str) -> None:
        match block.get("type"):
            case "text" | "thinking" as kind if said:
                block[str(kind)] = said
            case "tool_use" if said:
                block["input"] = json.loads(said)
            case _:
                pass  # came whole
