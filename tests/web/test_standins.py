"""Who may be sent to another model, and at whose cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from claude_gateway import OWNER, ModelRequest, Principal, Secret
from claude_gateway.backends import Backend
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.fallbacks import Fallbacks
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, Gateway
from claude_gateway.web.standins import stand_ins

if TYPE_CHECKING:
    from tests.conftest import Scripted

FENCED = Principal("key_1", "phone", models=frozenset({"a", "x*"}))
BRINGS = Principal("byok_1", "bring-your-own key", upstream_key=Secret("sk-ant-mine"))


class Fake:
    def __init__(self, fallbacks: Fallbacks, catalogue: Catalogue) -> None:
        self.fallbacks = fallbacks
        self.catalogue = catalogue


@pytest.mark.parametrize(
    ("who", "models"), [(OWNER, ["b", "x"]), (BRINGS, ["b"]), (FENCED, ["x"])], ids=str
)
def test_s3_nobody_is_sent_where_somebody_else_pays_or_the_key_may_not_go(
    scripted: type[Scripted], who: Principal, models: list[str]
) -> None:
    backends = [Backend.of("s", scripted(models=["a", "b"])), Backend.of("t", scripted(models="x"))]
    catalogue = Catalogue(backends, {})
    app = web.Application()
    app[GATEWAY] = cast(
        "Gateway", Fake(Fallbacks([("a", ("b", "x"))], catalogue, "CHAINS"), catalogue)
    )
    request = make_mocked_request("POST", "/", app=app)
    request[PRINCIPAL] = who
    found = stand_ins(request, catalogue.resolve("a"), lambda r: ModelRequest(r.model.id, {}))
    assert [other.model for other in found] == models
    assert [other.request().model for other in found] == models
    assert stand_ins(request, catalogue.resolve("b"), lambda r: ModelRequest("", {})) == ()
