"""Where the model has something from: Anthropic's citations as annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def annotated(block: Mapping[str, object], text: str) -> list[dict[str, object]]:
    """Translate a text block's citations, as far as OpenAI has words for them.

    A citation is of its whole block: there is no finer place to tell.
    """
    citations = block.get("citations")
    found = citations if isinstance(citations, list) else []
    return [a for citation in found if isinstance(citation, dict) and (a := _one(citation, text))]


def _one(citation: Mapping[str, object], text: str) -> dict[str, object] | None:
    url = _text(citation, "url", "source")
    if url.startswith(("https://", "http://")):
        title = _text(citation, "title")
        place: dict[str, object] = {"start_index": 0, "end_index": len(text)}
        return {"type": "url_citation", "url": url, "title": title, **place}
    if file_id := _text(citation, "file_id"):
        name = _text(citation, "document_title", "title")
        return {"type": "file_citation", "file_id": file_id, "filename": name, "index": len(text)}
    return None


def _text(citation: Mapping[str, object], *keys: str) -> str:
    found: Sequence[object] = [citation.get(key) for key in keys]
    return next((value for value in found if isinstance(value, str) and value), "")
