"""`claude-gateway projects` and `sessions`: what is kept, without the server and beside it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from claude_gateway import Message, Project, Session, Settings, Store, ToolExecution
from claude_gateway.cli.sessions import pruned
from claude_gateway.cli.start import known_settings, load_plugins
from claude_gateway.cli.stored import table
from claude_gateway.registry import open_store
from claude_gateway.spending_stores import as_usage_store
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from claude_gateway.types.spending import Booked, Sum

if TYPE_CHECKING:
    from tests.cli.conftest import Command

T = TypeVar("T")
DAY = 86_400.0


def kept(folder: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the store that the commands use."""

    async def run() -> T:
        plugins = load_plugins({})
        data = {"GATEWAY_DATA_DIR": str(folder / ".claude-gateway/data")}
        settings = Settings.read(data, known_settings(plugins))
        async with open_store(plugins, settings, "auto") as store:
            assert store is not None
            return await work(store)

    return asyncio.run(run())


def session(id_: str = "ses_1", **fields: Any) -> Session:
    now = time.time()
    return replace(Session(id_, "owner", "default", "claude-sonnet-5-5", now, now), **fields)


@pytest.fixture
def stored(folder: Path) -> None:
    """A project, a session with a message and a call, and somebody else's session."""
    now = time.time()

    async def fill(store: Store) -> None:
        await store.create_project(Project("prj_1", "owner", "App", now, now, path="a/b"))
        await store.create_session(session(title="Plan"))
        await store.create_session(session("ses_2", owner="key_2", title="Secret"))
        said = [Message("msg_1", "user", b'"Hello"', now, "Hello")]
        await store.add_messages("owner", "ses_1", said)
        await store.add_tool_executions("owner", [ToolExecution("exe_1", "ses_1", "look", now)])

    kept(folder, fill)


@pytest.mark.usefixtures("stored")
def test_projects_are_listed_as_a_table_and_as_json(command: Command) -> None:
    done = command("projects", "list")
    assert (done.code, done.err) == (0, "")
    heads, row = done.out.splitlines()
    assert heads.split() == ["id", "name", "path", "updated_at"]
    assert row.split()[:3] == ["prj_1", "App", "/workspace/a/b"]
    assert heads.index("name") == row.index("App")
    (project,) = json.loads(command("projects", "list", "--json").out)
    assert (project["id"], project["name"]) == ("prj_1", "App")


@pytest.mark.usefixtures("stored")
def test_one_project_is_shown(command: Command) -> None:
    assert "name         App\n" in command("projects", "show", "prj_1").out
    assert json.loads(command("projects", "show", "prj_1", "--json").out)["id"] == "prj_1"


def test_a_project_is_made_with_its_folder(command: Command, folder: Path) -> None:
    done = command("projects", "create", "App", "--path", "/workspace/app", "--json")
    made = json.loads(done.out)
    assert (folder / ".claude-gateway/workspace/app").is_dir()
    assert json.loads(command("projects", "show", made["id"], "--json").out) == made
    command("users", "create", "ada")
    assert "App" in command("projects", "create", "App", "--owner", "ada").out
    assert len(json.loads(command("projects", "list", "--json").out)) == 1


