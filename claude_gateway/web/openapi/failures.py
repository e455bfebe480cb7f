"""How requests can fail: which statuses a route may answer with, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from claude_gateway.dialects.shapes import Shape
from claude_gateway.errors import Overloaded
from claude_gateway.web.operation import CONFLICT, FULL, NOT_FOUND, Operation

if TYPE_CHECKING:
    from claude_gateway.web.app import Route

MEANING: Mapping[int, str] = {
    400: "The request is wrong; `param` names the field.",
    401: "There is no key, or a wrong one.",
    403: "The key, the role in a shared project, or where the request comes from does not allow this.",
    404: "It does not exist, or is somebody else's and not shared.",
    405: "This cannot be done here.",
    406: "The client does not take what would be sent.",
    408: "The rest of the body did not come.",
    409: "It is busy, or in a state that forbids this.",
    410: "It is too late.",
    413: "The body, or the answer, is too large.",
    415: "The body is not JSON, or is compressed in another way than gzip or deflate.",
    429: "Too much, too fast: `Retry-After` says when to come back. Or a budget is used up.",
    500: "A defect of the gateway; the log has more under the request's id.",
    502: "The model's service failed, or answered something that cannot be used.",
    503: "Not now: stopping, or without what this needs.",
    504: "The model's service did not answer in time.",
    507: "There is no room to keep what must be kept.",
    529: "The model's service is overloaded.",
}
ALWAYS = (400, 403, 500, 503)
WITH_A_KEY = (401, 429)
WITH_A_BODY = (408, 413, 415)
OF_UPSTREAM = (NOT_FOUND, CONFLICT, 413, 502, 504, FULL)
ENVELOPE: Shape = {"$ref": "#/components/schemas/Error"}


def statuses(route: Route, says: Operation) -> list[int]:
    """Return the statuses that a failure of this route may have."""
    rule = route.rule
    asks_upstream = rule.turn or rule.overload_status == Overloaded.status
    found = {
        *ALWAYS,
        *says.fails,
        *(() if rule.public else WITH_A_KEY),
        *((NOT_FOUND,) if "{" in route.path else ()),
        *(WITH_A_BODY if says.takes else ()),
        *((*OF_UPSTREAM, rule.overload_status) if asks_upstream else ()),
    }
    return sorted(found)


def written(found: Iterable[int], fails_as: str = "") -> Mapping[str, Shape]:
    """Refer to them; `fails_as` is another shape that they may have."""
    return {str(s): {"$ref": f"#/components/responses/{_name(s, fails_as)}"} for s in found}


def failures(others: Iterable[str]) -> Mapping[str, Shape]:
    """Describe all that can go wrong, also where a failure may have one of these `others` shapes."""
    return {
        _name(status, fails_as): _response(meaning, fails_as)
        for fails_as in ("", *sorted(others))
        for status, meaning in MEANING.items()
    }


def _name(status: int, fails_as: str) -> str:
    return f"failed_{status}_as_{fails_as}" if fails_as else f"failed_{status}"


def _response(meaning: str, fails_as: str) -> Shape:
    either = {"anyOf": [ENVELOPE, {"$ref": f"#/components/schemas/{fails_as}"}]}
    content = {"application/json": {"schema": either if fails_as else ENVELOPE}}
    return {"description": meaning, "content": content}
