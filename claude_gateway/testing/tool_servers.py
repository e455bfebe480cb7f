"""What every tool server must do, as tests to inherit."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeAlias, get_args

import pytest

from claude_gateway.errors import GatewayError, NotFound
from claude_gateway.testing.checks import LET_GO_WITHIN, check_error
from claude_gateway.tool_servers import ToolServer
from claude_gateway.toolbox.calling import decent
from claude_gateway.toolbox.entries import checked
from claude_gateway.types.tools import ServerState, ServerStatus, ToolCall, ToolResult

Sample: TypeAlias = tuple[str, Mapping[str, object]]

UNHEARD_OF = "no-such-tool-ever"
LISTED_WITHIN = 1.0  # seconds; a list is kept ready


class ToolServerConformance:
    """The tests that every tool server must pass.

    Inherit, give the server in a fixture and calls that succeed in `samples`, by tool and
    arguments; pytest-asyncio runs in its mode `auto`:

        class TestMine(ToolServerConformance):
            samples = (("add", {"a": 1, "b": 2}),)

            @pytest.fixture
            async def server(self):
                async with open_my_server() as server:
                    yield server

    Samples are called several times, also side by side; `patience` is how many seconds one may
    take. Tools that need arguments are called without any, which must harm nothing.
    """

    samples: Sequence[Sample] = ()
    patience: float = 30.0

    @pytest.fixture
    async def server(self) -> ToolServer:
        """Return or yield the server to test, available; override this one."""
        raise NotImplementedError("a class that inherits the kit has a fixture called `server`")

    def call_with(self, arguments: Mapping[str, object]) -> ToolCall:
        """Return the call that is made: on behalf of somebody, in the default project."""
        return ToolCall(arguments, "ada", id="call_1")

    # --- what it is

    async def test_it_says_what_it_is(self, server: ToolServer) -> None:
        for part in ("title", "description", "transport"):
            said = getattr(server, part)
            assert isinstance(said, str), f"{part} is {said!r}, not a string"
            assert said.strip(), f"{part} is blank"

    async def test_its_state_is_one_that_is_known(self, server: ToolServer) -> None:
        state = server.state()
        assert isinstance(state, ServerState), f"state() returned {state!r}, not a ServerState"
        assert state.status in get_args(ServerStatus), f"There is no state {state.status!r}."
        assert state.status == "available", f"The server to test is {state.status}: {state.reason}"

    # --- its tools

    async def test_every_tool_can_be_offered(self, server: ToolServer) -> None:
        entries, apart = checked("s", tuple(await server.tools()))
        reasons = [f"{one.name} {one.reason}" for one in apart]
        assert not reasons, f"These would be kept apart: {'; '.join(reasons)}"
        assert entries, "tools() is empty, so nothing could ever be called."

    async def test_tools_are_listed_at_once_and_the_same_each_time(
        self, server: ToolServer
    ) -> None:
        first = tuple(await server.tools())
        try:
            async with asyncio.timeout(LISTED_WITHIN):
                again = tuple(await server.tools())
        except TimeoutError:
            raise AssertionError(f"A list took longer than {LISTED_WITHIN:g} s; keep it.") from None
        assert first == again, "tools() gives others each time, which would be taken for a change."

    async def test_what_is_listed_cannot_be_changed_from_outside(self, server: ToolServer) -> None:
        listed = await server.tools()
        before = tuple(listed)
        if isinstance(listed, list):
            listed.clear()
        assert tuple(await server.tools()) == before, "tools() gives its own list away; copy it."

    # --- calls

    async def test_a_tool_that_it_does_not_have_is_not_found(self, server: ToolServer) -> None:
        with pytest.raises(NotFound) as refusal:
            await self._call(server, (UNHEARD_OF, {}))
        assert str(refusal.value).strip(), "NotFound has no message."

    async def test_samples_succeed(self, server: ToolServer) -> None:
        assert self.samples, "Give some calls that succeed in `samples`."
        for sample in self.samples:
            result = await self._call(server, sample)
            assert not result.is_error, f"{sample[0]} failed: {result.text}"

    async def test_samples_fit_the_schemas(self, server: ToolServer) -> None:
        entries, _ = checked("s", tuple(await server.tools()))
        known = {entry.tool.name: entry for entry in entries}
        for name, arguments in self.samples:
            assert name in known, f"{name} is not listed."
            why = known[name].unfit(arguments)
            assert why is None, f"The sample of {name} does not fit its own schema: {why}"

    async def test_without_what_it_needs_a_tool_fails_and_says_so(self, server: ToolServer) -> None:
        for tool in await server.tools():
            if not tool.input_schema.get("required"):
                continue
            try:
                result = await self._call(server, (tool.name, {}))
            except GatewayError as exc:
                check_error(exc)
            else:
                assert result.is_error, (
                    f"{tool.name} succeeds without {tool.input_schema['required']}"
                )
                assert result.text.strip(), f"{tool.name} fails without a reason."

    @pytest.mark.parametrize("number", [2, 10])
    async def test_calls_run_side_by_side(self, server: ToolServer, number: int) -> None:
        for sample in self.samples:
            calls = (self._call(server, sample) for _ in range(number))
            for result in await asyncio.gather(*calls):
                assert not result.is_error, f"One of {number} calls of {sample[0]}: {result.text}"

    async def test_a_call_that_is_cancelled_ends_at_once_and_harms_no_other(
        self, server: ToolServer
    ) -> None:
        for sample in self.samples:
            calling = asyncio.ensure_future(self._call(server, sample))
            await asyncio.sleep(0)
            if calling.done():  # it waits for nothing
                continue
            calling.cancel()
            done, _ = await asyncio.wait({calling}, timeout=LET_GO_WITHIN)
            assert done, f"{sample[0]} went on for more than {LET_GO_WITHIN:g} s when cancelled."
            assert calling.cancelled(), f"{sample[0]} swallowed its cancellation (CancelledError)."
            result = await self._call(server, sample)
            assert not result.is_error, f"{sample[0]} fails after a cancelled call: {result.text}"

    async def _call(self, server: ToolServer, sample: Sample) -> ToolResult:
        """Call a tool and check what it gives."""
        name, arguments = sample
        try:
            async with asyncio.timeout(self.patience):
                result = await server.call(name, self.call_with(arguments))
        except TimeoutError:
            raise AssertionError(f"{name} took longer than {self.patience:g} s.") from None
        except GatewayError:
            raise
        except Exception as exc:
            raise AssertionError(
                f"{type(exc).__name__} came out of {name}; give a failed result: {exc}"
            ) from exc
        assert decent(result) is result, f"{name}: {decent(result).text} It was {result!r:.200}"
        return result
