"""What things are called by a client that sees several servers at once, and by one that sees one.

Together, a tool or prompt is `<server>__<name>` and a resource `gateway://<server>/<its own URI>`,
so that no server can stand in another one's place. One alone keeps its own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.errors import NotFound
from claude_gateway.toolbox import Entry
from claude_gateway.toolbox.names import wire_name

SCHEME = "gateway://"


@dataclass(frozen=True, slots=True)
class Names:
    """`only` is the one server that is seen; None when there are several."""

    only: str | None = None

    def tool(self, entry: Entry) -> str:
        """Return what a tool is called."""
        return entry.wire_name if self.only is None else entry.tool.name

    def prompt(self, server: str, name: str) -> str:
        """Return what a prompt is called."""
        return wire_name(server, name) if self.only is None else name

    def uri(self, server: str, uri: str) -> str:
        """Return where a resource is, or the pattern of where some are."""
        return f"{SCHEME}{server}/{uri}" if self.only is None else uri

    def place(self, uri: str) -> tuple[str, str]:
        """Return the server, and its own URI for it. Raises NotFound."""
        if self.only is not None:
            return self.only, uri
        server, slash, own = uri.removeprefix(SCHEME).partition("/")
        if not uri.startswith(SCHEME) or not slash or not own:
            raise NotFound(f"Resources here are called {SCHEME}SERVER/URI, as they are listed.")
        return server, own

    def content(self, server: str, block: Mapping[str, object]) -> Mapping[str, object]:
        """Return a content block whose links can be followed here."""
        if self.only is not None:
            return block
        if block.get("type") == "resource_link":
            return self.contents(server, block)
        inner = block.get("resource")
        if block.get("type") == "resource" and isinstance(inner, Mapping):
            return {**block, "resource": self.contents(server, inner)}
        return block

    def contents(self, server: str, contents: Mapping[str, object]) -> Mapping[str, object]:
        """Return what was read, under the URI that it has here."""
        uri = contents.get("uri")
        return {**contents, "uri": self.uri(server, uri)} if isinstance(uri, str) else contents