@pytest.mark.usefixtures("stored")
def test_a_project_is_deleted_when_that_is_meant(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert command("projects", "delete", "prj_1").code == 1
    assert command("projects", "show", "prj_1").code == 0
    assert command("projects", "delete", "prj_1", "--yes").out == "Deleted prj_1.\n"
    assert command("projects", "show", "prj_1").code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("projects", "show", "none"), "no such project"),
        (("projects", "delete", "none", "--yes"), "no such project"),
        (("projects", "delete", "default", "--yes"), "cannot be deleted"),
        (("projects", "create", " "), "name must not be blank"),
        (("projects", "create", "App", "--path", "../x"), "'..'"),
        (("sessions", "show", "none"), "no such session"),
        (("sessions", "export", "none"), "no such session"),
        (("sessions", "show", "ses_2"), "no such session"),
        (("projects", "list", "--owner", "eve"), "Nobody is called 'eve'"),
        (("projects", "create", "App", "--owner", "eve"), "Nobody is called 'eve'"),
        (("projects", "members", "prj_1", "--owner", "key_9"), "Nobody is called 'key_9'"),
        (("sessions", "list", "--owner", "eve"), "Nobody is called 'eve'"),
        (("sessions", "prune", "--older-than", "1d", "--owner", "eve"), "Nobody is called 'eve'"),
        (("usage", "--owner", "eve"), "Nobody is called 'eve'"),
        (("mcp", "audit", "--owner", "eve"), "Nobody is called 'eve'"),
    ],
)
@pytest.mark.usefixtures("stored")
def test_what_cannot_be_done_is_one_sentence(
    command: Command, arguments: tuple[str, ...], said: str
) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("stored")
def test_sessions_are_listed_of_one_owner(command: Command) -> None:
    (listed,) = json.loads(command("sessions", "list", "--json").out)
    assert (listed["id"], listed["message_count"]) == ("ses_1", 1)
    assert "Plan" in command("sessions", "list").out
    (other,) = json.loads(command("sessions", "list", "--json", "--owner", "key_2").out)
    assert other["id"] == "ses_2"
    assert json.loads(command("sessions", "list", "--json", "--project", "prj_1").out) == []
    assert len(json.loads(command("sessions", "list", "--json", "--query", "hello").out)) == 1
    assert json.loads(command("sessions", "list", "--json", "--query", "bye").out) == []


def test_s3_owners_go_by_the_names_of_users_or_by_any_id(command: Command, folder: Path) -> None:
    ada = json.loads(command("users", "create", "ada", "--json").out)["id"]
    project = json.loads(command("projects", "create", "App", "--owner", "ada", "--json").out)["id"]
    today = datetime.now(UTC).date().isoformat()
    used = Booked(today, ada, "", "claude-sonnet-5-5", "", Sum(runs=3))

    async def fill(store: Store) -> None:
        await store.create_session(session("ses_9", owner=ada, project_id=project))
        usage = as_usage_store(store)
        assert usage is not None
        await usage.book_usage([used])

    kept(folder, fill)
    for owner in ("ada", ada):
        whose = ("--owner", owner)
        assert [one["id"] for one in listed(command, "projects", "list", *whose)] == [project]
        assert [one["id"] for one in listed(command, "sessions", "list", *whose)] == ["ses_9"]
        assert listed(command, "sessions", "show", "ses_9", *whose)["project_id"] == project
        assert command("sessions", "export", "ses_9", *whose).code == 0
        assert command("sessions", "prune", "--older-than", "1d", *whose).code == 0
        assert listed(command, "usage", *whose)["sum"]["runs"] == 3
        assert command("mcp", "audit", *whose).code == 0


def test_the_projects_of_a_user_are_shared_by_the_names_of_both(command: Command) -> None:
    for name in ("ada", "bob"):
        command("users", "create", name)
    whose = ("--owner", "ada")
    project = listed(command, "projects", "create", "App", *whose)["id"]
    assert listed(command, "projects", "share", project, "bob", *whose)["role"] == "viewer"
    assert len(listed(command, "projects", "members", project, *whose)) == 1
    assert command("projects", "unshare", project, "bob", *whose).code == 0
    assert listed(command, "projects", "members", project, *whose) == []
    assert command("projects", "delete", project, "--yes", *whose).code == 0
    assert listed(command, "projects", "list", *whose) == []


def test_owners_who_are_no_users_go_by_their_ids(command: Command, folder: Path) -> None:
    loner = listed(command, "keys", "create", "--name", "loner")["id"]
    kept(folder, lambda store: store.create_session(session(owner="of a plugin")))
    assert len(listed(command, "sessions", "list", "--owner", "of a plugin")) == 1
    for owner in (loner, "app_0123", "byok_0123", "owner"):
        assert listed(command, "sessions", "list", "--owner", owner) == []


