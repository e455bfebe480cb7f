"""What servers have besides tools, gathered: who may have it, and what becomes of a bad answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

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
    ServerState,
    Suggestions,
    Unfinished,
    UpstreamError,
    UpstreamTimeout,
)
from claude_gateway.toolbox import Choice, Limits, Toolbox
from tests.toolbox.conftest import Scripted

ADA = Caller("ada")
TEXT = [{"uri": "a://1", "text": "one"}]
HELLO = PromptResult([{"role": "user", "content": {"type": "text", "text": "Hello."}}])


@dataclass
class Rich(Scripted):
    """Has one of everything; what is read is an exception, or given."""

    shown: Sequence[object] = (Resource("a://1", "one", size=3),)
    patterns: Sequence[object] = (ResourceTemplate("a://{n}", "any"),)
    kept: Sequence[object] = (Prompt("hello", arguments=[PromptArgument("who")]),)
    gives: object = field(default_factory=lambda: TEXT)
    filled: object = HELLO
    suggested: object = Suggestions(["one"])
    asked: list[object] = field(default_factory=list)

    async def resources(self, caller: Caller) -> Sequence[Resource]:
        return await self._answer(self.shown, caller)  # type: ignore[return-value]

    async def resource_templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        return await self._answer(self.patterns, caller)  # type: ignore[return-value]

    async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
        return await self._answer(self.gives, uri, caller)  # type: ignore[return-value]

    async def prompts(self, caller: Caller) -> Sequence[Prompt]:
        return await self._answer(self.kept, caller)  # type: ignore[return-value]

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str], caller: Caller
    ) -> PromptResult:
        return await self._answer(self.filled, name, arguments, caller)  # type: ignore[return-value]

    async def suggest(self, unfinished: Unfinished, caller: Caller) -> Suggestions:
        return await self._answer(self.suggested, unfinished, caller)  # type: ignore[return-value]

    async def _answer(self, given: object, *asked: object) -> object:
        self.asked.append(asked)
        if isinstance(given, asyncio.Event):
            await given.wait()
        if isinstance(given, BaseException):
            raise given
        return given


def rich(**servers: Scripted) -> Toolbox:
    return Toolbox(servers, Limits(timeout=0.05))


async def test_every_server_is_asked_on_behalf_of_the_caller() -> None:
    server = Rich()
    extras = rich(b=server, a=Scripted()).extras
    caller = Caller("ada", "garden", "gardens/1")
    assert await extras.resources(caller) == [("b", server.shown[0])]
    assert await extras.templates(caller) == [("b", server.patterns[0])]
    assert await extras.prompts(caller) == [("b", server.kept[0])]
    assert await extras.read("b", "a://1", caller) is TEXT
    assert await extras.prompt("b", "hello", {"who": "Bo"}, caller) is HELLO
    unfinished = Unfinished("who", "B", prompt="hello")
    assert (await extras.suggest("b", unfinished, caller)).values == ["one"]
    assert server.asked[3:] == [
        ("a://1", caller),
        ("hello", {"who": "Bo"}, caller),
        (unfinished, caller),
    ]
    for servers, has in (([*"ab"], True), (["b"], True), (["a"], False)):
        choice = Choice.of(servers, None)
        assert extras.has_resources(choice) is has
        assert extras.has_prompts(choice) is has
        assert extras.suggests(choice) is has


async def test_s9_choices_are_asked_for_everything() -> None:
    server = Rich()
    extras = rich(s=server).extras
    for choice in (Choice.of(["t"], None), Choice.of(None, ["look"]), Choice.of(["s"], ["look"])):
        assert await extras.resources(ADA, Choice(), choice) == []
        assert await extras.prompts(ADA, choice) == []
        for asking in (
            extras.read("s", "a://1", ADA, choice),
            extras.prompt("s", "hello", {}, ADA, choice),
            extras.suggest("s", Unfinished("who", ""), ADA, choice),
        ):
            with pytest.raises(NotFound):
                await asking
    assert server.asked == []
    assert len(await extras.resources(ADA, Choice.of(["s"], None))) == 1


async def test_what_no_server_has_is_not_found() -> None:
    extras = rich(plain=Scripted()).extras
    for server_id in ("plain", "ghost"):
        with pytest.raises(NotFound):
            await extras.read(server_id, "a://1", ADA)
        with pytest.raises(NotFound):
            await extras.prompt(server_id, "hello", {}, ADA)
    assert await extras.suggest("plain", Unfinished("who", ""), ADA) == Suggestions()
    with pytest.raises(NotFound):
        await extras.suggest("ghost", Unfinished("who", ""), ADA)


async def test_a_server_that_nobody_wants_is_not_asked() -> None:
    server = Rich(now=ServerState("disabled"))
    extras = rich(s=server).extras
    assert await extras.resources(ADA) == []
    with pytest.raises(NotFound):
        await extras.read("s", "a://1", ADA)
    assert server.asked == []


async def test_one_that_does_not_list_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claude_gateway.toolbox.extras.PATIENCE", 0.05)
    hanging, failing = Rich(shown=asyncio.Event()), Rich(shown=KeyError("secret"))  # type: ignore[arg-type]
    found = await rich(a=hanging, b=failing, c=Rich()).extras.resources(ADA)
    assert [server for server, _ in found] == ["c"]


@pytest.mark.parametrize(
    "bad",
    [
        "a://1",
        Resource("", "one"),
        Resource("a://\n", "one"),
        Resource("a://1", ""),
        Resource("a://1", "one", size=-1),
        Resource("a://1", "one", description="x" * 70_000),
        Resource("a://1", "one", title=1),  # type: ignore[arg-type]
        Resource("a://1", "one", annotations={"a": object()}),
    ],
)
async def test_what_cannot_be_shown_is_left_out(bad: object) -> None:
    good = Resource("a://2", "two")
    assert await rich(s=Rich(shown=[bad, good])).extras.resources(ADA) == [("s", good)]


async def test_templates_and_prompts_that_cannot_be_shown_are_left_out() -> None:
    server = Rich(
        patterns=["a", ResourceTemplate("", "x"), ResourceTemplate("a://{b}", " \n")],
        kept=["a", Prompt(""), Prompt("x", arguments=["y"]), Prompt("x", title=2)],  # type: ignore[list-item,arg-type]
    )
    extras = rich(s=server).extras
    assert (await extras.templates(ADA), await extras.prompts(ADA)) == ([], [])


async def test_a_list_without_end_is_cut() -> None:
    many = [Resource(f"a://{n}", "one") for n in range(1500)]
    assert len(await rich(s=Rich(shown=many)).extras.resources(ADA)) == 1000


@pytest.mark.parametrize(
    ("given", "error", "why"),
    [
        (asyncio.Event(), UpstreamTimeout, "s took longer than 0.05 s"),
        (KeyError("sk-ant-secret"), UpstreamError, "s failed (KeyError)"),
        (SystemExit(1), UpstreamError, "s failed (SystemExit)"),
        (InvalidRequest("Not with sk-ant-secret."), InvalidRequest, "Not with sk-***."),
        ("text", UpstreamError, "no list of contents"),
        ([{"uri": "a://1"}], UpstreamError, "either text or blob"),
        ([{"uri": "a://1", "text": "a", "blob": "Yg=="}], UpstreamError, "either text or blob"),
        ([{"uri": "a://1", "text": "a", "_meta": object()}], UpstreamError, "is not JSON"),
        ([{"uri": "a://1", "text": "x" * 9 * 2**20}], UpstreamError, "more than 8 MB"),
    ],
)
async def test_a_bad_answer_is_an_error_that_can_be_told(
    given: object, error: type[GatewayError], why: str
) -> None:
    with pytest.raises(error) as refusal:
        await rich(s=Rich(gives=given)).extras.read("s", "a://1", ADA)
    assert why in refusal.value.message


@pytest.mark.parametrize(
    ("filled", "why"),
    [
        ("text", "is no PromptResult"),
        (PromptResult([{"role": "system", "content": {"type": "text"}}]), "without a role"),
        (PromptResult([{"role": "user", "content": "Hello."}]), "without a content block"),
    ],
)
async def test_a_prompt_that_is_none_is_an_error(filled: object, why: str) -> None:
    with pytest.raises(UpstreamError, match=why):
        await rich(s=Rich(filled=filled)).extras.prompt("s", "hello", {}, ADA)


async def test_suggestions_are_cut_and_said_to_be() -> None:
    server = Rich(suggested=Suggestions([str(n) for n in range(150)], 150))
    found = await rich(s=server).extras.suggest("s", Unfinished("who", ""), ADA)
    assert (len(found.values), found.total, found.more) == (100, 150, True)
    for bad in (["one"], Suggestions([1]), Suggestions(["one"], "two")):  # type: ignore[list-item,arg-type]
        with pytest.raises(UpstreamError):
            await rich(s=Rich(suggested=bad)).extras.suggest("s", Unfinished("who", ""), ADA)
