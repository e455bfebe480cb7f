"""A whole plugin: a backend that serves one model, `parrot-1`, and repeats what it is told."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from claude_gateway import (
    BlockStart,
    BlockStop,
    Event,
    InvalidRequest,
    MessageDelta,
    MessageStart,
    MessageStop,
    ModelBackend,
    ModelInfo,
    ModelRequest,
    Offer,
    Setting,
    Settings,
    TextDelta,
    hookimpl,
)

GREETING = Setting("PARROT_GREETING", str, "", "Said before everything else.", section="Parrot")


class Parrot:
    """Answers with the last thing that was said."""

    def __init__(self, greeting: str) -> None:
        self.models = (ModelInfo("parrot-1", name="Parrot", owned_by="me", max_tokens=1000),)
        self._greeting = greeting

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        """Yield the events of one answer; a GatewayError raised here reaches the client."""
        if not request.messages:
            raise InvalidRequest("A parrot needs something to repeat.", param="messages")
        said = f"{self._greeting} {request.messages[-1]['content']}".strip()
        counted = {"input_tokens": len(said.split()), "output_tokens": 0}
        yield MessageStart(
            {
                "id": "msg_parrot",
                "type": "message",
                "role": "assistant",
                "model": request.model,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": counted,
            }
        )
        yield BlockStart(0, {"type": "text", "text": ""})
        for word in said.split():
            yield TextDelta(0, word + " ")
        yield BlockStop(0)
        yield MessageDelta(
            {"stop_reason": "end_turn", "stop_sequence": None},
            {**counted, "output_tokens": len(said.split())},
        )
        yield MessageStop()


class Plugin:
    """What the gateway asks, once, at the start."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return [GREETING]

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ModelBackend]:
            # Open connections here; what is after the yield runs when the gateway stops.
            yield Parrot(settings[GREETING])

        return [Offer("parrot", opened)]


plugin = Plugin()