def listed(command: Command, *arguments: str) -> Any:
    done = command(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_long_list_is_read_to_its_end(command: Command, folder: Path) -> None:
    async def fill(store: Store) -> None:
        for i in range(501):
            await store.create_session(session(f"ses_{i}"))

    kept(folder, fill)
    assert len(json.loads(command("sessions", "list", "--json").out)) == 501


@pytest.mark.usefixtures("stored")
def test_one_session_is_shown(command: Command) -> None:
    assert "title          Plan\n" in command("sessions", "show", "ses_1").out
    assert json.loads(command("sessions", "show", "ses_1", "--json").out)["title"] == "Plan"


@pytest.mark.usefixtures("stored")
def test_a_session_is_exported(command: Command, folder: Path) -> None:
    whole = json.loads(command("sessions", "export", "ses_1").out)
    assert [message["content"] for message in whole["messages"]] == ["Hello"]
    assert [execution["id"] for execution in whole["executions"]] == ["exe_1"]
    (line,) = command("sessions", "export", "ses_1", "--format", "jsonl").out.splitlines()
    assert json.loads(line)["id"] == "msg_1"
    done = command("sessions", "export", "ses_1", "--format", "markdown", "--output", "plan.md")
    assert (done.code, done.out) == (0, "")
    assert "## User\n\nHello\n" in (folder / "plan.md").read_text("utf-8")
    done = command("sessions", "export", "ses_1", "--output", "none/plan.md")
    assert done.code == 1
    assert "none/plan.md cannot be written" in done.err


@pytest.fixture
def aged(folder: Path) -> None:
    """Two sessions that nothing has changed for long, and two that are younger."""

    async def fill(store: Store) -> None:
        for id_, days, owner in (
            ("ses_old", 40, "owner"),
            ("ses_older", 400, "owner"),
            ("ses_young", 1, "owner"),
            ("ses_else", 40, "key_2"),
        ):
            then = time.time() - days * DAY
            old = session(id_, owner=owner, created_at=then, updated_at=then)
            await store.create_session(old)

    kept(folder, fill)


def ids(command: Command, *arguments: str) -> set[str]:
    listed = json.loads(command("sessions", "list", "--json", *arguments).out)
    return {session["id"] for session in listed}


@pytest.mark.usefixtures("aged")
def test_old_sessions_are_deleted_when_that_is_meant(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    prune = ("sessions", "prune", "--older-than", "30d")
    done = command(*prune, "--dry-run")
    assert done.out.splitlines()[-1] == "2 sessions are older than that."
    assert {line.strip() for line in done.out.splitlines()[:-1]} == {"ses_old", "ses_older"}
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert command(*prune).code == 1
    assert ids(command) == {"ses_old", "ses_older", "ses_young"}
    assert command(*prune, "--yes").out.splitlines()[-1] == "Deleted 2 sessions."
    assert ids(command) == {"ses_young"}
    assert ids(command, "--owner", "key_2") == {"ses_else"}
    assert command(*prune, "--yes").out == "0 sessions are older than that.\n"


def test_a_session_that_somebody_goes_on_with_meanwhile_stays(folder: Path) -> None:
    then = time.time() - 40 * DAY
    old = session(created_at=then, updated_at=then)

    async def go_on(store: Store) -> None:
        await store.create_session(old)
        await store.update_session("owner", "ses_1", {"title": "Still here"})
        assert not await pruned(store, old, time.time() - DAY)
        assert (await store.get_session("owner", "ses_1")).title == "Still here"
        assert await pruned(store, old, time.time() + DAY)
        assert not await pruned(store, old, time.time() + DAY)

    kept(folder, go_on)


@pytest.mark.parametrize("age", ["30", "x", "-1d", "1y", "", "1.5d"])
def test_an_age_that_is_none_is_explained(command: Command, age: str) -> None:
    done = command("sessions", "prune", "--older-than", age)
    assert done.code == 2
    assert "12h, 30d or 8w" in done.err


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("group", ["projects", "sessions"])
def test_without_a_store_there_is_nothing_to_look_at(command: Command, group: str) -> None:
    done = command(group, "list", GATEWAY_STORE="none")
    assert (done.code, done.out) == (1, "")
    assert "there is no store" in done.err
    assert command(group, "list", GATEWAY_STORE="else").code == 3


def test_nothing_that_is_kept_can_play_with_the_terminal(command: Command, folder: Path) -> None:
    async def fill(store: Store) -> None:
        await store.create_session(session(title="\x1b[2J\x07\u202eevil\nnew line" + "x" * 100))

    kept(folder, fill)
    for arguments in (("list",), ("show", "ses_1"), ("prune", "--older-than", "0s", "--dry-run")):
        out = command("sessions", *arguments).out
        assert "evil" in out
        assert not set(out) & set("\x1b\x07\u202e")
        assert "\nnew line" not in out
    assert "x" * 100 not in command("sessions", "list").out


def test_a_table_is_aligned() -> None:
    assert table(["id", "name"], [["1", "Long name"], ["22", None]]) == (
        "id  name\n1   Long name\n22"
    )


async def test_commands_work_beside_a_running_gateway() -> None:
    async with GatewayProcess() as gateway:
        made = await ask(gateway.port, "POST", "/v1/sessions", {"title": "Live"})
        listed = await run(gateway, "sessions", "list", "--json")
        assert [session["id"] for session in json.loads(listed)] == [made.json["id"]]
        project = json.loads(await run(gateway, "projects", "create", "App", "--json"))
        found = await ask(gateway.port, "GET", f"/v1/projects/{project['id']}")
        assert found.json == project
        await run(gateway, "projects", "delete", project["id"], "--yes")
        assert (await ask(gateway.port, "GET", f"/v1/projects/{project['id']}")).status == 404


async def run(gateway: GatewayProcess, *arguments: str) -> str:
    """Run a command with the settings of a running gateway."""
    home = str(gateway.folder)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "claude_gateway", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "HOME": home,
            "GATEWAY_DATA_DIR": f"{home}/data",
            "WORKSPACE_DIR": f"{home}/workspace",
        },
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


def test_a_project_is_shared_shown_and_shared_no_more(command: Command) -> None:
    bob = json.loads(command("users", "create", "bob", "--json").out)
    project = json.loads(command("projects", "create", "Plans", "--json").out)
    assert json.loads(command("projects", "members", project["id"], "--json").out) == []
    done = command("projects", "share", project["id"], "bob", "--role", "editor", "--json")
    member = json.loads(done.out)
    assert (member["user"], member["role"]) == (bob["id"], "editor")
    assert "viewer" in command("projects", "share", project["id"], bob["id"]).out
    listed = json.loads(command("projects", "members", project["id"], "--json").out)
    assert [(one["user"], one["role"]) for one in listed] == [(bob["id"], "viewer")]
    assert bob["id"] in command("projects", "members", project["id"]).out
    assert command("projects", "unshare", project["id"], "bob").code == 0
    assert json.loads(command("projects", "members", project["id"], "--json").out) == []
    refusals = {
        "There is no user 'eve'": ("share", project["id"], "eve"),
        "There is no such project": ("share", "none", "bob"),
        "There is no such member": ("unshare", project["id"], "bob"),
        "is not one of 'viewer', 'editor', 'owner'": (
            *("share", project["id"], "bob", "--role", "king"),
        ),
        "The default project cannot be shared": ("share", "default", "bob"),
    }
    for told, arguments in refusals.items():
        done = command("projects", *arguments)
        assert done.code in (1, 2)
        assert told in done.err


def test_a_key_for_some_projects_is_made_and_shown(command: Command) -> None:
    key = json.loads(command("keys", "create", "--name", "k", "--projects", "b, a", "--json").out)
    assert key["projects"] == ["a", "b"]
    assert json.loads(command("keys", "show", "k", "--json").out)["projects"] == ["a", "b"]
