"""An app learns in time that its model goes away."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claude_gateway import ModelInfo
from claude_gateway.testing.raw import chat_body, message_body
from claude_gateway.web.lifecycle import lifecycle

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving

CALLS = [
    ("/v1/chat/completions", chat_body(model="m")),
    ("/v1/chat/completions", chat_body(model="m", stream=True)),
    ("/v1/messages", message_body(model="m")),
    ("/v1/messages", message_body(model="m", stream=True)),
]


def test_what_stays_says_nothing() -> None:
    assert lifecycle(ModelInfo("m", legacy=True)) == {}


def test_days_are_written_as_their_headers_want_them() -> None:
    going = ModelInfo("m", deprecated=date(2026, 9, 1), retires=date(2027, 3, 1))
    assert lifecycle(going) == {
        "Deprecation": "@1788220800",
        "Sunset": "Mon, 01 Mar 2027 00:00:00 GMT",
    }


@pytest.mark.parametrize(("path", "body"), CALLS)
async def test_every_answer_of_a_model_that_goes_says_so(
    serving: Serving, scripted: type[Scripted], tmp_path: Path, path: str, body: bytes
) -> None:
    table = tmp_path / "models.toml"
    table.write_text("[[models]]\nid = 'm'\ndeprecated = 2026-09-01\nretires = 2027-03-01")
    async with serving(scripted(), GATEWAY_MODELS_FILE=str(table)) as app:
        answer = await app.ask("POST", path, body)
        (model,) = (await app.ask("GET", "/v1/models/capabilities")).json["models"]
    assert answer.status == 200
    assert answer.header("deprecation") == "@1788220800"
    assert answer.header("sunset") == "Mon, 01 Mar 2027 00:00:00 GMT"
    assert model["lifecycle"]["deprecated"] == "2026-09-01"
