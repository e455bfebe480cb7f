"""Every call leaves an entry, whatever becomes of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from claude_gateway import (
    AuditEntry,
    AuditFilter,
    Listing,
    Page,
    StorageFull,
    ToolCall,
    ToolResult,
)
from claude_gateway.toolbox import Audit, Choice, Limits, Toolbox
from tests.toolbox.conftest import Scripted


class Log:
    """A store that has only this."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.full = False

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        await asyncio.sleep(0)  # as a disk would
        if self.full:
            raise StorageFull("There is no room.")
        self.entries += entries

    async def list_audit(
        self, owner: str | None, page: Page, only: AuditFilter
    ) -> Listing[AuditEntry]:
        raise NotImplementedError

    async def read_audit(
        self, owner: str | None, only: AuditFilter, limit: int, last: AuditEntry | None = None
    ) -> Sequence[AuditEntry]:
        raise NotImplementedError

    async def prune_audit(self, before: float, limit: int) -> int:
        raise NotImplementedError


@pytest.fixture
def kept() -> Log:
    return Log()


def box(kept: Log, server: Scripted, *, arguments: bool = False, timeout: float = 5) -> Toolbox:
    return Toolbox({"s": server}, Limits(timeout), audit=Audit(kept, arguments))


async def fails(_call: ToolCall) -> ToolResult:
    return ToolResult.failed("No luck.")


async def raises(_call: ToolCall) -> ToolResult:
    raise RuntimeError("out of order")


async def never(_call: ToolCall) -> ToolResult:
    return await asyncio.Event().wait()  # type: ignore[return-value]


async def test_an_entry_says_who_called_what_where_and_how_it_ended(
    kept: Log, call: ToolCall
) -> None:
    call = replace(call, arguments={"b": 1, "a": "x"}, project_id="prj_1")
    outcome = await box(kept, Scripted()).call("s__look", call)
    (entry,) = kept.entries
    assert entry == AuditEntry(
        owner="ada",
        at=outcome.began,
        server="s",
        tool="look",
        outcome="completed",
        duration_ms=entry.duration_ms,
        digest=hashlib.sha256(b'{"a":"x","b":1}').hexdigest(),
        size=15,
        call_id="toolu_1",
        session_id="s",
        run_id="r",
        project_id="prj_1",
    )


@pytest.mark.parametrize("does", [fails, raises, never])
async def test_a_call_that_fails_is_in_the_log(kept: Log, call: ToolCall, does: object) -> None:
    server = Scripted(does=does)  # type: ignore[arg-type]
    outcome = await box(kept, server, timeout=0.05).call("s__look", call)
    assert outcome.result.is_error
    assert [(entry.tool, entry.outcome) for entry in kept.entries] == [("look", "failed")]


async def test_s9_a_call_that_is_refused_is_in_the_log(kept: Log, call: ToolCall) -> None:
    toolbox = box(kept, Scripted())
    await toolbox.call("s__ghost", call)
    await toolbox.call("s__look", call, Choice.of(["other"], None))
    assert [(entry.server, entry.tool, entry.outcome) for entry in kept.entries] == [
        ("", "s__ghost", "refused"),
        ("", "s__look", "refused"),
    ]


async def test_t24_a_call_that_is_cancelled_is_in_the_log(kept: Log, call: ToolCall) -> None:
    server = Scripted(does=never)
    calling = asyncio.ensure_future(box(kept, server).call("s__look", call))
    while not server.calls:
        await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert [(entry.tool, entry.outcome) for entry in kept.entries] == [("look", "cancelled")]


async def test_s11_arguments_are_kept_only_where_they_are_asked_for_and_without_keys(
    kept: Log, call: ToolCall
) -> None:
    call = replace(call, arguments={"key": "sk-ant-api03-CANARY", "n": [1.5, {"b": 1, "a": 2}]})
    await box(kept, Scripted()).call("s__look", call)
    await box(kept, Scripted()).call("s__look", replace(call, audited=True))
    await box(kept, Scripted(), arguments=True).call("s__look", call)
    nothing, asked, always = (entry.arguments for entry in kept.entries)
    assert nothing is None
    assert asked == always == b'{"key":"sk-***","n":[1.5,{"a":2,"b":1}]}'
    assert len({entry.digest for entry in kept.entries}) == 1


async def test_t31_arguments_that_are_too_large_are_a_hash_and_a_size(
    kept: Log, call: ToolCall
) -> None:
    call = replace(call, arguments={"text": "x" * 70_000}, audited=True)
    await box(kept, Scripted()).call("s__look", call)
    (entry,) = kept.entries
    assert (entry.arguments, entry.size) == (None, 70_011)


async def test_numbers_of_any_size_have_a_hash(kept: Log, call: ToolCall) -> None:
    for way in ({"b": 10**30, "a": 1}, {"a": 1, "b": 10**30}):
        await box(kept, Scripted()).call("s__look", replace(call, arguments=way))
    first, second = kept.entries
    assert first.digest == second.digest


async def test_a_log_that_cannot_be_written_stops_nothing_and_says_what_is_missing(
    kept: Log, call: ToolCall, caplog: pytest.LogCaptureFixture
) -> None:
    kept.full = True
    call = replace(call, arguments={"secret": "CANARY"}, audited=True)
    outcome = await box(kept, Scripted()).call("s__look", call)
    assert not outcome.result.is_error
    (record,) = [r for r in caplog.records if "missing in the audit log" in r.message]
    assert "'look'" in record.entry  # type: ignore[attr-defined]
    assert "CANARY" not in str(vars(record))
