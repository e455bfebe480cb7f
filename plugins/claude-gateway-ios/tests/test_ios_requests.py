"""What the app sends, and what the gateway is asked instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from claude_gateway_ios import AppProfile, plugin
from claude_gateway_ios.adaptations import UUID
from claude_gateway_ios.settings import keys
from claude_gateway_ios.spelling import CHAT, SESSION, both, renamed

from claude_gateway import OWNER, Call, PluginError, Principal, Setting, Settings
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask, chat_body

REQUEST_ID = "3F2504E0-4F89-41D3-9A0C-0305E82C3301"
KEPT = Principal("k", "kept", on_disconnect="detach")

profile = AppProfile(("CFNetwork",))


def adapted(method: str, target: str, **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return profile.adapt(Call(method, target, given))


def turn(fields: Mapping[str, object], principal: Principal | None = OWNER) -> Mapping[str, object]:
    said: Mapping[str, object] = adapted("POST", "/api/v1/chat/completions").fields(
        fields, principal
    )
    return said


@pytest.mark.parametrize(
    ("agent", "known"),
    [
        ("ClaudeCode/1 CFNetwork/1490.0.4 Darwin/23.2.0", True),
        ("curl/8.5.0", False),
        ("cfnetwork", False),
        ("", False),
    ],
)
def test_the_app_is_known_by_what_foundation_calls_itself(agent: str, known: bool) -> None:
    assert profile.recognises(agent) is known
    assert AppProfile(()).recognises(agent) is False


@pytest.mark.parametrize(
    ("method", "target", "asked"),
    [
        ("GET", "/health", ("GET", "/health")),
        ("HEAD", "/", ("HEAD", "/")),
        ("GET", "/v1/projects", ("GET", "/v1/projects?limit=1000")),
        ("GET", "/v1/projects%3Flimit=5", ("GET", "/v1/projects?limit=5")),
        ("GET", "/v1/sessions%3Fproject_id=a", ("GET", "/v1/sessions?project_id=a&limit=1000")),
        ("GET", "/v1/sessions/stats", ("GET", "/v1/sessions/stats")),
        ("GET", "/v1/sessions/S/stats", ("GET", "/v1/sessions/S")),
        ("POST", "/v1/sessions/S/stop", ("DELETE", "/v1/chat/completions/S")),
        ("POST", "/v1/sessions/S/archive", ("GET", "/v1/sessions/S")),
        ("DELETE", "/completions/S", ("DELETE", "/v1/chat/completions/S")),
        ("PUT", "/sessions/S/tools", ("PUT", "/v1/sessions/S/tools")),
        ("POST", "/debug/completion", ("GET", "/v1")),
        ("POST", "/v1/user/profile", ("GET", "/v1/projects/default")),
        ("POST", "//api/v1/chat/completions", ("POST", "/v1/chat/completions")),
        ("POST", "/v1/messages", ("POST", "/v1/messages")),
        ("POST", "/v1/responses", ("POST", "/v1/responses")),
        ("GET", "/v1/nothing%3Fa=b", ("GET", "/v1/nothing?a=b")),
    ],
)
def test_each_request_is_what_the_gateway_has(
    method: str, target: str, asked: tuple[str, str]
) -> None:
    adaptation = adapted(method, target)
    assert (adaptation.method, adaptation.target) == asked


def test_fields_have_either_spelling_and_the_gateways_own_wins() -> None:
    assert renamed({"projectId": "a", "systemPrompt": "b", "name": "c"}, SESSION) == {
        "project_id": "a",
        "system_prompt": "b",
        "title": "c",
    }
    assert renamed({"sessionId": "a", "session_id": "b"}, CHAT) == {"session_id": "b"}
    assert renamed({"sessionId": "a", "session_id": None}, CHAT) == {"session_id": "a"}
    assert both({"created_at": 1, "createdAt": 2, "id": 3}) == {
        "created_at": 1,
        "createdAt": 2,
        "id": 3,
    }


def test_hanging_up_cancels_unless_the_key_or_the_request_says_otherwise() -> None:
    assert turn(chat_body())["on_disconnect"] == "cancel"
    assert "on_disconnect" not in turn(chat_body(), KEPT)
    assert turn(chat_body(onDisconnect="detach"))["on_disconnect"] == "detach"
    assert turn(chat_body(on_disconnect="detach"), KEPT)["on_disconnect"] == "detach"
    assert turn(chat_body(on_disconnect=None), None)["on_disconnect"] == "cancel"


def test_an_answer_in_one_piece_fails_before_the_app_gives_up() -> None:
    adaptation = adapted("POST", "/v1/chat/completions")
    adaptation.fields(chat_body(), OWNER)
    assert 0 < adaptation.patience < 60
    adaptation.fields(chat_body(stream=True), OWNER)
    assert adaptation.patience is None


def test_what_the_gateway_does_is_shown() -> None:
    assert adapted("POST", "/v1/chat/completions").headers["x-gateway-events"] == "true"


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/sessions", "/v1/sessions/S/messages"])
def test_the_name_of_a_request_is_how_it_is_known_when_it_comes_again(path: str) -> None:
    key = "Idempotency-Key"
    assert adapted("POST", path, X_Request_ID=REQUEST_ID).headers[key] == REQUEST_ID
    assert key not in adapted("GET", path, X_Request_ID=REQUEST_ID).headers
    assert key not in adapted("POST", path).headers
    assert key not in adapted("POST", path, X_Request_ID="request 1").headers
    own = {"X-Request-ID": REQUEST_ID, key: "mine"}
    assert key not in profile.adapt(Call("POST", path, own)).headers
    assert UUID.fullmatch(REQUEST_ID.lower())


def test_a_key_in_both_lists_stops_the_start() -> None:
    both_lists = {"GATEWAY_API_KEYS": "gw-a,gw-b", "IOS_API_KEYS": "gw-b"}
    gateways_own: Setting[object] = Setting("GATEWAY_API_KEYS", keys, (), "Keys.")
    known = [*plugin.register_settings(), gateways_own]
    with pytest.raises(PluginError, match="GATEWAY_API_KEYS and in IOS_API_KEYS") as caught:
        plugin.register_authenticators(Settings.read(both_lists, known))
    assert "gw-b" not in str(caught.value)
    one_list = Settings.read({"IOS_API_KEYS": "gw-b"}, known)
    assert [offer.name for offer in plugin.register_authenticators(one_list)] == ["ios-keys"]
    assert plugin.register_authenticators(Settings.read({}, known)) == ()


@pytest.mark.asyncio(loop_scope="session")
async def test_with_a_key_of_the_apps_anybody_is_the_app(gateway: GatewayProcess) -> None:
    """And the key's owner is the one it would be in the gateway's own list."""
    headers = {"User-Agent": "curl/8.5.0", "x-api-key": "gw-CANARY-app"}
    listed = await ask(gateway.port, "GET", "/api/v1/projects", headers=headers)
    assert [project["id"] for project in listed.json] == ["default"]
    plain = {**headers, "x-gateway-profile": "none"}
    assert (await ask(gateway.port, "GET", "/api/v1/projects", headers=plain)).status == 404
    whose = await ask(gateway.port, "GET", "/v1/user/profile", headers=headers)
    assert whose.json["id"].startswith("key_")
    assert whose.json["roles"] == ["user"]


@pytest.mark.asyncio(loop_scope="session")
async def test_s2_no_spelling_of_a_path_lets_the_app_in_without_a_key(
    gateway: GatewayProcess,
) -> None:
    headers = {"x-gateway-profile": "ios", "x-api-key": "gw-wrong"}
    for path in (
        "/projects",
        "//v1//projects",
        "/api/v1/projects",
        "/v1/projects%3Flimit=1",
        "/health%3F/../v1/projects",
        "/health/../v1/projects",
        "/v1/health/../projects",
        "/user/profile",
        "/debug/completion",
    ):
        for method in ("GET", "POST"):
            response = await ask(gateway.port, method, path, headers=headers)
            assert response.status == 401 or response.json.get("status") == "healthy", path
            assert b"createdAt" not in response.body


@pytest.mark.asyncio(loop_scope="session")
async def test_other_apis_are_left_alone_whoever_asks(gateway: GatewayProcess) -> None:
    """Apps for Anthropic's own API are known by the same word."""
    app = {"User-Agent": "Other/1 CFNetwork/1", "anthropic-version": "2023-06-01"}
    body = {**chat_body(), "max_tokens": 10, "stream": True}
    mine = await ask(gateway.port, "POST", "/v1/messages", body, app)
    theirs = await ask(
        gateway.port, "POST", "/v1/messages", body, {"anthropic-version": "2023-06-01"}
    )
    assert mine.body == theirs.body
    assert b"\n\n\n" not in mine.body
