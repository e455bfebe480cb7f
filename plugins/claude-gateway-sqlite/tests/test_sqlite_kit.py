"""The kit finds stores out that are wrong: each of these is, in one way."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import (
    AuditEntry,
    AuditFilter,
    Events,
    GatewayError,
    Listing,
    Message,
    NotFound,
    Page,
    Pin,
    Role,
    RunEnd,
    RunRecord,
    Session,
    SessionFilter,
    SessionStats,
    TurnStart,
    Who,
    whose,
)
from claude_gateway.testing import StoreConformance
from claude_gateway.testing.stores.samples import ADA

KIT = StoreConformance()
Test = Callable[[SqliteStore], Awaitable[None]]


class ShowsRunsOfOthers(SqliteStore):
    async def get_run(self, owner: Who, run_id: str, need: Role = "viewer") -> RunRecord:
        return await super().get_run(ADA, run_id, need)


class DeletesSessionsOfOthers(SqliteStore):
    async def delete_session(self, owner: Who, session_id: str) -> None:
        await super().delete_session(ADA, session_id)


class WritesContentAnew(SqliteStore):
    async def history(self, owner: Who, session_id: str) -> tuple[Session, Sequence[Message]]:
        session, messages = await super().history(owner, session_id)
        anew = [
            replace(one, content=json.dumps(json.loads(one.content)).encode()) for one in messages
        ]
        return session, anew


class TakesEveryTurn(SqliteStore):
    async def begin_turn(self, start: TurnStart) -> RunRecord:
        if start.session is not None and not start.new_session:
            kept = await self.get_session(start.run.owner, start.session.id)
            start = replace(start, expected=kept.last_number)
        return await super().begin_turn(start)


class BeginsAgain(SqliteStore):
    async def begin_turn(self, start: TurnStart) -> RunRecord:
        return await super().begin_turn(replace(start, replay=None))


class LosesTheEndsEvents(SqliteStore):
    async def end_run(self, end: RunEnd) -> None:
        await super().end_run(replace(end, events=None))


class KeepsItsThinking(SqliteStore):
    async def end_run(self, end: RunEnd) -> None:
        await super().end_run(replace(end, forget_thinking=False))


class AddsWhenItEndsAgain(SqliteStore):
    async def end_run(self, end: RunEnd) -> None:
        if (await self.get_run(end.run.owner, end.run.id)).over:
            await self.add_messages(end.run.owner, end.run.session_id or "", end.messages)
        await super().end_run(end)


class TakesUnknownForFree(SqliteStore):
    async def session_stats(self, owner: Who) -> SessionStats:
        stats = await super().session_stats(owner)
        return replace(stats, total=replace(stats.total, cost=stats.total.cost or Decimal(0)))


class ReadsFromTheStart(SqliteStore):
    async def read_events(
        self, owner: Who, run_id: str, after: int = 0, most_bytes: int = 1 << 20
    ) -> Sequence[Events]:
        return await super().read_events(owner, run_id, 0, most_bytes)


class FindsEverything(SqliteStore):
    async def list_sessions(self, owner: Who, page: Page, only: SessionFilter) -> Listing[Session]:
        return await super().list_sessions(owner, page, replace(only, query=""))


class PrunesWithoutBounds(SqliteStore):
    async def prune_sessions(self, before: float, limit: int) -> int:
        return await super().prune_sessions(before, 1000)


class ForgetsOnlyTheName(SqliteStore):
    async def get_session(self, owner: Who, session_id: str, need: Role = "viewer") -> Session:
        session = await super().get_session(owner, session_id, need)
        if session.title == "Whole":
            raise NotFound("There is no such session.")
        return session


class TakesTheLaterPin(SqliteStore):
    async def add_pins(self, pins: Sequence[Pin]) -> None:
        for pin in pins:
            await self.replace_pin(pin)


class ShowsCallsOfOthers(SqliteStore):
    async def list_audit(
        self, owner: str | None, page: Page, only: AuditFilter
    ) -> Listing[AuditEntry]:
        return await super().list_audit(None, page, only)


class ForgetsToAskWhatAVisitorMay(SqliteStore):
    async def list_messages(
        self, owner: Who, session_id: str, page: Page, *, role: str = "", after: int = 0
    ) -> Listing[Message]:
        return await super().list_messages(whose(owner), session_id, page, role=role, after=after)


class LetsViewersWrite(SqliteStore):
    async def update_session(
        self, owner: Who, session_id: str, changes: Mapping[str, object]
    ) -> Session:
        await self.get_session(owner, session_id)
        return await super().update_session(whose(owner), session_id, changes)


class ListsAllProjectsToEveryKey(SqliteStore):
    async def list_sessions(self, owner: Who, page: Page, only: SessionFilter) -> Listing[Session]:
        return await super().list_sessions(whose(owner), page, only)


FAULTS: list[tuple[type[SqliteStore], Test]] = [
    (ShowsRunsOfOthers, lambda s: KIT.test_s8_s9_what_is_anothers_is_not_there(s, "get_run")),
    (
        DeletesSessionsOfOthers,
        lambda s: KIT.test_s8_s9_what_is_anothers_is_not_there(s, "delete_session"),
    ),
    (WritesContentAnew, KIT.test_messages_are_numbered_and_come_back_byte_by_byte),
    (TakesEveryTurn, KIT.test_a_turn_that_has_not_seen_the_newest_message_is_refused),
    (BeginsAgain, KIT.test_a_turn_that_is_begun_again_by_the_same_request_is_the_first),
    (LosesTheEndsEvents, KIT.test_an_end_is_kept_with_all_that_belongs_to_it),
    (
        KeepsItsThinking,
        KIT.test_t08_an_end_makes_the_session_forget_what_was_thought_before_its_answer,
    ),
    (AddsWhenItEndsAgain, KIT.test_a_second_end_changes_nothing),
    (TakesUnknownForFree, KIT.test_of_nobody_nothing_is_counted),
    (ReadsFromTheStart, lambda s: KIT.test_events_are_read_from_any_number(s, 4, [5])),
    (FindsEverything, KIT.test_words_are_found_in_titles_and_messages),
    (PrunesWithoutBounds, KIT.test_t31_sessions_are_forgotten_a_bounded_number_at_a_time),
    (TakesTheLaterPin, KIT.test_s12_a_pin_that_is_there_is_not_taken_away_by_a_later_one),
    (ShowsCallsOfOthers, KIT.test_s9_nobody_reads_what_others_have_called),
    (
        ForgetsToAskWhatAVisitorMay,
        lambda s: KIT.test_s9_a_visitor_gets_as_far_as_their_role(s, "list_messages"),
    ),
    (
        LetsViewersWrite,
        lambda s: KIT.test_s9_a_visitor_gets_as_far_as_their_role(s, "update_session"),
    ),
    (ListsAllProjectsToEveryKey, KIT.test_s9_lists_leave_out_what_a_key_does_not_reach),
    (ForgetsOnlyTheName, KIT.test_a_session_comes_back_as_it_was_kept),
]


@pytest.mark.parametrize(("faulty", "test"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
async def test_a_store_that_is_wrong_is_found_out(
    tmp_path: Path, faulty: type[SqliteStore], test: Test
) -> None:
    async with open_store(tmp_path / "good") as good:
        await test(good)
    async with open_store(tmp_path / "bad") as store:
        bad = faulty(store._file, store._writer, store._readers, store._instances)
        with pytest.raises((AssertionError, pytest.fail.Exception, GatewayError)):
            await test(bad)
