"""Keys and users over HTTP, on a gateway whose owner comes in from this machine without a key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.access.issuing import well_formed
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import Response, ask, refused
from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEYS, USERS = "/v1/admin/keys", "/v1/admin/users"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def managed() -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess() as gateway:
        yield gateway
    assert "cg-" not in gateway.output()
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


async def own(gateway: GatewayProcess, method: str, path: str, body: Any = b"") -> Response:
    return await ask(gateway.port, method, path, body)


async def made(gateway: GatewayProcess, **fields: object) -> tuple[Any, Caller]:
    answer = await own(gateway, "POST", KEYS, {"name": "phone", **fields})
    assert answer.status == 201, answer.body
    key = answer.json
    assert answer.header("cache-control") == "no-store"
    secret = key.pop("key")
    assert well_formed(secret)
    return key, Caller(gateway.port, secret)


async def test_a_key_is_made_shown_changed_rotated_and_revoked(managed: GatewayProcess) -> None:
    key, phone = await made(managed, rpm=50, budget=1.5, expires="90d", models=["haiku"])
    path = f"{KEYS}/{key['id']}"
    assert (await own(managed, "GET", path)).json == key
    assert {model["id"].split("-")[1] for model in (await phone.get("/v1/models"))["data"]} == {
        "haiku"
    }
    changed = await own(managed, "PATCH", path, {"models": None, "name": "tablet", "rpm": None})
    assert changed.json == key | {"models": None, "name": "tablet", "rpm": None}
    assert len((await phone.get("/v1/models"))["data"]) > 3  # at once: it is this process
    rotated = await own(managed, "POST", f"{path}/rotate", {"grace": "0s"})
    refused(await phone.ask("GET", "/v1/models"), 401, "api_key_replaced")
    phone = Caller(managed.port, rotated.json["key"])
    await phone.get("/v1/models")
    revoked = await own(managed, "DELETE", path)
    assert (revoked.status, revoked.json["status"]) == (200, "revoked")
    refused(await phone.ask("GET", "/v1/models"), 401, "api_key_revoked")
    refused(await own(managed, "POST", f"{path}/rotate"), 409, "key_revoked")


async def test_s3_nothing_of_a_secret_is_shown_again(managed: GatewayProcess) -> None:
    key, phone = await made(managed)
    for path in (KEYS, f"{KEYS}/{key['id']}", USERS):
        body = (await own(managed, "GET", path)).body
        assert phone.key.encode() not in body
        assert phone.key[9:].encode() not in body
        assert b"digest" not in body
        assert b"hash" not in body
    assert phone.key.startswith(key["hint"].rstrip("…"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": 1}, "name"),
        ({"scopes": ["chat", "fly"]}, "scopes[1]"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "chat"}, "scopes"),
        ({"models": [""]}, "models[0]"),
        ({"servers": [1]}, "servers[0]"),
        ({"user": "nobody"}, "user"),
        ({"expires": "soon"}, "expires"),
        ({"expires": 90}, "expires"),
        ({"rpm": 0}, "rpm"),
        ({"tpm": 1.5}, "tpm"),
        ({"max_concurrent": True}, "max_concurrent"),
        ({"budget": -1}, "budget"),
        ({"on_disconnect": "wait"}, "on_disconnect"),
        ({"profile": ""}, "profile"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_named(
    managed: GatewayProcess, fields: dict[str, object], param: str
) -> None:
    body = {"name": "phone", **fields} if fields else {}
    answer = await own(managed, "POST", KEYS, body)
    refused(answer, 404 if param == "user" else 400, param=param)
    if param != "user":
        key, _ = await made(managed)
        if fields:
            path = f"{KEYS}/{key['id']}"
            refused(await own(managed, "PATCH", path, fields), 400, param=param)
            assert (await own(managed, "GET", path)).json == key


async def test_s3_a_key_grants_no_more_than_it_has(managed: GatewayProcess) -> None:
    _, admin = await made(managed, name="admin", scopes=["admin", "chat"], models=["haiku"], rpm=50)
    for fields, param in (
        ({"scopes": ["tools"]}, "scopes"),
        ({"scopes": ["chat"]}, "models"),
        ({"scopes": ["chat"], "models": ["haiku"], "rpm": 51}, "rpm"),
        ({"scopes": ["chat"], "models": ["haiku"], "rpm": 50, "user": "owner"}, "user"),
    ):
        body = {"name": "more", **fields}
        refused(await admin.ask("POST", KEYS, body), 403, "grant_exceeded", param=param)
    less = {"name": "less", "scopes": ["chat"], "models": ["haiku"], "rpm": 50}
    key = await admin.post(KEYS, **less)
    path = f"{KEYS}/{key['id']}"
    refused(await admin.ask("PATCH", path, {"scopes": ["chat", "read"]}), 403, param="scopes")
    more, _ = await made(managed)
    path = f"{KEYS}/{more['id']}"
    refused(await admin.ask("PATCH", path, {"name": "x"}), 403, "grant_exceeded")
    refused(await admin.ask("POST", f"{path}/rotate", {}), 403, "grant_exceeded")
    assert (await admin.ask("DELETE", path)).status == 200


async def test_s3_whose_user_has_limits_comes_by_no_other_users_key_and_lifts_none(
    managed: GatewayProcess,
) -> None:
    user = (await own(managed, "POST", USERS, {"name": "held", "rpm": 500})).json
    every = {"scopes": ["admin", "chat"], "user": "held"}
    key, admin = await made(managed, **every)
    more = {"name": "more", "scopes": ["chat"]}
    refused(await admin.ask("POST", KEYS, more), 403, "grant_exceeded", param="user")
    other, _ = await made(managed, scopes=["chat"])
    path = f"{KEYS}/{other['id']}/rotate"
    refused(await admin.ask("POST", path, {}), 403, "grant_exceeded", param="user")
    for limits in ({"rpm": 100_000}, {"rpm": None}):
        answer = await admin.ask("PATCH", f"{USERS}/{user['id']}", limits)
        refused(answer, 403, "grant_exceeded")
    assert (await own(managed, "GET", f"{USERS}/{user['id']}")).json == user
    assert (await admin.post(KEYS, **more, user="held"))["user"] == key["user"]


async def test_s9_a_key_for_some_projects_decides_about_nobody(managed: GatewayProcess) -> None:
    user = (await own(managed, "POST", USERS, {"name": "someone"})).json
    _, narrow = await made(managed, scopes=["admin", "chat"], projects=["default"])
    budget = "/v1/admin/budgets/user/someone/day"
    for method, path, body in (
        ("GET", "/v1/admin/budgets", b""),
        ("GET", budget, b""),
        ("PUT", budget, {"limit": 0}),
        ("DELETE", budget, b""),
        ("POST", USERS, {"name": "another"}),
        ("PATCH", f"{USERS}/{user['id']}", {"disabled": True}),
    ):
        refused(await narrow.ask(method, path, body), 403, "project_not_allowed")
    assert (await own(managed, "GET", f"{USERS}/{user['id']}")).json == user


async def test_users_are_made_listed_and_disabled(managed: GatewayProcess) -> None:
    ada = (await own(managed, "POST", USERS, {"name": "ada"})).json
    refused(await own(managed, "POST", USERS, {"name": "ada"}), 409, "exists", param="name")
    refused(await own(managed, "POST", USERS, {}), 400, param="name")
    key, laptop = await made(managed, user="ada")
    assert key["user"] == ada["id"]
    listed = (await own(managed, "GET", f"{KEYS}?user=ada")).json
    assert (listed["keys"], listed["total"]) == ([key], 1)
    users = (await own(managed, "GET", USERS)).json
    assert [user["name"] for user in users["users"]][:1] == ["ada"]
    assert [user["name"] for user in users["users"]][-1:] == ["owner"]
    path = f"{USERS}/{ada['id']}"
    await laptop.get("/v1/models")
    assert (await own(managed, "PATCH", path, {"disabled": True})).json["status"] == "disabled"
    refused(await laptop.ask("GET", "/v1/models"), 403, "user_disabled")
    assert (await own(managed, "PATCH", path, {"disabled": False})).json == ada
    await laptop.get("/v1/models")
    refused(await own(managed, "PATCH", path, {}), 400, param="disabled")
    refused(await own(managed, "PATCH", f"{USERS}/owner", {"disabled": True}), 409, param="user")
    assert (await own(managed, "PATCH", f"{USERS}/owner", {"disabled": False})).status == 200
    assert (await own(managed, "GET", f"{USERS}/owner")).json["created_at"] is None


async def test_what_is_not_there_is_not_found(managed: GatewayProcess) -> None:
    for method, path in (
        ("GET", f"{KEYS}/none"),
        ("PATCH", f"{KEYS}/none"),
        ("DELETE", f"{KEYS}/none"),
        ("POST", f"{KEYS}/none/rotate"),
        ("GET", f"{USERS}/none"),
    ):
        refused(await own(managed, method, path, {} if method != "GET" else b""), 404)


async def test_a_gateway_without_a_store_has_no_keys_to_manage() -> None:
    async with GatewayProcess({"GATEWAY_STORE": "none"}) as gateway:
        refused(await own(gateway, "GET", KEYS), 503, "no_key_store")


async def test_limits_of_a_user_are_set_over_http(managed: GatewayProcess) -> None:
    user = (await own(managed, "POST", USERS, {"name": "limited", "rpm": 1})).json
    assert (user["rpm"], user["tpm"], user["max_concurrent"]) == (1, None, None)
    _, phone = await made(managed, user="limited")
    assert (await phone.ask("GET", "/v1/models")).status == 200
    refused(await phone.ask("GET", "/v1/models"), 429, "rate_limit_exceeded")
    path = f"{USERS}/{user['id']}"
    changed = await own(managed, "PATCH", path, {"rpm": None, "tpm": 5000})
    assert changed.json == user | {"rpm": None, "tpm": 5000}
    answer = await phone.ask("GET", "/v1/models")  # at once: it is this process
    assert answer.header("x-ratelimit-limit-tokens") == "5000"
    both = await own(managed, "PATCH", path, {"disabled": True, "max_concurrent": 2})
    assert (both.json["status"], both.json["max_concurrent"]) == ("disabled", 2)
    refused(await own(managed, "PATCH", path, {"rpm": 0}), 400, param="rpm")
    refused(await own(managed, "PATCH", path, {}), 400, param="disabled")
    refused(await own(managed, "PATCH", f"{USERS}/owner", {"rpm": 5}), 400, param="user")
