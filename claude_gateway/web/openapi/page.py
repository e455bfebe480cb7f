"""The page for people: one file of plain HTML, which runs no script and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from claude_gateway.dialects.shapes import PARAMETERS
from claude_gateway.web.openapi.sample import sample

STYLE = """
:root{color-scheme:light dark;--line:light-dark(#ddd,#444);--soft:light-dark(#f5f5f4,#242422);--link:light-dark(#a8451f,#e8926b)}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
a{color:var(--link)}code,pre{font:.875rem/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:4px}
h2{margin-top:2.5rem}details{border-top:1px solid var(--line);padding:.35rem 0}summary{cursor:pointer}
summary code{font-weight:600}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}
nav a{margin-right:.75rem}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
PLAIN = ("type", "properties", "required")  # of an object whose fields are shown
KEY = '-H "x-api-key: $KEY"'


def page(document: Mapping[str, Any]) -> bytes:
    """Write the document for people."""
    return "\n".join(_page(document)).encode()


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    info, tags = document["info"], _by_tag(document["paths"])
    title = escape(f"{info['title']} {info['version']}")
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
    yield f"<p>{_prose(info['description'])}</p>"
    yield '<p>For programs: <a href="/openapi.json"><code>/openapi.json</code></a>.</p><nav>'
    yield from (f'<a href="#{tag}">{tag}</a>' for tag in tags)
    yield '<a href="#schemas">schemas</a></nav>'
    for tag, found in tags.items():
        yield f'<h2 id="{tag}">{tag}</h2>'
        for method, path, operation in found:
            yield from _operation(method, path, operation)
    yield '<h2 id="schemas">schemas</h2>'
    for name, shape in document["components"]["schemas"].items():
        yield f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        yield from _shape(shape)
        yield "</details>"
    yield "</body></html>\n"


def _by_tag(paths: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
    found: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            found.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return found


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<details id="{escape(operation["operationId"])}"><summary><code>{method} {escape(path)}</code> '
    yield f"{_prose(operation['summary'])}</summary><p>{_prose(operation['description'])}</p>"
    yield from _parameters(operation.get("parameters", ()))
    body: Mapping[str, Any] = operation.get("requestBody", {})
    for kind, said in body.get("content", {}).items():
        yield f"<p>Body: {kind}, {_schema(said)}{'' if body['required'] else '; it may be left out'}.</p>"
    yield f"<pre>{escape(curl(method, path, operation))}</pre><table>"
    answers = operation["responses"].items()
    for status, answer in answers:
        if "$ref" not in answer:
            yield f"<tr><td>{escape(status)}</td><td>{_answer(answer)}</td></tr>"
    failures = ", ".join(status for status, answer in answers if "$ref" in answer)
    yield f'<tr><td>fails</td><td>{failures}: <a href="#schema-Error">Error</a></td></tr>'
    yield "</table></details>"


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if parameters:
        yield "<table><tr><th>parameter</th><th>in</th><th>what</th></tr>"
        for parameter in map(_resolved, parameters):
            said = f"{_prose(parameter.get('description', ''))} {_json(parameter['schema'])}"
            yield f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td><td>{said}</td></tr>"
        yield "</table>"


def _resolved(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    return PARAMETERS[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter


def _answer(answer: Mapping[str, Any]) -> str:
    kinds = (f"{kind} {_schema(said)}".strip() for kind, said in answer.get("content", {}).items())
    return "; ".join((escape(answer["description"]), *kinds))


def _schema(said: Mapping[str, Any]) -> str:
    name = said.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f'<a href="#schema-{name}">{name}</a>' if name else ""


def curl(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return a command to begin with."""
    verb = "" if method == "GET" else f"-X {method} "
    lines = [f'curl {verb}"$URL{path.replace("{", "$").replace("}", "")}"']
    if operation["security"]:
        lines.append(KEY)
    for said in operation.get("requestBody", {}).get("content", {}).values():
        body = json.dumps(sample(said["schema"]))
        lines.append(f"-H 'Content-Type: application/json' -d '{body}'")
    return " \\\n  ".join(lines)


def _shape(shape: Mapping[str, Any]) -> Iterator[str]:
    """Show the fields of an object, a line for each, and then what else there is to say."""
    needed, fields = shape.get("required", ()), shape.get("properties", {})
    if fields:
        yield "<table><tr><th>field</th><th>what</th></tr>"
        for name, field in fields.items():
            star = " *" if name in needed else ""
            yield f"<tr><td><code>{escape(name)}</code>{star}</td><td>{_json(field)}</td></tr>"
        yield "</table>"
    rest = {key: said for key, said in shape.items() if key not in PLAIN}
    if rest:
        yield f"<p>{_json(rest)}</p>"


def _json(value: object) -> str:
    return f"<code>{escape(json.dumps(value, separators=(', ', ': ')))}</code>"


def _prose(text: str) -> str:
    """Escape words; what stands between backticks is code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if at % 2 else p for at, p in enumerate(pieces))
