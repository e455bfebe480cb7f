"""What every tool server with resources or prompts must do, as tests to inherit beside the others."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

import pytest

from claude_gateway.errors import GatewayError, NotFound
from claude_gateway.testing.checks import check_error
from claude_gateway.testing.tool_servers import LISTED_WITHIN
from claude_gateway.tool_servers import HasPrompts, HasResources
from claude_gateway.toolbox.decency import (
    decent_contents,
    decent_messages,
    decent_prompt,
    decent_resource,
    decent_template,
)
from claude_gateway.types.server_resources import Caller

T = TypeVar("T")
PromptSample: TypeAlias = tuple[str, Mapping[str, str]]

UNHEARD_OF = "no-such-thing-ever"
CALLER = Caller("ada")


class ResourcesConformance:
    """The tests that every tool server with resources must pass.

    Inherit, give the server in a fixture called `server`, and URIs that can be read in
    `resource_samples`; `patience` is how many seconds reading one may take.
    """

    resource_samples: Sequence[str] = ()
    patience: float = 30.0

    async def test_it_has_resources(self, server: object) -> None:
        assert isinstance(server, HasResources), (
            "It lacks resources(), resource_templates() or read_resource()."
        )

    async def test_resources_can_be_listed(self, server: HasResources) -> None:
        for resource in await _listed(server.resources):
            why = decent_resource(resource)
            assert why is None, f"{resource!r} {why}."

    async def test_templates_can_be_listed(self, server: HasResources) -> None:
        for template in await _listed(server.resource_templates):
            why = decent_template(template)
            assert why is None, f"{template!r} {why}."

    async def test_no_two_resources_have_one_uri(self, server: HasResources) -> None:
        uris = [resource.uri for resource in await server.resources(CALLER)]
        twice = sorted({uri for uri in uris if uris.count(uri) > 1})
        assert not twice, f"These are listed twice: {', '.join(twice)}."

    async def test_resource_samples_can_be_read(self, server: HasResources) -> None:
        assert self.resource_samples, "Give some URIs that can be read in `resource_samples`."
        for uri in self.resource_samples:
            async with asyncio.timeout(self.patience):
                contents = await server.read_resource(uri, CALLER)
            why = decent_contents(contents)
            assert why is None, f"{uri} {why}. It was {contents!r:.200}"
            assert contents, f"{uri} has no contents at all."

    async def test_a_resource_that_it_does_not_have_is_not_found(
        self, server: HasResources
    ) -> None:
        await _not_found(server.read_resource(f"{UNHEARD_OF}://{UNHEARD_OF}", CALLER))


class PromptsConformance:
    """The tests that every tool server with prompts must pass.

    Inherit, give the server in a fixture called `server`, and names and arguments of prompts that
    can be got in `prompt_samples`; `patience` is how many seconds getting one may take.
    """

    prompt_samples: Sequence[PromptSample] = ()
    patience: float = 30.0

    async def test_it_has_prompts(self, server: object) -> None:
        assert isinstance(server, HasPrompts), "It lacks prompts() or get_prompt()."

    async def test_prompts_can_be_listed(self, server: HasPrompts) -> None:
        for prompt in await _listed(server.prompts):
            why = decent_prompt(prompt)
            assert why is None, f"{prompt!r} {why}."

    async def test_no_two_prompts_have_one_name(self, server: HasPrompts) -> None:
        names = [prompt.name for prompt in await server.prompts(CALLER)]
        twice = sorted({name for name in names if names.count(name) > 1})
        assert not twice, f"These are listed twice: {', '.join(twice)}."

    async def test_prompt_samples_can_be_got(self, server: HasPrompts) -> None:
        assert self.prompt_samples, "Give some prompts that can be got in `prompt_samples`."
        for name, arguments in self.prompt_samples:
            async with asyncio.timeout(self.patience):
                result = await server.get_prompt(name, arguments, CALLER)
            why = decent_messages(result)
            assert why is None, f"{name} {why}. It was {result!r:.200}"

    async def test_a_prompt_that_it_does_not_have_is_not_found(self, server: HasPrompts) -> None:
        await _not_found(server.get_prompt(UNHEARD_OF, {}, CALLER))

    async def test_a_prompt_without_what_it_needs_is_refused(self, server: HasPrompts) -> None:
        for prompt in await server.prompts(CALLER):
            if not any(argument.required for argument in prompt.arguments):
                continue
            try:
                await server.get_prompt(prompt.name, {}, CALLER)
            except GatewayError as exc:
                check_error(exc)
            else:
                raise AssertionError(f"{prompt.name} is given without what it says it needs.")


async def _listed(ask: Callable[[Caller], Awaitable[Sequence[T]]]) -> Sequence[T]:
    """Return a list that is kept ready and the same each time."""
    first = tuple(await ask(CALLER))
    try:
        async with asyncio.timeout(LISTED_WITHIN):
            again = tuple(await ask(CALLER))
    except TimeoutError:
        raise AssertionError(f"A list took longer than {LISTED_WITHIN:g} s; keep it.") from None
    assert first == again, "Others are listed each time, which would be taken for a change."
    return first


async def _not_found(asking: Awaitable[object]) -> None:
    with pytest.raises(NotFound) as refusal:
        await asking
    assert str(refusal.value).strip(), "NotFound has no message."
