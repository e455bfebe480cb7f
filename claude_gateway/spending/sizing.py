"""How many tokens a prompt can have at the most, without asking anybody.

A token for every two bytes of text. Prose has a token for every three to four, and what is denser, such
as hexadecimal digits, is still covered by the rate that is reserved, which is twice that of plain input
wherever a cache can be written for an hour. Images and documents are not their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.engine.pauses import PAUSES
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.requests import ModelRequest

BYTES_A_TOKEN = 2
BETWEEN = 3  # bytes of punctuation that an entry of an object or a list has
NUMBER = 20  # bytes
# What upstream adds by itself, for tools above all; and the largest image.
ADDED, IMAGE = 1_000, 5_000


def prompt_tokens(request: ModelRequest, model: ModelInfo) -> int:
    """Return how many tokens the prompt has at the most.

    What cannot be measured here, as a document behind a link, counts as all that the model reads; so does
    what upstream's own tools may find.
    """
    size, tokens, unseen = _measured(request.params)
    if unseen or PAUSES.possible(request) or request.params.get("mcp_servers"):
        tokens += model.max_input_tokens
    return -(-size // BYTES_A_TOKEN) + tokens + ADDED


def _measured(params: object) -> tuple[int, int, bool]:
    """Return bytes of text, tokens of media, and whether there is something that cannot be measured."""
    size, tokens, unseen = 0, 0, False
    waiting = [params]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))
        elif isinstance(value, Mapping):
            media = _media(value)
            tokens += media or 0
            unseen = unseen or media is None
            waiting += value if media == 0 else (key for key in value if key != "source")
            waiting += [part for key, part in value.items() if media == 0 or key != "source"]
            size += BETWEEN * len(value)
        elif isinstance(value, list | tuple):
            waiting += value
            size += BETWEEN * len(value)
        else:
            size += len(value.text) if isinstance(value, RawJson) else NUMBER
    return size, tokens, unseen


def _media(block: Mapping[str, object]) -> int | None:
    """Return the tokens of an image or a document, 0 for what is text; None where nobody can tell."""
    kind, source = block.get("type"), block.get("source")
    if kind not in ("image", "document") or not isinstance(source, Mapping):
        return 0
    if kind == "image":
        return IMAGE
    data = source.get("data")
    if source.get("type") == "base64" and isinstance(data, str):
        return IMAGE + len(
            data
        )  # a page has some thousand bytes, and is read as text and as an image
    return 0 if source.get("type") in ("text", "content") else None
