"""The kit for resources and prompts: it lets a good server pass, and catches each way to be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from claude_gateway import (
    Caller,
    InvalidRequest,
    NotFound,
    Prompt,
    PromptArgument,
    PromptResult,
    Resource,
    ResourceTemplate,
)
from claude_gateway.testing import PromptsConformance, ResourcesConformance
from tests.test_tool_server_kit import Adder, caught


class Shelf(Adder):
    """A good server with resources and prompts; the broken ones differ in one thing."""

    async def resources(self, caller: Caller) -> Sequence[Resource]:
        return [Resource("shelf://1", "one", size=3)]

    async def resource_templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        return [ResourceTemplate("shelf://{number}", "any")]

    async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
        if uri != "shelf://1":
            raise NotFound(f"There is no {uri}.")
        return [{"uri": uri, "text": "one"}]

    async def prompts(self, caller: Caller) -> Sequence[Prompt]:
        return [Prompt("greet", "Greets.", arguments=[PromptArgument("who", required=True)])]

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str], caller: Caller
    ) -> PromptResult:
        if name != "greet":
            raise NotFound(f"There is no {name}.")
        if "who" not in arguments:
            raise InvalidRequest("Say who.", param="who")
        text = f"Say hello to {arguments['who']}."
        return PromptResult([{"role": "user", "content": {"type": "text", "text": text}}])


class TestAGoodOne(ResourcesConformance, PromptsConformance):
    resource_samples = ("shelf://1",)
    prompt_samples = (("greet", {"who": "Ada"}),)

    @pytest.fixture
    async def server(self) -> Shelf:
        return Shelf()


class Kit(ResourcesConformance, PromptsConformance):
    resource_samples = TestAGoodOne.resource_samples
    prompt_samples = TestAGoodOne.prompt_samples


async def test_a_server_without_any_is_caught() -> None:
    await caught(Kit().test_it_has_resources, "It lacks resources", Adder())
    await caught(Kit().test_it_has_prompts, "It lacks prompts", Adder())


async def test_a_class_without_samples_is_told_what_is_missing() -> None:
    await caught(ResourcesConformance().test_resource_samples_can_be_read, "Give some", Shelf())
    await caught(PromptsConformance().test_prompt_samples_can_be_got, "Give some", Shelf())


async def test_entries_that_cannot_be_shown_are_caught() -> None:
    class Bad(Shelf):
        async def resources(self, caller: Caller) -> Sequence[Resource]:
            return [Resource("", "one")]

        async def resource_templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
            return [ResourceTemplate("a", "")]

        async def prompts(self, caller: Caller) -> Sequence[Prompt]:
            return [Prompt(" \n")]

    await caught(Kit().test_resources_can_be_listed, "has no URI", Bad())
    await caught(Kit().test_templates_can_be_listed, "has no name", Bad())
    await caught(Kit().test_prompts_can_be_listed, "has no name", Bad())


async def test_lists_that_change_or_take_long_or_say_one_twice_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(Shelf):
        asked = 0

        async def resources(self, caller: Caller) -> Sequence[Resource]:
            self.asked += 1
            if self.asked > 1:
                await asyncio.Event().wait()
            return ()

        async def prompts(self, caller: Caller) -> Sequence[Prompt]:
            self.asked += 1
            return [Prompt(f"asked {self.asked} times")]

    class Twice(Shelf):
        async def resources(self, caller: Caller) -> Sequence[Resource]:
            return [Resource("a", "one"), Resource("a", "two")]

        async def prompts(self, caller: Caller) -> Sequence[Prompt]:
            return [Prompt("b"), Prompt("b")]

    monkeypatch.setattr("claude_gateway.testing.server_extras.LISTED_WITHIN", 0.01)
    await caught(Kit().test_resources_can_be_listed, "longer than 0.01 s", Slow())
    await caught(Kit().test_prompts_can_be_listed, "Others are listed", Slow())
    await caught(Kit().test_no_two_resources_have_one_uri, "listed twice: a", Twice())
    await caught(Kit().test_no_two_prompts_have_one_name, "listed twice: b", Twice())


async def test_answers_to_everything_are_caught() -> None:
    class Knowing(Shelf):
        async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
            return []

        async def get_prompt(
            self, name: str, arguments: Mapping[str, str], caller: Caller
        ) -> PromptResult:
            return PromptResult([{"role": "user"}])

    kit = Kit()
    for test in (
        kit.test_a_resource_that_it_does_not_have_is_not_found,
        kit.test_a_prompt_that_it_does_not_have_is_not_found,
    ):
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            await test(Knowing())
    await caught(kit.test_resource_samples_can_be_read, "has no contents", Knowing())
    await caught(kit.test_prompt_samples_can_be_got, "without a content block", Knowing())
    needing = kit.test_a_prompt_without_what_it_needs_is_refused
    await caught(needing, "without what it says it needs", Knowing())


async def test_refusals_without_a_reason_are_caught() -> None:
    class Silent(Shelf):
        async def get_prompt(
            self, name: str, arguments: Mapping[str, str], caller: Caller
        ) -> PromptResult:
            raise InvalidRequest("")

        async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
            raise NotFound(" ")

    kit = Kit()
    await caught(kit.test_a_prompt_without_what_it_needs_is_refused, "has no message", Silent())
    missing = kit.test_a_resource_that_it_does_not_have_is_not_found
    await caught(missing, "NotFound has no message", Silent())
