"""Projects over HTTP, and their folders in the workspace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import refused

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROJECTS = "/v1/projects"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FIELDS = [
    "id",
    "name",
    "description",
    "path",
    "is_active",
    "created_at",
    "updated_at",
    "metadata",
]


async def test_a_project_is_made_and_found(caller: Caller) -> None:
    made = await caller.post(PROJECTS, name="App", description="Büro 🙂", metadata={"a": [1.5]})
    assert list(made) == FIELDS
    assert made["name"] == "App"
    assert (made["description"], made["metadata"]) == ("Büro 🙂", {"a": [1.5]})
    assert made["path"] is None
    assert made["is_active"] is True
    assert MOMENT.fullmatch(made["created_at"])
    assert made["updated_at"] == made["created_at"]
    assert await caller.get(f"{PROJECTS}/{made['id']}") == made
    listed = await caller.get(PROJECTS)
    assert list(listed) == ["projects", "total", "limit", "offset"]
    assert listed["projects"][0] == made


async def test_answers_are_compact_and_say_an_id_once(caller: Caller) -> None:
    answer = await caller.ask("POST", PROJECTS, {"name": "App"})
    assert answer.body.startswith(b'{"id":"')
    assert answer.body.count(b'"id":"') == 1
    assert b": " not in answer.body


async def test_the_default_project_is_there_from_the_start(caller: Caller) -> None:
    listed = await caller.get(PROJECTS)
    assert [project["id"] for project in listed["projects"]] == ["default"]
    assert listed["total"] == 1
    assert await caller.get(f"{PROJECTS}/default") == listed["projects"][0]


async def test_a_project_that_was_made_before_any_look_is_newer_than_the_default_one(
    caller: Caller,
) -> None:
    made = await caller.post(PROJECTS, name="App")
    listed = await caller.get(PROJECTS)
    assert [project["id"] for project in listed["projects"]] == [made["id"], "default"]


async def test_the_default_project_can_be_looked_at_and_changed_first_thing(
    caller: Caller, other: Caller
) -> None:
    assert (await caller.get(f"{PROJECTS}/default"))["name"] == "Default"
    changed = await other.ask("PATCH", f"{PROJECTS}/default", {"name": "Mine"})
    assert changed.json["name"] == "Mine"
    refused(await caller.ask("DELETE", f"{PROJECTS}/default"), 409, "default_project")


async def test_lists_have_windows_and_the_newest_change_comes_first(caller: Caller) -> None:
    ids = [(await caller.post(PROJECTS, name=f"P{i}"))["id"] for i in range(3)]
    await caller.ask("PATCH", f"{PROJECTS}/{ids[0]}", {"description": "again"})
    page = await caller.get(f"{PROJECTS}?limit=2&offset=1")
    assert [project["id"] for project in page["projects"]] == [ids[2], ids[1]]
    assert (page["total"], page["limit"], page["offset"]) == (4, 2, 1)
    beyond = await caller.get(f"{PROJECTS}?offset=1000000")
    assert (beyond["projects"], beyond["total"]) == ([], 4)


async def test_projects_are_found_by_words(caller: Caller) -> None:
    made = await caller.post(PROJECTS, name="Blue 100% whale", description="of the _sea_")
    await caller.post(PROJECTS, name="Red fox")
    for query in ("blue", "WHALE", "100%25", "_sea_", "sea+blue"):
        found = await caller.get(f"{PROJECTS}?q={query}")
        assert [project["id"] for project in found["projects"]] == [made["id"]]
    assert (await caller.get(f"{PROJECTS}?q=green"))["total"] == 0


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        (f"q={'x' * 501}", "q"),
    ],
)
@pytest.mark.parametrize("path", [PROJECTS, "/v1/sessions"])
async def test_a_wrong_window_is_refused(caller: Caller, path: str, query: str, param: str) -> None:
    refused(await caller.ask("GET", f"{path}?{query}"), 400, param=param)


async def test_only_what_is_given_changes(caller: Caller) -> None:
    made = await caller.post(PROJECTS, name="App", description="Old", metadata={"a": 1})
    path = f"{PROJECTS}/{made['id']}"
    changed = (await caller.ask("PATCH", path, {"name": "New", "is_active": False})).json
    assert changed["updated_at"] >= made["updated_at"]
    new = {"name": "New", "is_active": False, "updated_at": changed["updated_at"]}
    assert changed == made | new
    assert (await caller.ask("PATCH", path, {})).json == changed
    assert (await caller.ask("PATCH", path, {"metadata": None})).json["metadata"] == {}
    assert (await caller.get(path))["description"] == "Old"


async def test_a_deleted_project_is_gone_and_its_sessions_and_files_are_not(
    caller: Caller, gateway: GatewayProcess
) -> None:
    made = await caller.post(PROJECTS, name="App", path="/workspace/deleted")
    session = await caller.post("/v1/sessions", project_id=made["id"])
    answer = await caller.ask("DELETE", f"{PROJECTS}/{made['id']}")
    assert (answer.status, answer.body) == (204, b"")
    refused(await caller.ask("GET", f"{PROJECTS}/{made['id']}"), 404, "not_found")
    refused(await caller.ask("DELETE", f"{PROJECTS}/{made['id']}"), 404, "not_found")
    assert (await caller.get(f"/v1/sessions/{session['id']}"))["project_id"] == "default"
    assert (gateway.folder / "workspace/deleted").is_dir()


async def test_a_client_that_asks_for_json_is_told_what_was_deleted(caller: Caller) -> None:
    made = await caller.post(PROJECTS, name="App")
    headers = {"accept": "application/json"}
    answer = await caller.ask("DELETE", f"{PROJECTS}/{made['id']}", b"", headers)
    assert (answer.status, answer.json) == (200, {"id": made["id"], "deleted": True})


@pytest.mark.parametrize(
    ("path", "shown", "folder"),
    [
        ("/workspace/ios-app", "/workspace/ios-app", "ios-app"),
        ("relative/deep/er", "/workspace/relative/deep/er", "relative/deep/er"),
        ("/workspace/Büro/", "/workspace/Büro", "Büro"),
        ("/workspace", "/workspace", "."),
    ],
)
async def test_a_projects_folder_is_made_in_the_workspace(
    caller: Caller, gateway: GatewayProcess, path: str, shown: str, folder: str
) -> None:
    made = await caller.post(PROJECTS, name="App", path=path)
    assert made["path"] == shown
    assert (await caller.post(PROJECTS, name="The same", path=path))["path"] == shown
    assert (gateway.folder / "workspace" / folder).is_dir()


async def test_the_real_place_of_the_workspace_is_understood(
    caller: Caller, gateway: GatewayProcess
) -> None:
    place = gateway.folder / "workspace/real"
    assert (await caller.post(PROJECTS, name="App", path=str(place)))["path"] == "/workspace/real"
    assert place.is_dir()


async def test_a_changed_path_is_made_too(caller: Caller, gateway: GatewayProcess) -> None:
    made = await caller.post(PROJECTS, name="App")
    path = f"{PROJECTS}/{made['id']}"
    assert (await caller.ask("PATCH", path, {"path": "moved/to"})).json["path"].endswith("moved/to")
    assert (gateway.folder / "workspace/moved/to").is_dir()
    refused(await caller.ask("PATCH", path, {"path": "../to"}), 400, param="path")
    assert (await caller.ask("PATCH", path, {"path": None})).json["path"] is None


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../x",
        "a/../../x",
        "/workspace/../x",
        "/etc",
        "/",
        "/tmp/x",
        "/workspace-evil",
        "/workspace-evil/x",
        "x\0y",
        "x" * 300,
        "x/" * 2000,
        "out",
        "out/x",
        "out/x/y",
        "file/x",
    ],
)
async def test_s6_a_path_out_of_the_workspace_is_refused(
    caller: Caller, gateway: GatewayProcess, path: str
) -> None:
    workspace, outside = gateway.folder / "workspace", gateway.folder / "outside"
    outside.mkdir(exist_ok=True)
    (workspace / "file").touch()
    if not (workspace / "out").is_symlink():
        (workspace / "out").symlink_to(outside)
    refused(await caller.ask("POST", PROJECTS, {"name": "App", "path": path}), 400, param="path")
    assert list(outside.iterdir()) == []
    assert not (gateway.folder / "x").exists()
    assert (await caller.get(PROJECTS))["total"] == 1


async def test_s6_a_neighbour_of_the_workspace_is_not_in_it(
    caller: Caller, gateway: GatewayProcess
) -> None:
    evil = f"{gateway.folder}/workspace-evil"
    refused(await caller.ask("POST", PROJECTS, {"name": "A", "path": evil}), 400, param="path")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("id_", ["none", "%00", "%2e%2e", "a%2Fb", "%ff", "x" * 4000, "'--", "%F0"])
async def test_s1_an_unknown_project_is_not_found_whatever_it_is_called(
    caller: Caller, method: str, id_: str
) -> None:
    body = b'{"name":"x"}' if method == "PATCH" else b""
    refused(await caller.ask(method, f"{PROJECTS}/{id_}", body), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(PROJECTS, "GET,HEAD,POST"), (f"{PROJECTS}/x", "DELETE,GET,HEAD,PATCH")],
)
async def test_other_methods_are_told_which_are_right(
    caller: Caller, path: str, allowed: str
) -> None:
    answer = await caller.ask("PUT", path)
    refused(answer, 405, "method_not_allowed")
    assert (answer.header("allow") or "").replace(" ", "") == allowed


async def test_head_answers_as_get_without_the_body(caller: Caller) -> None:
    for path in (PROJECTS, f"{PROJECTS}/default"):
        answer = await caller.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        refused(await caller.ask("GET", f"{PROJECTS}/none"), 404)
