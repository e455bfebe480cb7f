"""A plugin whose tool server has one of everything: what the public conformance suite asks for, and more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from claude_gateway import (
    Caller,
    InvalidRequest,
    NotFound,
    Offer,
    Progress,
    Prompt,
    PromptArgument,
    PromptResult,
    Resource,
    ResourceTemplate,
    ServerState,
    Settings,
    Suggestions,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    Unfinished,
    hookimpl,
)

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA="
IMAGE = {"type": "image", "data": PNG, "mimeType": "image/png"}
NOTHING: Mapping[str, object] = {"type": "object"}
SCHEMA_2020 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
REGION = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
}


def said(text: str) -> list[Mapping[str, object]]:
    return [{"role": "user", "content": {"type": "text", "text": text}}]


def embedded(uri: str, text: str, kind: str = "text/plain") -> dict[str, object]:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": text}}


class Everything:
    """Its tools are its methods, but for their prefix."""

    title, description, transport = "Everything", "Has one of everything.", "builtin"

    def __init__(self) -> None:
        self.waiting = self.let_go = 0
        self.more_tools = self.more_prompts = False

    def state(self) -> ServerState:
        return ServerState()

    # --- tools

    async def tools(self) -> Sequence[Tool]:
        schemas: Mapping[str, Mapping[str, object]]
        schemas = {"json_schema_2020_12_tool": SCHEMA_2020, "test_header": REGION}
        names = [name.removeprefix("tool_") for name in dir(self) if name.startswith("tool_")]
        names += ["test_one_more"] if self.more_tools else []
        return [Tool(name, f"Tests {name}.", schemas.get(name, NOTHING)) for name in names]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        tool: Callable[[ToolCall], Awaitable[ToolResult]] | None = getattr(
            self, f"tool_{name}", None
        )
        if tool is None:
            raise NotFound(f"There is no {name}.")
        return await tool(call)

    async def tool_test_simple_text(self, _call: ToolCall) -> ToolResult:
        return ToolResult.of("This is a simple text response for testing.")

    async def tool_test_image_content(self, _call: ToolCall) -> ToolResult:
        return ToolResult([IMAGE])

    async def tool_test_audio_content(self, _call: ToolCall) -> ToolResult:
        return ToolResult([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}])

    async def tool_test_embedded_resource(self, _call: ToolCall) -> ToolResult:
        text = "This is an embedded resource content."
        return ToolResult([embedded("test://embedded-resource", text)])

    async def tool_test_multiple_content_types(self, _call: ToolCall) -> ToolResult:
        text = '{"test":"data","value":123}'
        mixed = embedded("test://mixed-content-resource", text, "application/json")
        return ToolResult([{"type": "text", "text": "Multiple content types test:"}, IMAGE, mixed])

    async def tool_test_link(self, _call: ToolCall) -> ToolResult:
        link = {"type": "resource_link", "uri": "test://static-text", "name": "text", "x": 1}
        return ToolResult([link], {"links": 1})

    async def tool_test_error_handling(self, _call: ToolCall) -> ToolResult:
        raise RuntimeError("This tool intentionally returns an error for testing")

    async def tool_test_tool_with_progress(self, call: ToolCall) -> ToolResult:
        for done in (0, 50, 50, 100):
            call.progress(Progress(done, 100, f"{done} done"))
            await asyncio.sleep(0.05)
        return ToolResult.of("It is done.")

    async def tool_json_schema_2020_12_tool(self, call: ToolCall) -> ToolResult:
        return ToolResult.of(json.dumps(call.arguments))

    async def tool_test_header(self, call: ToolCall) -> ToolResult:
        return ToolResult.of(str(call.arguments.get("region")))

    async def tool_test_logging_tool(self, _call: ToolCall) -> ToolResult:
        return ToolResult.of("Nothing is logged.")

    async def tool_test_streaming_elicitation(self, _call: ToolCall) -> ToolResult:
        return ToolResult.of("Nothing is asked.")

    async def tool_test_trigger_tool_change(self, _call: ToolCall) -> ToolResult:
        self.more_tools = not self.more_tools
        return ToolResult.of("The tools have changed.")

    async def tool_test_trigger_prompt_change(self, _call: ToolCall) -> ToolResult:
        self.more_prompts = not self.more_prompts
        return ToolResult.of("The prompts have changed.")

    async def tool_test_waits(self, call: ToolCall) -> ToolResult:
        self.waiting += 1
        call.progress(Progress(1))
        try:
            await asyncio.Event().wait()
        finally:
            self.let_go += 1
        return ToolResult.of("It never gets here.")

    async def tool_test_counts(self, _call: ToolCall) -> ToolResult:
        return ToolResult.of("Counted.", {"waiting": self.waiting, "let_go": self.let_go})

    async def tool_test_who(self, call: ToolCall) -> ToolResult:
        told = {"principal": call.principal, "project": call.project_id, "path": call.project_path}
        return ToolResult.of("You.", {**told, "id": call.id, "arguments": call.arguments})

    async def tool_test_big(self, _call: ToolCall) -> ToolResult:
        return ToolResult.of("x" * 7_000_000)

    # --- resources

    async def resources(self, caller: Caller) -> Sequence[Resource]:
        return [
            Resource("test://static-text", "text", mime_type="text/plain", size=45),
            Resource("test://static-binary", "binary", mime_type="image/png"),
        ]

    async def resource_templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        return [ResourceTemplate("test://template/{id}/data", "data", "Data", "By id.")]

    async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
        place = {"uri": uri, "mimeType": "text/plain"}
        if uri == "test://static-text":
            return [{**place, "text": "This is the content of the static text resource."}]
        if uri == "test://static-binary":
            return [{"uri": uri, "mimeType": "image/png", "blob": PNG}]
        if uri.startswith("test://template/") and uri.endswith("/data"):
            id_ = uri.split("/")[3]
            data = {"id": id_, "templateTest": True, "data": f"Data for ID: {id_}"}
            return [{"uri": uri, "mimeType": "application/json", "text": json.dumps(data)}]
        raise NotFound(f"There is no {uri}.")

    # --- prompts

    async def prompts(self, caller: Caller) -> Sequence[Prompt]:
        both = [PromptArgument("arg1", "First.", required=True), PromptArgument("arg2")]
        return [
            Prompt("test_simple_prompt", "Simple."),
            Prompt("test_prompt_with_arguments", "With arguments.", "Arguments", both),
            Prompt(
                "test_prompt_with_embedded_resource",
                "With a resource.",
                arguments=[PromptArgument("resourceUri")],
            ),
            Prompt("test_prompt_with_image", "With an image."),
            *([Prompt("test_one_more", "One more.")] if self.more_prompts else []),
        ]

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str], caller: Caller
    ) -> PromptResult:
        if name == "test_simple_prompt":
            return PromptResult(said("This is a simple prompt for testing."), "Simple.")
        if name == "test_prompt_with_arguments":
            if "arg1" not in arguments:
                raise InvalidRequest("arg1 is needed.", param="arg1")
            one, two = arguments["arg1"], arguments.get("arg2", "")
            return PromptResult(said(f"Prompt with arguments: arg1='{one}', arg2='{two}'"))
        if name == "test_prompt_with_embedded_resource":
            text = "Embedded resource content for testing."
            resource = embedded(arguments["resourceUri"], text)
            asked = said("Please process the embedded resource above.")
            return PromptResult([{"role": "user", "content": resource}, *asked])
        if name == "test_prompt_with_image":
            asked = said("Please analyze the image above.")
            return PromptResult([{"role": "user", "content": IMAGE}, *asked])
        raise NotFound(f"There is no {name}.")

    async def suggest(self, unfinished: Unfinished, caller: Caller) -> Suggestions:
        words = [word for word in ("paris", "park", "party") if word.startswith(unfinished.value)]
        if unfinished.uri_template:
            words = [f"{unfinished.uri_template}:{unfinished.others}"]
        return Suggestions(words, len(words))


class Plugin:
    """Offers the server."""

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            yield Everything()

        return [Offer("everything", opened)]


plugin = Plugin()
