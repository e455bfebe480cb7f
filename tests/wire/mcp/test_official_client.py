"""The official Python client, in both eras of the protocol, against the real process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.wire.mcp.conftest import KEY, NARROW, connected, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("mode", NARROW),
]

ONE, ALL = "/mcp/everything", "/mcp"


async def test_the_tools_of_all_servers_are_listed_with_all_that_is_known(
    everything: GatewayProcess, mode: str
) -> None:
    async with connected(everything, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {"everything__test_simple_text", "mcp_filesystem__read_file"} <= set(tools)
    read = tools["mcp_filesystem__read_file"]
    assert read.title
    assert read.description
    assert read.input_schema["properties"]["path"]
    assert read.annotations is not None
    assert read.annotations.read_only_hint is True
    schema = tools["everything__json_schema_2020_12_tool"].input_schema
    assert {"$defs", "allOf", "if", "then", "else"} <= set(schema)


async def test_the_client_agrees_on_the_newest_revision_of_its_era(
    everything: GatewayProcess, mode: str
) -> None:
    wanted = "2025-11-25" if mode == "legacy" else "2026-07-28"
    async with connected(everything, mode) as client:
        assert client.protocol_version == wanted
    async with connected(everything, "auto") as client:
        assert client.protocol_version == "2026-07-28"
        assert client.server_info is not None
        assert client.server_info.name == "claude_gateway"
        assert "<server>__<tool>" in (client.instructions or "")


async def test_a_file_is_written_and_read(everything: GatewayProcess, mode: str) -> None:
    name = f"mcp/{mode}.txt"
    async with connected(everything, mode) as client:
        wrote = await client.call_tool(
            "mcp_filesystem__write_file", {"path": name, "content": "Grüße\n"}
        )
        read = await client.call_tool("mcp_filesystem__read_file", {"path": name})
    assert (wrote.is_error, read.is_error) == (False, False)
    assert wrote.structured_content is not None
    assert wrote.structured_content["path"] == f"/workspace/{name}"
    assert "Grüße" in read.content[0].text  # type: ignore[union-attr]


async def test_whatever_a_tool_gives_comes_whole(everything: GatewayProcess, mode: str) -> None:
    async with connected(everything, mode) as client:
        mixed = await client.call_tool("everything__test_multiple_content_types", {})
        linked = await client.call_tool("everything__test_link", {})
        big = await client.call_tool("everything__test_big", {})
    assert [block.type for block in mixed.content] == ["text", "image", "resource"]
    assert linked.structured_content == {"links": 1}
    assert len(big.content[0].text) == 7_000_000  # type: ignore[union-attr]


async def test_a_link_in_a_result_can_be_read(everything: GatewayProcess, mode: str) -> None:
    for path, name in ((ALL, "everything__test_link"), (ONE, "test_link")):
        async with connected(everything, mode, path) as client:
            link: Any = (await client.call_tool(name, {})).content[0]
            read: Any = await client.read_resource(link.uri)
        assert read.contents[0].uri == link.uri
        assert read.contents[0].text == "This is the content of the static text resource."


async def test_a_tool_that_fails_says_why_and_one_that_there_is_not_is_refused(
    everything: GatewayProcess, mode: str
) -> None:
    async with connected(everything, mode) as client:
        failed = await client.call_tool("everything__test_error_handling", {})
        unfit = await client.call_tool("mcp_filesystem__read_file", {"path": 7})
        with pytest.raises(MCPError, match="There is no tool called 'nobody__has'"):
            await client.call_tool("nobody__has", {})
    assert failed.is_error
    assert "intentionally returns an error" in failed.content[0].text  # type: ignore[union-attr]
    assert unfit.is_error
    assert "do not fit the tool's schema" in unfit.content[0].text  # type: ignore[union-attr]


async def test_progress_is_told_and_only_ever_grows(everything: GatewayProcess, mode: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None = None, message: str | None = None) -> None:
        told.append((progress, total, message))

    async with connected(everything, mode) as client:
        name = "everything__test_tool_with_progress"
        result = await client.call_tool(name, {}, progress_callback=hear)
    assert result.content[0].text == "It is done."  # type: ignore[union-attr]
    assert told == [(0, 100, "0 done"), (50, 100, "50 done"), (100, 100, "100 done")]


async def test_a_call_that_its_client_gives_up_is_let_go(
    everything: GatewayProcess, mode: str
) -> None:
    async with connected(everything, mode) as client:

        async def counts() -> Any:
            return (await client.call_tool("everything__test_counts", {})).structured_content

        before = await counts()
        calling = asyncio.create_task(client.call_tool("everything__test_waits", {}))
        await until({**before, "waiting": before["waiting"] + 1}, counts)
        calling.cancel()
        await asyncio.wait({calling})
        after = {"waiting": before["waiting"] + 1, "let_go": before["let_go"] + 1}
        assert await until(after, counts) == after


async def test_resources_are_listed_and_read_under_names_of_their_servers(
    everything: GatewayProcess, mode: str
) -> None:
    async with connected(everything, mode) as client:
        listed = (await client.list_resources()).resources
        patterns = (await client.list_resource_templates()).resource_templates
        binary: Any = await client.read_resource("gateway://everything/test://static-binary")
        data: Any = await client.read_resource("gateway://everything/test://template/7/data")
        for uri in ("test://static-text", "gateway://everything/test://x", "gateway://y/z"):
            with pytest.raises(MCPError) as refusal:
                await client.read_resource(uri)
            assert refusal.value.error.code == (-32002 if mode == "legacy" else -32602)
            assert refusal.value.error.data == {"uri": uri}
    assert [(one.uri, one.size) for one in listed if "static" in one.uri] == [
        ("gateway://everything/test://static-binary", None),
        ("gateway://everything/test://static-text", 45),
    ]
    uri = "gateway://everything/test://template/{id}/data"
    assert uri in [pattern.uri_template for pattern in patterns]
    assert binary.contents[0].blob.startswith("iVBOR")
    assert '"id": "7"' in data.contents[0].text


async def test_prompts_are_listed_filled_in_and_completed(
    everything: GatewayProcess, mode: str
) -> None:
    for path, prefix, place in ((ALL, "everything__", "gateway://everything/"), (ONE, "", "")):
        async with connected(everything, mode, path) as client:
            listed = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
            name = f"{prefix}test_prompt_with_arguments"
            given = await client.get_prompt(name, {"arg1": "a", "arg2": "b"})
            words = await client.complete(
                PromptReference(type="ref/prompt", name=name), {"name": "arg1", "value": "park"}
            )
            uri = f"{place}test://template/{{id}}/data"
            ids = await client.complete(
                ResourceTemplateReference(type="ref/resource", uri=uri),
                {"name": "id", "value": ""},
                context_arguments={"other": "1"},
            )
            with pytest.raises(MCPError, match="arg1 is needed"):
                await client.get_prompt(name, {})
            with pytest.raises(MCPError, match="There is no"):
                await client.get_prompt("nobody__has", {})
        arguments = listed[name].arguments or []
        assert [(one.name, one.required) for one in arguments] == [("arg1", True), ("arg2", False)]
        assert given.messages[0].content.text == "Prompt with arguments: arg1='a', arg2='b'"  # type: ignore[union-attr]
        assert words.completion.values == ["park"]
        assert ids.completion.values == ["test://template/{id}/data:{'other': '1'}"]


async def test_a_call_is_made_on_behalf_of_the_caller_in_the_project_of_the_url(
    everything: GatewayProcess, mode: str
) -> None:
    fields = {"name": "Garden", "path": f"gardens/{mode}"}
    made = await ask(everything.port, "POST", "/v1/projects", fields, {"x-api-key": KEY})
    project, file = made.json["id"], {"path": "note", "content": mode}
    for path, told in (
        ("/mcp", {"project": "default", "path": ""}),
        (f"/mcp?project_id={project}", {"project": project, "path": f"gardens/{mode}"}),
    ):
        async with connected(everything, mode, path) as client:
            who: Any = (await client.call_tool("everything__test_who", {"a": 1})).structured_content
            wrote = await client.call_tool("mcp_filesystem__write_file", file)
        assert {key: who[key] for key in told} == told
        assert who["principal"].startswith("key_")
        assert who["id"].startswith("exe_")
        assert who["arguments"] == {"a": 1}
        assert not wrote.is_error
    async with connected(everything, mode) as client:
        there = {"path": f"gardens/{mode}/note"}
        read = await client.call_tool("mcp_filesystem__read_file", there)
    assert mode in read.content[0].text  # type: ignore[union-attr]


async def test_a_url_can_narrow_what_is_seen(everything: GatewayProcess, mode: str) -> None:
    for path, first in (
        ("/mcp?servers=mcp_filesystem", "mcp_filesystem__create_directory"),
        ("/mcp/mcp_filesystem", "create_directory"),
    ):
        async with connected(everything, mode, path) as client:
            tools = (await client.list_tools()).tools
            assert (len(tools), tools[0].name) == (8, first)
            with pytest.raises(MCPError, match="There is no tool"):
                await client.call_tool("everything__test_simple_text", {})
            with pytest.raises(MCPError, match="There is no method"):
                await client.list_prompts()


async def test_files_of_a_project_are_resources(everything: GatewayProcess, mode: str) -> None:
    name = f"top-{mode}.md"
    uri = f"gateway://mcp_filesystem/file:///workspace/{name}"
    async with connected(everything, mode) as client:
        arguments = {"path": name, "content": "# Grüße"}
        await client.call_tool("mcp_filesystem__write_file", arguments)
        listed = {one.uri: one for one in (await client.list_resources()).resources}
        read: Any = await client.read_resource(uri)
        found = await client.complete(
            ResourceTemplateReference(
                type="ref/resource", uri="gateway://mcp_filesystem/file:///workspace/{+path}"
            ),
            {"name": "path", "value": name[:-2]},
        )
    assert (listed[uri].mime_type, listed[uri].size) == ("text/markdown", 9)
    assert read.contents[0].text == "# Grüße"
    assert found.completion.values == [name]
