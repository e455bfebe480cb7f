"""Searches of the web that upstream has run, as items."""

from __future__ import annotations

from claude_gateway.dialects.responses.output import DONE, Block, Client, Item
from claude_gateway.dialects.responses.searches import NAME
from claude_gateway.types.rawjson import RawJson

NOTHING: Block = {}


def is_search_call(block: Block) -> bool:
    """Whether upstream itself searches the web here."""
    return block.get("type") == "server_tool_use" and block.get("name") == NAME


def answers(block: Block, asked: Block) -> bool:
    """Whether a block is the result of the search that was asked for."""
    id_ = asked.get("id")
    result = block.get("type") == "web_search_tool_result"
    return result and id_ is not None and block.get("tool_use_id") == id_


def search(asked: Block, client: Client, index: int, result: Block = NOTHING) -> Item:
    """Return a search of the web, and what it found if that is wanted."""
    query = _query(asked.get("input"))
    found = result.get("content")
    action: Item = {"type": "search", "query": query, "queries": [query] if query else []}
    if client.sources:
        pages = found if isinstance(found, list) else []
        action["sources"] = [
            {"type": "url", "url": page["url"]}
            for page in pages
            if isinstance(page, dict) and isinstance(page.get("url"), str)
        ]
    status = "failed" if isinstance(found, dict) else DONE
    id_ = client.id("ws", index)
    return {"id": id_, "type": "web_search_call", "status": status, "action": action}


def _query(given: object) -> str:
    """Return what is searched for; the input may still be JSON."""
    try:
        given = RawJson(given).value if isinstance(given, str) else given
        given = given.value if isinstance(given, RawJson) else given
    except (ValueError, RecursionError):
        return ""
    query = given.get("query") if isinstance(given, dict) else None
    return query if isinstance(query, str) else ""
