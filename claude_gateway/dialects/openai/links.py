"""Where in a request of OpenAI's dialects a URL stands for an image or a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from claude_gateway.dialects.openai.media import is_link

# What holds parts, in a message or a tool's answer, of either dialect.
ITEMS, CONTENTS = ("messages", "input"), ("content", "output")


@dataclass(frozen=True, slots=True)
class Link:
    """A URL at `path` of the request; `holder[key]` is that place in what was parsed of it."""

    holder: dict[str, object]
    key: str
    path: str

    @property
    def url(self) -> str:
        """What stands there."""
        return str(self.holder[self.key])

    def replace(self, url: str) -> None:
        """Let another URL stand there."""
        self.holder[self.key] = url


def links(fields: Mapping[str, object]) -> list[Link]:
    """Find every http(s) URL that the dialect reads as an image or a document, in order."""
    return [
        link
        for items in ITEMS
        for item, path in _objects(fields.get(items), items)
        for content in CONTENTS
        for part, where in _objects(item.get(content), f"{path}.{content}")
        for link in _of_part(part, where)
        if isinstance(link.holder.get(link.key), str) and is_link(link.url)
    ]


def _of_part(part: dict[str, object], path: str) -> Iterator[Link]:
    kind = part.get("type")
    if kind in ("image_url", "input_image"):
        image = part.get("image_url")
        if isinstance(image, dict):
            yield Link(image, "url", f"{path}.image_url.url")
        else:
            yield Link(part, "image_url", f"{path}.image_url")
    elif kind == "input_file":
        yield Link(part, "file_url", f"{path}.file_url")
    elif kind == "file" and isinstance(file := part.get("file"), dict):
        yield Link(file, "file_url", f"{path}.file.file_url")


def _objects(values: object, path: str) -> Iterator[tuple[dict[str, object], str]]:
    for i, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, dict):
            yield value, f"{path}[{i}]"
