"""Resources, prompts and suggestions of servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from claude_gateway_mcp.keepers import Keeper

from claude_gateway import (
    Caller,
    HasPrompts,
    HasResources,
    InvalidRequest,
    NotFound,
    SuggestsValues,
    Unavailable,
    Unfinished,
)

if TYPE_CHECKING:
    from tests.conftest import Hosted, Serve, Tiny

ADA = Caller("ada")


async def test_resources_are_listed_and_read(serve: Serve, hosted: Hosted) -> None:
    async with hosted("http") as host, serve({"url": host.url}) as served:
        server = served.server
        assert isinstance(server, HasResources)
        (today,) = await server.resources(ADA)
        assert (today.uri, today.description) == ("note://today", "What there is to do.")
        (template,) = await server.resource_templates(ADA)
        assert template.uri_template == "note://{name}"
        (content,) = await server.read_resource("note://x", ADA)
        assert (content["uri"], content["text"]) == ("note://x", "This is x.")
        with pytest.raises(NotFound):
            await server.read_resource("other://x", ADA)


async def test_prompts_are_listed_and_filled_in(serve: Serve, hosted: Hosted) -> None:
    async with hosted("http") as host, serve({"url": host.url}) as served:
        server = served.server
        assert isinstance(server, HasPrompts)
        (greet,) = await server.prompts(ADA)
        assert [(part.name, part.required) for part in greet.arguments] == [("name", True)]
        (message,) = (await server.get_prompt("greet", {"name": "Ada"}, ADA)).messages
        assert message["content"] == {"type": "text", "text": "Say hello to Ada."}
        with pytest.raises(InvalidRequest, match="needs name"):
            await server.get_prompt("greet", {}, ADA)


async def test_suggestions_are_made(serve: Serve, hosted: Hosted) -> None:
    async with hosted("http") as host, serve({"url": host.url}) as served:
        server = served.server
        assert isinstance(server, SuggestsValues)
        for of in (
            Unfinished("name", "A", prompt="greet"),
            Unfinished("name", "A", uri_template="note://{name}", others={"b": "c"}),
        ):
            found = await server.suggest(of, ADA)
            assert (found.values, found.total, found.more) == (("Ada", "Alan"), 2, False)


@pytest.mark.parametrize("modes", [("auto",), ("legacy",)])
async def test_lists_that_change_are_read_again(
    serve: Serve, hosted_alone: Hosted, monkeypatch: pytest.MonkeyPatch, modes: tuple[str, ...]
) -> None:
    monkeypatch.setattr(Keeper, "_all_modes", lambda _: modes)
    monkeypatch.setattr("claude_gateway_mcp.links.STALE", 0.0 if modes == ("legacy",) else 1e9)
    async with hosted_alone("http") as host, serve({"url": host.url}) as served:
        server = served.server
        assert isinstance(server, HasResources)
        assert isinstance(server, HasPrompts)
        assert len(await server.resources(ADA)) == len(await server.prompts(ADA)) == 1
        await served.done("publish", name="news")
        async with asyncio.timeout(10):
            while len(await server.resources(ADA)) + len(await server.prompts(ADA)) < 4:
                await asyncio.sleep(0.01)


async def test_a_server_that_is_away_has_what_it_had_and_gives_nothing(
    serve: Serve, hosted_alone: Hosted
) -> None:
    async with hosted_alone("http") as host, serve({"url": host.url}) as served:
        server = served.server
        assert isinstance(server, HasResources)
        before = await server.resources(ADA)
        host.end()
        await served.refused("era")
        await served.becomes("error")
        assert await server.resources(ADA) == before
        with pytest.raises(Unavailable, match="cannot be reached"):
            await server.read_resource("note://today", ADA)


async def test_a_server_without_any_has_none(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny()) as served:
        server = served.server
        assert isinstance(server, HasResources)
        assert isinstance(server, HasPrompts)
        assert isinstance(server, SuggestsValues)
        assert [*await server.resources(ADA), *await server.prompts(ADA)] == []
        assert list(await server.resource_templates(ADA)) == []
        with pytest.raises(NotFound):
            await server.read_resource("note://x", ADA)
        with pytest.raises(NotFound):
            await server.get_prompt("x", {}, ADA)
        assert (await server.suggest(Unfinished("a", "", prompt="x"), ADA)).values == ()
