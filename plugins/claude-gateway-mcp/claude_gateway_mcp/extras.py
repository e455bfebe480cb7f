"""What a server has besides tools: resources, prompts, and suggestions for their arguments."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar

import mcp_types as types
from mcp import MCPError

from claude_gateway import (
    Caller,
    GatewayError,
    InvalidRequest,
    NotFound,
    Prompt,
    PromptArgument,
    PromptResult,
    Resource,
    ResourceTemplate,
    Suggestions,
    Unavailable,
    Unfinished,
    UpstreamError,
)
from claude_gateway_mcp.keepers import Keeper
from claude_gateway_mcp.links import PROMPTS, RESOURCES, Link
from claude_gateway_mcp.reasons import Failed, Forgotten, first_of
from claude_gateway_mcp.translating import said

T = TypeVar("T")
R = TypeVar("R")
Page: TypeAlias = tuple[list[T], str | None]

TEMPLATES = "templates"
NO_SUCH_RESOURCE = (-32002, types.INVALID_PARAMS)  # as the older era said it, and the newer one


class Extras:
    """Asks the server; what it listed last is known while it is away."""

    def __init__(self, keeper: Keeper | None) -> None:
        self._keeper = keeper
        self._resources: tuple[Resource, ...] = ()
        self._templates: tuple[ResourceTemplate, ...] = ()
        self._prompts: tuple[Prompt, ...] = ()

    async def resources(self, caller: Caller) -> Sequence[Resource]:
        """Return what can be read."""
        if (link := self._stale(RESOURCES)) is not None:
            listed = await self._listed(link, RESOURCES, _resources_page)
            self._resources = tuple({str(one.uri): _resource(one) for one in listed}.values())
        return self._resources

    async def resource_templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        """Return the patterns of what else can be read."""
        if (link := self._stale(TEMPLATES)) is not None:
            listed = await self._listed(link, TEMPLATES, _templates_page)
            self._templates = tuple(map(_template, listed))
        return self._templates

    async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
        """Read a resource."""
        request = types.ReadResourceRequest(params=types.ReadResourceRequestParams(uri=uri))
        async with self._asking(NotFound(f"There is no resource {uri[:200]!r}.")) as link:
            if RESOURCES not in link.tells:
                raise NotFound(f"There is no resource {uri[:200]!r}.")
            found = await link.client.session.send_request(request, types.ReadResourceResult)
        return [said(part) for part in found.contents]

    async def prompts(self, caller: Caller) -> Sequence[Prompt]:
        """Return the prompts."""
        if (link := self._stale(PROMPTS)) is not None:
            listed = await self._listed(link, PROMPTS, _prompts_page)
            self._prompts = tuple({one.name: _prompt(one) for one in listed}.values())
        return self._prompts

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str], caller: Caller
    ) -> PromptResult:
        """Return a prompt, filled in."""
        prompt = next((one for one in await self.prompts(caller) if one.name == name), None)
        if prompt is None:
            raise NotFound(f"There is no prompt called {name[:100]!r}.")
        needed = [part.name for part in prompt.arguments if part.required]
        if missing := [part for part in needed if part not in arguments]:
            raise InvalidRequest(f"The prompt needs {', '.join(missing)}.", param="arguments")
        params = types.GetPromptRequestParams(name=name, arguments=dict(arguments))
        request = types.GetPromptRequest(params=params)
        async with self._asking(InvalidRequest("The arguments do not fit the prompt.")) as link:
            got = await link.client.session.send_request(request, types.GetPromptResult)
        return PromptResult([said(message) for message in got.messages], got.description or "")

    async def suggest(self, unfinished: Unfinished, caller: Caller) -> Suggestions:
        """Return what an argument may become."""
        prompt, template = unfinished.prompt, unfinished.uri_template
        ref: types.PromptReference | types.ResourceTemplateReference
        if prompt:
            ref = types.PromptReference(type="ref/prompt", name=prompt)
        else:
            ref = types.ResourceTemplateReference(type="ref/resource", uri=template)
        argument = {"name": unfinished.argument, "value": unfinished.value}
        async with self._asking(NotFound(f"There is no {(prompt or template)[:200]!r}.")) as link:
            if link.client.server_capabilities.completions is None:
                return Suggestions()
            others = dict(unfinished.others) or None
            found = (await link.client.complete(ref, argument, others)).completion
        return Suggestions(tuple(found.values), found.total, bool(found.has_more))

    def _stale(self, kind: str) -> Link | None:
        """Return the connection, if there is one and a list should be asked for."""
        link = self._keeper.now if self._keeper is not None else None
        return None if link is None or link.fresh(kind) else link

    async def _listed(
        self, link: Link, kind: str, ask: Callable[[Link, str | None], Awaitable[Page[T]]]
    ) -> list[T]:
        listed: list[T] = []
        if (RESOURCES if kind == TEMPLATES else kind) in link.tells:
            began = time.monotonic()
            try:
                listed = await link.pages(lambda cursor: ask(link, cursor))
            except Exception as exc:  # noqa: BLE001  # the SDK's and what is below it
                if not _unknown(exc):
                    raise UpstreamError((await link.meaning(exc)).reason) from None
            link.read[kind] = began
        return listed

    @asynccontextmanager
    async def _asking(self, refusal: GatewayError) -> AsyncGenerator[Link]:
        """Use the connection; `refusal` is what it means when the server does not know what is meant."""
        if self._keeper is None:
            raise Unavailable("The server cannot be used.")
        with self._keeper.used():
            try:
                link = await self._keeper.link()
            except Failed as exc:
                raise Unavailable(exc.reason) from None
            try:
                yield link
            except GatewayError:
                raise
            except Exception as exc:  # noqa: BLE001  # the SDK's and what is below it
                meant = await link.meaning(exc)
                if isinstance(exc, MCPError) and exc.code in NO_SUCH_RESOURCE:
                    raise refusal from None
                kind = Unavailable if isinstance(meant, Forgotten) else UpstreamError
                raise kind(meant.reason) from None


def _unknown(exc: BaseException) -> bool:
    exc = first_of(exc)
    return isinstance(exc, MCPError) and exc.code == types.METHOD_NOT_FOUND


async def _resources_page(link: Link, cursor: str | None) -> Page[types.Resource]:
    page = await link.client.list_resources(cursor=cursor, cache_mode="refresh")
    return page.resources, page.next_cursor


async def _templates_page(link: Link, cursor: str | None) -> Page[types.ResourceTemplate]:
    page = await link.client.list_resource_templates(cursor=cursor, cache_mode="refresh")
    return page.resource_templates, page.next_cursor


async def _prompts_page(link: Link, cursor: str | None) -> Page[types.Prompt]:
    page = await link.client.list_prompts(cursor=cursor, cache_mode="refresh")
    return page.prompts, page.next_cursor


def _resource(one: types.Resource) -> Resource:
    return Resource(
        uri=str(one.uri),
        name=one.name,
        title=one.title or "",
        description=one.description or "",
        mime_type=one.mime_type or "",
        size=one.size,
        annotations=said(one.annotations) if one.annotations else {},
    )


def _template(one: types.ResourceTemplate) -> ResourceTemplate:
    return ResourceTemplate(
        uri_template=one.uri_template,
        name=one.name,
        title=one.title or "",
        description=one.description or "",
        mime_type=one.mime_type or "",
        annotations=said(one.annotations) if one.annotations else {},
    )


def _prompt(one: types.Prompt) -> Prompt:
    arguments = tuple(
        PromptArgument(part.name, part.description or "", bool(part.required), part.title or "")
        for part in one.arguments or ()
    )
    return Prompt(one.name, one.description or "", one.title or "", arguments)
