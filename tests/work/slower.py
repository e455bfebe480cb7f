"""What a careless change might do: a wrapper around each write. Run before the gateway is."""

from claude_gateway.web.streams import EventStream

send = EventStream.send


async def checked(data: bytes) -> bytes:
    return b"".join(bytes([byte]) for byte in data)


async def send_checked(stream: EventStream, data: bytes) -> None:
    await send(stream, await checked(data))


EventStream.send = send_checked  # type: ignore[method-assign,assignment]
