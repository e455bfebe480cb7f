"""What every model backend must do, as tests to inherit."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import NoReturn

import pytest

from claude_gateway.errors import InvalidRequest
from claude_gateway.interfaces import (
    Completes,
    CountsTokens,
    ModelBackend,
    ReportsHealth,
    ServesUnknown,
    StreamsBatches,
)
from claude_gateway.testing.checks import (
    LET_GO_WITHIN,
    cancel_the_wait,
    check_body,
    check_counts,
    check_error,
    one_by_one,
)
from claude_gateway.testing.grammar import check_order
from claude_gateway.testing.heard import Heard, hear
from claude_gateway.types.health import Health
from claude_gateway.types.requests import ModelRequest

UNHEARD_OF = "no-such-model-ever"


class ModelBackendConformance:
    """The tests that every model backend must pass.

    Inherit, and give the backend in a fixture; pytest-asyncio runs in its mode `auto`:

        class TestMine(ModelBackendConformance):
            @pytest.fixture
            async def backend(self):
                async with open_my_backend(FakeUpstream()) as backend:
                    yield backend

    Every test asks the backend at least once, so put a fake upstream behind it. `patience` is how
    many seconds one answer may take. Set `deterministic = False` when the same question may be
    answered in other words: then answers are not compared with each other.
    """

    patience: float = 30.0
    deterministic: bool = True
    _backend: ModelBackend

    @pytest.fixture
    async def backend(self) -> ModelBackend:
        """Return or yield the backend to test; override this one."""
        raise NotImplementedError("a class that inherits the kit has a fixture called `backend`")

    @pytest.fixture(autouse=True)
    def _remember(self, backend: ModelBackend) -> None:
        self._backend = backend

    @property
    def model(self) -> str:
        """The model that is asked: the first one listed, unless overridden."""
        assert self._backend.models, "The backend lists no model; override `model` if that is meant"
        return self._backend.models[0].id

    def request_for(self, text: str) -> ModelRequest:
        """Ask something, as simply as can be."""
        return self._request([{"role": "user", "content": text}])

    # --- models

    async def test_it_serves_at_least_one_model(self, backend: ModelBackend) -> None:
        assert len(backend.models) > 0, "`models` is empty, so no request would ever reach it."

    async def test_model_ids_are_unique_and_not_blank(self, backend: ModelBackend) -> None:
        ids = [model.id for model in backend.models]
        blank = [id_ for id_ in ids if not id_ or id_ != "".join(id_.split())]
        assert not blank, f"These model ids are empty or have blanks: {blank}"
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
        assert not twice, f"These model ids are listed more than once: {twice}"

    async def test_limits_of_models_are_positive(self, backend: ModelBackend) -> None:
        for model in backend.models:
            assert model.max_tokens > 0, f"{model.id}: max_tokens is {model.max_tokens}"
            assert model.max_input_tokens > 0, (
                f"{model.id}: max_input_tokens is {model.max_input_tokens}"
            )

    async def test_whether_it_serves_an_unlisted_model_is_yes_or_no(
        self, backend: ModelBackend
    ) -> None:
        if not isinstance(backend, ServesUnknown):
            lacks(backend, "ServesUnknown")
        for id_ in (UNHEARD_OF, "", "🦊"):
            says = backend.serves(id_)
            assert isinstance(says, bool), f"serves({id_!r}) returned {says!r}, not a bool"

    # --- streams

    async def test_events_come_in_order(self, backend: ModelBackend) -> None:
        check_order((await self._ask(backend)).events)

    async def test_the_answer_has_text(self, backend: ModelBackend) -> None:
        assert (await self._ask(backend)).text.strip(), "The answer to a plain question is empty."

    async def test_usage_is_counted_and_never_falls(self, backend: ModelBackend) -> None:
        heard = await self._ask(backend)
        assert len(heard.usages) > 1, "Usage comes with MessageStart and with MessageDelta."
        output: list[int] = []
        for usage in heard.usages:
            check_counts(usage)
            count = usage.get("output_tokens")
            assert type(count) is int, f"This usage has no output_tokens: {usage}"
            output.append(count)
        assert output == sorted(output), f"output_tokens are cumulative; these fall: {output}"
        assert output[-1] > 0, "An answer with text has output_tokens of at least 1."

    async def test_frames_are_whole(self, backend: ModelBackend) -> None:
        for event in (await self._ask(backend)).events:
            frame = event.frame
            assert frame is None or frame.endswith((b"\n\n", b"\r\n\r\n")), (
                f"The frame of an event ends with its blank line; this one does not: {frame!r:.200}"
            )

    async def test_leaving_early_is_quick_and_harmless(self, backend: ModelBackend) -> None:
        stream = backend.stream(self.request_for("Tell me a long story."))
        async with asyncio.timeout(self.patience):
            await anext(stream, None)
        try:
            async with asyncio.timeout(LET_GO_WITHIN):
                await stream.aclose()
        except TimeoutError:
            raise AssertionError(f"aclose() took longer than {LET_GO_WITHIN:g} s.") from None
        check_order((await self._ask(backend)).events)

    @pytest.mark.parametrize("seen", [0, 1])
    async def test_cancelling_while_it_waits_is_quick_and_harmless(
        self, backend: ModelBackend, seen: int
    ) -> None:
        async with aclosing(backend.stream(self.request_for("Tell me a long story."))) as stream:
            for _ in range(seen):
                await anext(stream, None)
            await cancel_the_wait(stream)
        check_order((await self._ask(backend)).events)

    @pytest.mark.parametrize("together", [2, 10])
    async def test_streams_run_side_by_side(self, backend: ModelBackend, together: int) -> None:
        answers = await asyncio.gather(*(self._ask(backend) for _ in range(together)))
        for heard in answers:
            check_order(heard.events)
            assert heard.text.strip(), f"One of {together} answers at the same time is empty."

    @pytest.mark.parametrize(
        "text", ["Grüße aus Köln", "你好 世界", "👩‍👩‍👧‍👦 🦊 \u202eabc", "\u0000\t"]
    )
    async def test_any_text_may_be_asked(self, backend: ModelBackend, text: str) -> None:
        heard = await self._answer_or_refusal(backend, self.request_for(text))
        if heard is not None:
            heard.text.encode()  # half a surrogate pair cannot be sent to anybody

    async def test_a_conversation_with_tool_results_is_answered_or_refused(
        self, backend: ModelBackend
    ) -> None:
        call = {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Köln"}}
        result = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "12 °C, rain"}
        request = self._request(
            [
                {"role": "user", "content": "What is the weather?"},
                {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call]},
                {"role": "user", "content": [result]},
            ],
            tools=[{"name": "weather", "input_schema": {"type": "object"}}],
        )
        await self._answer_or_refusal(backend, request)

    async def test_what_it_cannot_answer_is_a_gateway_error(self, backend: ModelBackend) -> None:
        request = ModelRequest(UNHEARD_OF, {"messages": [], "max_tokens": 16})
        try:
            heard = await hear(backend.stream(request), self.patience)
        except AssertionError:
            raise
        except Exception as exc:  # noqa: BLE001  # whatever the plugin's author let through
            check_error(exc)
        else:
            check_order(heard.events)

    # --- abilities

    async def test_an_answer_in_one_piece_is_the_streamed_one(self, backend: ModelBackend) -> None:
        if not isinstance(backend, Completes):
            lacks(backend, "Completes")
        request = self.request_for("Say something.")
        answer = await backend.complete(replace(request, stream=False))
        check_body(answer)
        content = answer.message.get("content")
        assert isinstance(content, list), f"The message's content is no list: {content!r:.200}"
        text = "".join(block["text"] for block in content if block.get("type") == "text")
        heard = await hear(backend.stream(request), self.patience)
        if self.deterministic:
            assert text == heard.text, "complete() and stream() answer different text."
            assert answer.message.get("stop_reason") == heard.stop_reason, (
                "complete() and stream() have different stop reasons."
            )

    async def test_batches_are_the_same_events(self, backend: ModelBackend) -> None:
        if not isinstance(backend, StreamsBatches):
            lacks(backend, "StreamsBatches")
        request = self.request_for("Say something.")
        heard = await hear(one_by_one(backend.stream_batches(request)), self.patience)
        check_order(heard.events)
        single = await hear(backend.stream(request), self.patience)
        if self.deterministic:
            assert (heard.text, heard.outline) == (single.text, single.outline), (
                "stream_batches() and stream() give different events."
            )

    async def test_tokens_are_counted(self, backend: ModelBackend) -> None:
        if not isinstance(backend, CountsTokens):
            lacks(backend, "CountsTokens")
        answer = await backend.count_tokens(self.request_for("How many tokens is this?"))
        check_body(answer)
        count = answer.message.get("input_tokens")
        assert type(count) is int, f"input_tokens is {count!r}, not a whole number."
        assert count >= 1, f"A question has at least one token, not {count}."

    async def test_health_is_reported(self, backend: ModelBackend) -> None:
        if not isinstance(backend, ReportsHealth):
            lacks(backend, "ReportsHealth")
        health = await backend.check_health()
        assert isinstance(health, Health), f"check_health() returned {health!r}, not a Health."

    # --- asking

    def _request(self, messages: Sequence[object], **params: object) -> ModelRequest:
        return ModelRequest(self.model, {"max_tokens": 256, "messages": messages, **params})

    async def _ask(self, backend: ModelBackend, text: str = "Say something.") -> Heard:
        return await hear(backend.stream(self.request_for(text)), self.patience)

    async def _answer_or_refusal(
        self, backend: ModelBackend, request: ModelRequest
    ) -> Heard | None:
        try:
            heard = await hear(backend.stream(request), self.patience)
        except InvalidRequest:
            return None
        check_order(heard.events)
        return heard


def lacks(backend: ModelBackend, ability: str) -> NoReturn:
    """Skip a test of something that this backend need not be able to do."""
    pytest.skip(f"{type(backend).__name__} is not a {ability}, which is optional")
