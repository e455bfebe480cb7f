"""A server made with the official package: over its standard input, or on a port that it prints.

real.py stdio | http | json | stateless | sse
"""

from __future__ import annotations

import asyncio
import base64
import socket
import sys

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resources import TextResource
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel
from starlette.applications import Starlette

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

server = MCPServer("Real thing", version="2.0", instructions="Adds.")


class Sum(BaseModel):
    total: int


@server.tool()
def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return Sum(total=a + b)


@server.tool()
def fail(why: str) -> str:
    """Fail with a reason that a model can read."""
    raise ToolError(why)


@server.tool(structured_output=False)
def picture() -> Image:
    """Return an image."""
    return Image(data=PIXEL, format="png")


@server.tool()
async def walk(steps: int, ctx: Context) -> str:
    """Take some steps, and tell of each."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
    return f"{steps} steps"


@server.tool()
async def wait(seconds: float) -> str:
    """Take a while."""
    await asyncio.sleep(seconds)
    return "waited"


@server.tool()
async def grow(name: str, ctx: Context) -> str:
    """Have one more tool from now on, and say so."""

    def more() -> str:
        """Is new."""
        return "new"

    server.add_tool(more, name=name)
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        await ctx.notify_tools_changed()
    else:
        await ctx.session.send_tool_list_changed()
    return "grown"


@server.tool()
def era(ctx: Context) -> str:
    """Say which protocol this is."""
    return str(ctx.protocol_version)


@server.tool()
def headers(ctx: Context) -> str:
    """Say which headers arrived."""
    return "\n".join(f"{name}: {value}" for name, value in (ctx.headers or {}).items())


@server.resource("note://today")
def today() -> str:
    """What there is to do."""
    return "Nothing."


@server.resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    return f"This is {name}."


@server.tool()
async def publish(name: str, ctx: Context) -> str:
    """Have one more resource and one more prompt from now on, and say so."""
    server.add_resource(TextResource(uri=f"note://{name}", name=name, text="published"))
    server.prompt(name=name)(lambda: "published")
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        await ctx.notify_resources_changed()
        await ctx.notify_prompts_changed()
    else:
        await ctx.session.send_resource_list_changed()
        await ctx.session.send_prompt_list_changed()
    return "published"


@server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # as the package has it
async def complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion | None:
    """Know three names."""
    names = [name for name in ("Ada", "Alan", "Grace") if name.startswith(argument.value)]
    return Completion(values=names, total=len(names), has_more=False)


@server.prompt()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Say hello to {name}."


def app(kind: str) -> Starlette:
    if kind == "sse":
        return server.sse_app()
    return server.streamable_http_app(
        json_response=kind == "json", stateless_http=kind == "stateless"
    )


def main(kind: str) -> None:
    if kind == "stdio":
        server.run("stdio")
        return
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(listening.getsockname()[1], flush=True)  # noqa: T201  # whoever started it waits for this
        config = uvicorn.Config(app(kind), log_level="critical", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run([listening])


main(sys.argv[1])
