"""Chains of models are checked at the start, and followed one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claude_gateway.backends import Backend
from claude_gateway.errors import SettingsError
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.fallbacks import Fallbacks
from claude_gateway.settings import chains

if TYPE_CHECKING:
    from tests.conftest import Scripted


def fallbacks(scripted: type[Scripted], raw: str) -> Fallbacks:
    backend = Backend.of("s", scripted(models=["a", "b", "c"]))
    return Fallbacks(chains(raw), Catalogue([backend], {"alias": "a"}), "CHAINS")


def after(chain: Fallbacks, model: str) -> list[str]:
    return [resolved.model.id for resolved in chain.after(model)]


def test_a_chain_is_followed_in_its_order(scripted: type[Scripted]) -> None:
    found = fallbacks(scripted, "alias = b , c ;; *=a,b")
    assert after(found, "a") == ["b", "c"]
    assert after(found, "b") == ["a"]
    assert after(found, "elsewhere") == ["a", "b"]


def test_without_a_chain_nobody_else_is_asked(scripted: type[Scripted]) -> None:
    assert after(fallbacks(scripted, ""), "a") == []
    assert after(fallbacks(scripted, "a=b"), "b") == []


def test_every_mistake_is_named(scripted: type[Scripted]) -> None:
    with pytest.raises(SettingsError) as caught:
        fallbacks(scripted, "a=x,b;y=b;b=b;c=a;c=b")
    assert caught.value.mistakes == [
        "CHAINS: there is no model 'x' here",
        "CHAINS: there is no model 'y' here",
        "CHAINS: b falls back to itself",
        "CHAINS: c has two chains",
    ]


@pytest.mark.parametrize("raw", ["a", "a=", "=b", "a=b;c", "a=,"])
def test_what_is_no_chain_is_said(raw: str) -> None:
    with pytest.raises(ValueError, match="wants chains such as"):
        chains(raw)
