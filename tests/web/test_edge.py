"""Client profiles at the edge: who is recognised, what is asked instead, and what they cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from claude_gateway_sqlite import plugin as sqlite

from claude_gateway import (
    Adaptation,
    Ask,
    Authenticator,
    Call,
    ClientProfile,
    Credential,
    Frames,
    InvalidRequest,
    Offer,
    Principal,
    Reply,
    Settings,
    hookimpl,
)
from claude_gateway.testing.raw import Response, chat_body, refused
from claude_gateway.web.app import ROUTES

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

AGENT = {"user-agent": "Old/1 Thing/2"}
Adapt = Callable[[Call], Adaptation]


class Plugin:
    """Offers a profile that does as it is told, and knows a key whose caller has it."""

    def __init__(self, adapt: Adapt) -> None:
        self.adapt = adapt
        self.calls: list[Call] = []

    @hookimpl
    def register_client_profiles(self, settings: Settings) -> Sequence[Offer[ClientProfile]]:
        plugin = self

        class Profile:
            def recognises(self, user_agent: str) -> bool:
                return "Thing" in user_agent

            def adapt(self, call: Call) -> Adaptation:
                plugin.calls.append(call)
                return plugin.adapt(call)

        @asynccontextmanager
        async def opened() -> AsyncGenerator[ClientProfile]:
            yield Profile()

        return [Offer("thing", opened)]

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[Authenticator]]:
        class Keys:
            async def authenticate(self, credential: Credential) -> Principal | None:
                key = credential.secret.reveal()
                return Principal(key, key, profile="thing") if key.startswith("thing-") else None

        @asynccontextmanager
        async def opened() -> AsyncGenerator[Authenticator]:
            yield Keys()

        return [Offer("keys", opened)]


def to(method: str, target: str, **headers: str) -> Adapt:
    return lambda _call: Adaptation(method, target, headers)


def models(response: Response) -> bool:
    return response.status == 200 and response.json["object"] == "list"


LIST = to("GET", "/v1/models")


@pytest.mark.parametrize(
    ("headers", "adapted"),
    [
        (AGENT, True),
        ({"user-agent": "Other/1"}, False),
        ({}, False),
        ({"x-gateway-profile": "thing"}, True),
        ({"x-gateway-profile": "none", **AGENT}, False),
        ({"x-api-key": "thing-1"}, True),
        ({"x-api-key": "thing-1", "x-gateway-profile": "none"}, False),
        ({"x-api-key": "gw-1", **AGENT}, True),
    ],
)
async def test_a_profile_is_chosen_by_the_client_a_header_or_the_key(
    serving: Serving, scripted: type[Scripted], headers: Mapping[str, str], adapted: bool
) -> None:
    async with serving(Plugin(LIST), scripted(), GATEWAY_API_KEYS="gw-1") as app:
        response = await app.ask("GET", "/old", headers=headers)
    assert models(response) is adapted
    assert adapted or response.status == 404


async def test_a_profile_that_is_not_there_is_named(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Plugin(LIST), scripted()) as app:
        response = await app.ask("GET", "/v1", headers={"x-gateway-profile": "other"})
    error = refused(response, 400, "invalid_header", "x-gateway-profile")
    assert "thing, none" in error["message"]


async def test_s2_what_a_profile_asks_is_authorised_on_the_route_that_it_resolves_to(
    serving: Serving, scripted: type[Scripted]
) -> None:
    """Every private route, asked for by way of public ones, refuses whoever has no key."""
    places = {"model_id": "m", "session_id": "s", "id": "s", "run_id": "r", "response_id": "r"}
    places |= {"server_id": "s", "tool": "t", "tool_call_id": "c", "user": "u"}
    places |= {"kind": "key", "subject": "k", "period": "day"}
    plugin = Plugin(LIST)
    async with serving(plugin, sqlite, scripted(), GATEWAY_AUTH="required") as app:
        for route in ROUTES:
            plugin.adapt = to(route.method, route.path.format(**places))
            for public in ("/", "/health", "/nowhere"):
                status = (await app.ask("GET", public, headers=AGENT)).status
                assert (status == 401) is not route.rule.public, (route, public, status)


async def test_s2_other_spellings_of_a_private_path_stay_private_or_are_nothing(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(LIST)
    async with serving(plugin, scripted(), GATEWAY_AUTH="required") as app:
        for target in ("/health/../v1/models", "/V1/models", "/v1%2fmodels", "/health#/v1/models"):
            plugin.adapt = to("GET", target)
            response = await app.ask("GET", "/", headers=AGENT)
            assert b'"object":"list"' not in response.body, target


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "Host", "Origin", "Cookie"])
async def test_s2_a_profile_replaces_no_header_that_decides_who_comes_in(
    serving: Serving, scripted: type[Scripted], name: str
) -> None:
    adapt = to("GET", "/v1/models", **{name: "gw-1"})
    async with serving(Plugin(adapt), scripted(), GATEWAY_API_KEYS="gw-1") as app:
        refused(await app.ask("GET", "/", headers=AGENT), 500, "internal_error")


@pytest.mark.parametrize("target", ["//evil.example/v1", "http://evil.example/v1", "v1", ""])
async def test_s2_a_profile_asks_for_paths_of_this_gateway_only(
    serving: Serving, scripted: type[Scripted], target: str
) -> None:
    async with serving(Plugin(to("GET", target)), scripted()) as app:
        refused(await app.ask("GET", "/", headers=AGENT), 500, "internal_error")


async def test_s5_a_foreign_host_is_refused_before_a_profile_is_asked(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(LIST)
    async with serving(plugin, scripted()) as app:
        response = await app.ask("GET", "/old", headers={**AGENT, "host": "evil.example"})
        absolute = await app.ask("GET", "http://evil.example/old", headers=AGENT)
    assert (response.status, absolute.status) == (403, 403)
    assert plugin.calls == []


async def test_s15_a_profile_sees_the_request_but_no_credential(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(LIST)
    keys = {"Authorization": "Bearer gw-1", "x-api-key": "gw-1", "Cookie": "a=gw-1"}
    async with serving(plugin, scripted(), GATEWAY_API_KEYS="gw-1") as app:
        await app.ask("GET", "//old%3Fa=b?c=d", headers={**AGENT, **keys, "X-Other": "yes"})
    (call,) = plugin.calls
    assert (call.method, call.target) == ("GET", "//old%3Fa=b?c=d")
    assert call.headers["x-other"] == "yes"
    assert "gw-1" not in str(dict(call.headers))


async def test_a_profile_that_fails_is_a_defect_of_the_gateway_and_not_the_clients(
    serving: Serving, scripted: type[Scripted]
) -> None:
    def broken(call: Call) -> Adaptation:
        raise KeyError(call.target)

    def refusing(_call: Call) -> Adaptation:
        raise InvalidRequest("Not so.", param="old")

    plugin = Plugin(broken)
    async with serving(plugin, scripted()) as app:
        refused(await app.ask("GET", "/", headers=AGENT), 500, "internal_error")
        plugin.adapt = refusing
        refused(await app.ask("GET", "/", headers=AGENT), 400, "invalid_request", "old")


class Shouting(Adaptation):
    """Renames a field of the body, and a field of the answer."""

    def __init__(self) -> None:
        super().__init__("POST", "/v1/chat/completions")
        self.seen: list[Principal | None] = []

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        self.seen.append(principal)
        return {"messages": [{"role": "user", "content": fields["say"]}]}

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        self.seen.append(principal)
        if reply.status != 200:
            return replace(reply, status=418, body=b"Oh.", content_type="text/plain")
        listed = await ask("GET", "/v1/models", None)
        count = await ask("POST", "/v1/messages/count_tokens", {})
        value = {"SAID": reply.value["choices"][0]["message"]["content"]}  # type: ignore[index]
        return replace(
            reply, value={**value, "also": [listed.status, count.status]}, headers={"X-Loud": "1"}
        )


async def test_body_and_answer_are_rewritten_and_others_are_asked_beside(
    serving: Serving, scripted: type[Scripted]
) -> None:
    adaptation, backend = Shouting(), scripted()
    async with serving(Plugin(lambda _: adaptation), backend) as app:
        response = await app.ask("PUT", "/old", {"say": "Ahoy"}, AGENT)
    assert response.json == {"SAID": "Hello", "also": [200, 400]}
    assert response.header("x-loud") == "1"
    assert response.header("x-request-id")
    assert backend.asked[0].messages[0]["content"] == "Ahoy"
    assert {p.id for p in adaptation.seen if p} == {"owner"}
    (line,) = app.lines
    assert (line["route"], line["model"]) == ("/v1/chat/completions", "m")


async def test_refusals_are_rewritten_too_and_keep_what_a_status_needs(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(lambda _: Shouting())
    async with serving(plugin, scripted(), GATEWAY_AUTH="required") as app:
        response = await app.ask("POST", "/old", {"say": "Ahoy"}, AGENT)
    assert (response.status, response.body) == (418, b"Oh.")
    assert response.header("www-authenticate") == "Bearer"
    assert response.header("content-type") == "text/plain"


async def test_a_body_that_is_no_object_is_refused_as_everybodys(
    serving: Serving, scripted: type[Scripted]
) -> None:
    def untouched(call: Call) -> Adaptation:
        return Adaptation(call.method, call.target)

    async with serving(Plugin(untouched), scripted()) as app:
        for body in (b"[]", b"{"):
            response = await app.ask("POST", "/v1/chat/completions", body, AGENT)
            refused(response, 400, "invalid_json")


class Curious(Adaptation):
    """Wants to know what was said, although it asks for something else."""

    wants_body = True

    def __init__(self) -> None:
        super().__init__("GET", "/v1")
        self.said: object = None

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        self.said = fields["say"]
        return fields

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        return replace(reply, value=self.said)


@pytest.mark.parametrize(
    ("body", "seen"),
    [({"say": "Ahoy"}, "Ahoy"), ({"say": "a" * 2**20}, None), (b"{", None), (b"", None)],
)
async def test_a_body_that_nobody_has_read_is_read_for_a_profile_unless_it_is_large(
    serving: Serving, scripted: type[Scripted], body: bytes | dict[str, object], seen: object
) -> None:
    async with serving(Plugin(lambda _: Curious()), scripted()) as app:
        response = await app.ask("POST", "/old", body, AGENT)
    assert response.json == seen


class Doubling(Adaptation):
    """Ends every frame with its run and a third line feed."""

    def frames(self, headers: Mapping[str, str]) -> Frames | None:
        def rewritten(frames: bytes) -> bytes:
            return frames.replace(b"\n\n", b"\n: %b\n\n" % headers.get("x-run-id", "none").encode())

        return rewritten


@pytest.mark.parametrize("kept", [False, True])
async def test_frames_are_rewritten_and_a_run_is_read_again_in_the_same_bytes(
    serving: Serving, scripted: type[Scripted], kept: bool
) -> None:
    body = chat_body(model="m", stream=True, **({"session_id": "s"} if kept else {}))
    plugin = Plugin(lambda call: Doubling(call.method, call.target))
    async with serving(plugin, sqlite, scripted(scripted.saying("Hel", "lo"))) as app:
        shown = await app.ask("POST", "/v1/chat/completions", body, AGENT)
        plain = shown.body.replace(b"\n: %b\n" % name(shown), b"\n")
        assert len(shown.frames) == len(plain.split(b"\n\n")) - 1 > 4
        for after in range(len(shown.frames) if kept else 0):
            assert await again(app, shown, after) == b"".join(shown.frames[after:])


def name(shown: Response) -> bytes:
    return (shown.header("x-run-id") or "none").encode()


async def again(app: App, shown: Response, after: int) -> bytes:
    path = f"/v1/runs/{name(shown).decode()}/events?after={after}"
    return (await app.ask("GET", path, headers=AGENT)).body


async def test_nothing_is_asked_of_a_profile_while_a_strangers_frames_are_sent(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(lambda call: Doubling(call.method, call.target))
    async with serving(plugin, scripted()) as app:
        body = chat_body(model="m", stream=True)
        shown = await app.ask("POST", "/v1/chat/completions", body)
    assert plugin.calls == []
    assert b"\n: " not in shown.body


class Hasty(Adaptation):
    """Cannot wait, once it has seen that no stream is wanted."""

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        self.patience = None if fields.get("stream") else 0.05
        return fields


@pytest.mark.parametrize("header", [{}, {"x-gateway-timeout": "0.05"}])
async def test_a_profile_knows_how_long_its_client_waits(
    serving: Serving, scripted: type[Scripted], header: Mapping[str, str]
) -> None:
    backend = scripted([asyncio.Event()], scripted.saying("Hello"))
    plugin = Plugin(lambda call: Hasty(call.method, call.target))
    async with serving(plugin, backend) as app:
        path, body = "/v1/chat/completions", chat_body(model="m")
        late = await app.ask("POST", path, body, {**AGENT, **header})
        refused(late, 504)
        assert (await app.ask("POST", path, {**body, "stream": True}, AGENT)).status == 200


async def test_s1_a_header_that_is_no_text_is_refused_and_not_a_defect(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Plugin(LIST), scripted()) as app:
        response = await app.ask("GET", "/old", headers={**AGENT, "X-Odd": "\xff"})
    refused(response, 400, "invalid_header")


async def test_what_a_profile_leaves_alone_is_the_clients_to_the_last_header(
    serving: Serving, scripted: type[Scripted]
) -> None:
    """A request that is sent again is known, and what a profile asks beside it is not taken for it."""

    class Asking(Adaptation):
        async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
            beside = await ask("POST", "/v1/sessions", {"title": "beside"})
            return replace(reply, value=[reply.value, beside.value])

    plugin = Plugin(lambda call: Adaptation(call.method, call.target))
    body, key = {"name": "P"}, {"Idempotency-Key": "again"}
    async with serving(plugin, sqlite, scripted()) as app:
        made = [await app.ask("POST", "/v1/projects", body, {**AGENT, **key}) for _ in range(2)]
        assert made[0].json == made[1].json
        plugin.adapt = lambda call: Asking(call.method, call.target)
        again, beside = (await app.ask("POST", "/v1/projects", body, {**AGENT, **key})).json
    assert again == made[0].json
    assert beside["title"] == "beside"


async def test_what_an_answer_varies_by_is_said_beside_the_origin(
    serving: Serving, scripted: type[Scripted]
) -> None:
    class Varying(Adaptation):
        async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
            return replace(reply, headers={"Vary": "User-Agent"})

    plugin = Plugin(lambda call: Varying(call.method, call.target))
    async with serving(plugin, scripted(), CORS_ORIGINS="https://a.example") as app:
        varied = await app.ask("GET", "/v1/models", headers=AGENT)
        plain = await app.ask("GET", "/v1/models")
    assert varied.header("vary") == "User-Agent, Origin"
    assert plain.header("vary") == "Origin"


class Echoing(Adaptation):
    """Says what it was given, and asks for something beside it."""

    def __init__(self, call: Call, beside: tuple[str, str, Mapping[str, object] | None]) -> None:
        super().__init__(call.method, call.target)
        self._beside = beside

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        beside = await ask(*self._beside)
        return replace(reply, value=[reply.status, beside.status, beside.value])


async def test_where_a_proxy_would_say_it_all_the_path_is_shown_alone(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(LIST)
    async with serving(plugin, scripted()) as app:
        assert models(await app.ask("GET", "http://127.0.0.1/old?a=b", headers=AGENT))
    assert plugin.calls[0].target == "/old?a=b"


async def test_what_is_no_whole_answer_in_json_cannot_be_asked_for(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async def told(*beside: object) -> Response:
        plugin.adapt = lambda call: Echoing(call, beside)  # type: ignore[arg-type]
        return await app.ask("GET", "/v1/models", headers=AGENT)

    plugin = Plugin(LIST)
    async with serving(plugin, sqlite, scripted()) as app:
        made = (await app.ask("POST", "/v1/sessions", {})).json
        path = f"/v1/sessions/{made['id']}"
        refused(await told("GET", f"{path}/export?format=markdown", None), 500, "internal_error")
        assert (await told("DELETE", path, None)).json == [200, 204, None]


async def test_answers_that_are_no_json_are_none_of_a_profiles_business(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(LIST)
    async with serving(plugin, sqlite, scripted()) as app:
        made = (await app.ask("POST", "/v1/sessions", {})).json
        plugin.adapt = lambda call: Echoing(call, ("GET", "/v1", None))
        path = f"/v1/sessions/{made['id']}/export?format=markdown"
        exported = await app.ask("GET", path, headers=AGENT)
    assert (exported.header("content-type") or "").startswith("text/markdown")


async def test_a_connection_that_has_to_end_ends_though_the_answer_was_rewritten(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(lambda call: Echoing(call, ("GET", "/v1", None)))
    length = {**AGENT, "content-type": "application/json", "content-length": str(64 * 2**20)}
    async with serving(plugin, scripted()) as app:
        large = await app.ask("POST", "/v1/chat/completions", b"", length)
    assert large.status == 413
    assert large.header("connection") == "close"


async def test_streams_that_a_profile_does_not_rewrite_stay_as_they_are(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(lambda call: Adaptation(call.method, call.target))
    body = chat_body(model="m", stream=True)
    async with serving(plugin, scripted()) as app:
        shown = await app.ask("POST", "/v1/chat/completions", body, AGENT)
        plain = await app.ask("POST", "/v1/chat/completions", body)
    assert len(shown.frames) == len(plain.frames)
    assert b"\n\n\n" not in shown.body


async def test_headers_of_a_request_are_replaced(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Plugin(to("GET", "/v1/models", **{"anthropic-version": "2023-06-01"}))
    async with serving(plugin, scripted()) as app:
        listed = await app.ask("GET", "/old", headers=AGENT)
    assert listed.json["data"][0]["type"] == "model"


async def test_a_stream_is_no_answer_to_rewrite_and_an_answer_is_left_alone_by_itself(
    serving: Serving, scripted: type[Scripted]
) -> None:
    class Patient(Shouting):
        async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
            return await Adaptation.answer(self, reply, ask, principal)

    class Streaming(Patient):
        def fields(
            self, fields: Mapping[str, object], principal: Principal | None
        ) -> Mapping[str, object]:
            return {**super().fields(fields, principal), "stream": True}

    plugin = Plugin(lambda _: Patient())
    async with serving(plugin, scripted()) as app:
        whole = await app.ask("POST", "/old", {"say": "Ahoy"}, AGENT)
        plugin.adapt = lambda _: Streaming()
        shown = await app.ask("POST", "/old", {"say": "Ahoy"}, AGENT)
    assert whole.json["choices"][0]["message"]["content"] == "Hello"
    assert shown.frames[-1] == b"data: [DONE]\n\n"
