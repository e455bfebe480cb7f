"""Chunks whose sizes tell nothing of the words in them, for who asks: `stream_options.include_obfuscation`."""

from __future__ import annotations

from collections.abc import Sequence

from claude_gateway.dialects.encoder import Encoder
from claude_gateway.errors import GatewayError
from claude_gateway.types.events import Event

BUCKET = 128  # bytes; a multiple of it is each frame, so that most pieces of text look alike
END = b"}\n\n"
FIELD, CLOSE = b',"obfuscation":"', b'"'
# Who reads along sees how long it is, and not what it says.
FILL = b"0" * BUCKET


class Padded(Encoder):
    """Writes what another encoder does, each chunk made longer."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def feed(self, batch: Sequence[Event]) -> bytes:
        """Return the frames of these events, possibly none."""
        frames = self._encoder.feed(batch)
        return b"".join(padded(frame + b"\n\n") for frame in frames.split(b"\n\n")[:-1])

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        """Return the frames that end a stream that went wrong; these have no words of the answer."""
        return self._encoder.fail(error, request_id)


def padded(frame: bytes) -> bytes:
    """Return a chunk with a field that fills it up; what is none, such as the end, stays as it is."""
    if not frame.endswith(END):
        return frame
    missing = -(len(frame) + len(FIELD) + len(CLOSE)) % BUCKET
    return b"%b%b%b%b%b" % (frame[: -len(END)], FIELD, FILL[:missing], CLOSE, END)


def wanted(encoder: Encoder, *, pads: bool) -> Encoder:
    """Return what writes as this encoder does, padded where that is asked for."""
    return Padded(encoder) if pads else encoder
