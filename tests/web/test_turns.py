"""Which requests are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from claude_gateway import OWNER, Principal
from claude_gateway.dialects.session_fields import NONE, SessionFields
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, Gateway
from claude_gateway.web.turns import lasts

if TYPE_CHECKING:
    from claude_gateway.runs import Runs

DETACHES = Principal("phone", "a phone", on_disconnect="detach")
DETACH, CANCEL = SessionFields(on_disconnect="detach"), SessionFields(on_disconnect="cancel")


class Fake:
    def __init__(self, *, store: bool) -> None:
        self.runs = cast("Runs", "runs") if store else None


@pytest.mark.parametrize(
    ("who", "about", "headers", "kept", "kept_without_store"),
    [
        (OWNER, NONE, {}, False, False),
        (OWNER, NONE, {"Idempotency-Key": "a"}, True, False),
        (OWNER, SessionFields("s"), {}, True, True),  # refused there: it cannot be done
        (OWNER, DETACH, {}, True, True),
        (DETACHES, NONE, {}, True, False),
        (DETACHES, CANCEL, {}, False, False),
    ],
)
def test_what_is_kept(
    who: Principal,
    about: SessionFields,
    headers: dict[str, str],
    *,
    kept: bool,
    kept_without_store: bool,
) -> None:
    for store, expected in ((True, kept), (False, kept_without_store)):
        app = web.Application()
        app[GATEWAY] = cast("Gateway", Fake(store=store))
        request = make_mocked_request("POST", "/", headers=headers, app=app)
        request[PRINCIPAL] = who
        assert lasts(request, about) is expected
