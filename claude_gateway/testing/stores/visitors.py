"""That visitors get as far as their role and their key: every call of the store, by each of them."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

from dataclasses import replace

import pytest

from claude_gateway.errors import Conflict, Forbidden, GatewayError, InvalidRequest, NotFound
from claude_gateway.member_stores import KeepsMembers
from claude_gateway.stores import KeepsProjects, KeepsRuns, KeepsSessions, Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.guests import GUEST, OTHERS, TRIES, adas, anew, going_on, shared
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVE,
    EVERY,
    ended,
    ids,
    project,
    replay,
    session,
    starting,
)
from claude_gateway.types.resources import SessionFilter
from claude_gateway.types.sharing import ROLES, Visitor, address
from claude_gateway.types.turns import TurnStart


class OfVisitors(OfAStore):
    """Tests of what is promised of visitors."""

    def test_s9_every_call_has_a_decision_about_visitors(self) -> None:
        calls = {
            name
            for kind in (KeepsProjects, KeepsMembers, KeepsSessions, KeepsRuns)
            for name in vars(kind)
            if not name.startswith("_")
        }
        assert {name.split(" ")[0] for name in TRIES} | OTHERS == calls

    @pytest.mark.parametrize("call", TRIES)
    async def test_s9_a_visitor_gets_as_far_as_their_role(self, store: Store, call: str) -> None:
        wanted = TRIES[call]
        await shared(store)
        before = await adas(store)
        with pytest.raises(NotFound) as missing:
            await wanted.call(store, GUEST)
        for role in ROLES[: ROLES.index(wanted.need)]:
            await store.set_member(ADA, "p", EVE, role)
            with pytest.raises(Forbidden) as refusal:
                await wanted.call(store, GUEST)
            assert refusal.value.code == "role_too_low"
            assert wanted.need in refusal.value.message
        await store.set_member(ADA, "p", EVE, "editor")
        await store.remove_member(ADA, "p", EVE)
        with pytest.raises(NotFound) as gone:
            await wanted.call(store, GUEST)
        assert gone.value.message == missing.value.message
        assert await adas(store) == before
        await store.set_member(ADA, "p", EVE, wanted.need)
        await wanted.call(store, GUEST)

    @pytest.mark.parametrize("call", TRIES)
    async def test_s9_a_role_in_one_project_is_none_in_another(
        self, store: Store, call: str
    ) -> None:
        await shared(store)
        await store.create_project(project("other"))
        await store.set_member(ADA, "other", EVE, "owner")
        before = await adas(store)
        with pytest.raises(NotFound):
            await TRIES[call].call(store, GUEST)
        assert await adas(store) == before

    @pytest.mark.parametrize("call", TRIES)
    async def test_s9_a_key_gets_no_further_than_its_projects(
        self, store: Store, call: str
    ) -> None:
        await shared(store)
        await store.set_member(ADA, "p", EVE, "owner")
        before = await adas(store)
        for reach in (set(), {"p"}, {address(ADA, "other")}, {address(EVE, "p")}):
            for who in (replace(GUEST, projects=frozenset(reach)), Visitor(ADA, ADA, frozenset())):
                with pytest.raises(NotFound):
                    await TRIES[call].call(store, who)
        assert await adas(store) == before
        await TRIES[call].call(store, replace(GUEST, projects=frozenset({address(ADA, "p")})))

    @pytest.mark.parametrize("call", [name for name in TRIES if name != "remove_member"])
    async def test_s9_an_owner_is_no_guest_and_a_key_reaches_what_it_names(
        self, store: Store, call: str
    ) -> None:
        await shared(store)
        with pytest.raises(NotFound):
            await TRIES[call].call(store, Visitor(ADA, ADA, frozenset({"q"})))
        await TRIES[call].call(store, Visitor(ADA, ADA, frozenset({"p"})))

    async def test_s9_a_project_and_its_members_are_told_to_members(self, store: Store) -> None:
        await shared(store)
        await store.set_member(ADA, "p", EVE, "viewer")
        kept = await store.get_project(ADA, "p")
        assert kept.role is None
        assert await store.get_project(GUEST, "p") == replace(kept, role="viewer")
        members = await store.list_members(GUEST, "p")
        assert [(one.user, one.role) for one in members] == [("cleo", "viewer"), (EVE, "viewer")]
        assert (await store.set_member(ADA, "p", EVE, "editor")).role == "editor"
        assert await store.list_members(ADA, "p") == await store.list_members(GUEST, "p")

    async def test_lists_of_projects_have_what_is_shared_and_what_may_be_done(
        self, store: Store
    ) -> None:
        await shared(store)
        await store.create_project(project("p", EVE))
        await store.set_member(ADA, "p", EVE, "editor")
        listing = await store.list_projects(Visitor(EVE, EVE), ALL)
        assert listing.total == 2
        told = {(one.owner, one.id, one.role) for one in listing.items}
        assert told == {(EVE, "p", None), (ADA, "p", "editor")}
        assert (await store.list_projects(EVE, ALL)).total == 1
        only = Visitor(EVE, EVE, frozenset({address(ADA, "p")}))
        assert [one.owner for one in (await store.list_projects(only, ALL)).items] == [ADA]
        assert (await store.list_projects(Visitor(EVE, EVE, frozenset()), ALL)).total == 0
        assert (await store.list_projects(Visitor(EVE, EVE), ALL, "nonsense")).total == 0

    async def test_s9_lists_of_a_shared_project_are_for_its_members(self, store: Store) -> None:
        await shared(store)
        of_p = SessionFilter("p")
        assert (await store.list_sessions(GUEST, ALL, of_p)).total == 0
        assert (await store.list_runs(GUEST, ALL, session_id="s")).total == 0
        await store.set_member(ADA, "p", EVE, "viewer")
        assert ids((await store.list_sessions(GUEST, ALL, of_p)).items) == ["s"]
        assert ids((await store.list_runs(GUEST, ALL, session_id="s")).items) == ["run_1"]
        assert (await store.list_sessions(GUEST, ALL, EVERY)).total == 0
        assert (await store.list_sessions(GUEST, ALL, SessionFilter("default"))).total == 0
        assert (await store.list_runs(GUEST, ALL, session_id="private")).total == 0

    async def test_s9_lists_leave_out_what_a_key_does_not_reach(self, store: Store) -> None:
        await shared(store)
        for reach, found in (({"p"}, ["s"]), ({"default"}, ["private"]), (set(), [])):
            who = Visitor(ADA, ADA, frozenset(reach), "key_1")
            assert ids((await store.list_sessions(who, ALL, EVERY)).items) == found
            assert ids((await store.list_projects(who, ALL)).items) == [*(reach & {"p"})]
            runs = {"s": "run_1", "private": "run_2"}
            assert ids((await store.list_runs(who, ALL)).items) == [runs[one] for one in found]
            stats = await store.session_stats(who)
            assert (stats.active_sessions, stats.total.runs) == (len(found), len(found))
            for only in (SessionFilter("p"), SessionFilter("default")):
                listed = (await store.list_sessions(who, ALL, only)).total
                assert listed == int(only.project_id in reach)
            if self.searches:
                hits = await store.list_sessions(who, ALL, SessionFilter(query="Hello"))
                assert ids(hits.items) == found

    async def test_s9_what_is_in_no_project_is_seen_by_the_key_that_made_it(
        self, store: Store
    ) -> None:
        start = starting("run_1").run
        await store.begin_turn(TurnStart(replace(start, session_id=None, key_id="key_1")))
        mine = Visitor(ADA, ADA, frozenset({"p"}), "key_1")
        assert (await store.get_run(mine, "run_1")).id == "run_1"
        assert ids((await store.list_runs(mine, ALL)).items) == ["run_1"]
        for other in (replace(mine, key_id="key_2"), replace(mine, key_id=None), GUEST):
            with pytest.raises(NotFound):
                await store.get_run(other, "run_1")
            with pytest.raises(NotFound):
                await store.read_events(other, "run_1")
        assert (await store.list_runs(replace(mine, key_id="key_2"), ALL)).total == 0

    async def test_a_run_of_a_guest_is_told_and_counted_as_theirs(self, store: Store) -> None:
        await shared(store)
        await store.set_member(ADA, "p", EVE, "editor")
        before = (await store.session_stats(ADA)).total
        begun = await store.begin_turn(going_on(GUEST))
        await store.end_run(ended(begun))
        kept = await store.get_run(ADA, "run_9")
        assert (kept.owner, kept.caller, kept.payer) == (ADA, EVE, EVE)
        assert (await store.session_stats(ADA)).total == before
        assert (await store.session_stats(EVE)).total.runs == 1
        assert (await store.get_session(ADA, "s")).total_tokens > 0
        await store.remove_member(ADA, "p", EVE)
        with pytest.raises(NotFound):
            await store.get_run(GUEST, "run_9")
        assert (await store.get_session(ADA, "s")).message_count == 3

    async def test_s9_a_key_of_a_request_is_the_guests_own(self, store: Store) -> None:
        await shared(store)
        await store.set_member(ADA, "p", EVE, "editor")
        mine = replay("new", "session", "hers", "same")
        await store.create_session(session("ada"), replay("ada", "session", "d", "same"))
        made = await store.create_session(session("new", project_id="p"), mine, GUEST)
        again = replace(mine, made="other")
        assert await store.create_session(session("other", project_id="p"), again, GUEST) == made
        begun = replace(going_on(GUEST), replay=replay("run_9", "run", "d", "turn"))
        assert (await store.begin_turn(begun)).id == "run_9"
        assert await store.find_replay(ADA, "turn") is None
        assert await store.find_replay(EVE, "turn") is not None
        await store.remove_member(ADA, "p", EVE)
        with pytest.raises(NotFound):
            await store.begin_turn(begun)

    async def test_s9_what_a_request_made_before_is_looked_for_where_it_is_now(
        self, store: Store
    ) -> None:
        await shared(store)
        await store.set_member(ADA, "p", EVE, "editor")
        mine, fork = replay("new", "session", key="made"), replay("f", "session", key="forked")
        await store.create_session(session("new", project_id="p"), mine, GUEST)
        await store.fork_session(GUEST, "s", session("f", project_id="p"), None, fork)
        begun = replace(anew(GUEST), replay=replay("run_9", key="begun"))
        begun = replace(begun, session=session("third", project_id="p"))
        await store.begin_turn(replace(begun, run=replace(begun.run, session_id="third")))
        for moved in ("new", "f", "third"):
            await store.update_session(ADA, moved, {"project_id": "default"})
        with pytest.raises(NotFound):
            await store.create_session(session("again", project_id="p"), mine, GUEST)
        with pytest.raises(NotFound):
            await store.fork_session(GUEST, "s", session("again", project_id="p"), None, fork)
        again = replace(begun, session=session("fourth", project_id="p"))
        again = replace(again, run=replace(begun.run, id="run_10", session_id="fourth"))
        with pytest.raises(NotFound):
            await store.begin_turn(again)

    async def test_moving_a_session_needs_an_owner_of_both_projects(self, store: Store) -> None:
        await shared(store)
        await store.create_project(project("other"))
        await store.set_member(ADA, "p", EVE, "owner")
        move = {"project_id": "other"}
        with pytest.raises(NotFound):
            await store.update_session(GUEST, "s", move)
        await store.set_member(ADA, "other", EVE, "editor")
        with pytest.raises(Forbidden):
            await store.update_session(GUEST, "s", move)
        await store.set_member(ADA, "other", EVE, "owner")
        await store.set_member(ADA, "p", EVE, "editor")
        with pytest.raises(Forbidden):
            await store.update_session(GUEST, "s", move)
        await store.update_session(GUEST, "s", {"project_id": "p"})
        await store.set_member(ADA, "p", EVE, "owner")
        assert (await store.update_session(GUEST, "s", move)).project_id == "other"

    async def test_members_go_with_their_project_and_may_leave(self, store: Store) -> None:
        await shared(store)
        await store.set_member(ADA, "p", EVE, "viewer")
        with pytest.raises(Forbidden):
            await store.remove_member(GUEST, "p", "cleo")
        await store.remove_member(GUEST, "p", EVE)
        with pytest.raises(NotFound):
            await store.remove_member(ADA, "p", EVE)
        await store.set_member(ADA, "p", EVE, "owner")
        await store.delete_project(GUEST, "p")
        await store.create_project(project("p"))
        assert await store.list_members(ADA, "p") == []
        with pytest.raises(NotFound):
            await store.get_project(GUEST, "p")
        with pytest.raises(NotFound):
            await store.get_session(GUEST, "s")  # it is in the default project now

    async def test_s9_what_is_shared_is_a_project_that_is_there_and_not_the_default_one(
        self, store: Store
    ) -> None:
        await shared(store)
        await store.create_project(project("default"))
        tries: list[tuple[type[GatewayError], str, str]] = [
            (NotFound, "none", EVE),
            (Conflict, "default", EVE),
            (InvalidRequest, "p", ADA),
        ]
        for error, project_id, user in tries:
            with pytest.raises(error):
                await store.set_member(ADA, project_id, user, "viewer")
        with pytest.raises(NotFound):
            await store.list_members(ADA, "none")
