"""Servers that want somebody to sign in: a real one, with its own authorisation server."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import stat
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
import uvicorn
from aiohttp import ClientSession
from claude_gateway_mcp.commands import mcp
from claude_gateway_mcp.reasons import Failed
from claude_gateway_mcp.settings import ALL
from claude_gateway_mcp.signing_in import sign_in
from claude_gateway_mcp.specs import Address
from claude_gateway_mcp.vault import Drawer, Vault
from click.testing import CliRunner, Result
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl

from claude_gateway import (
    GATEWAY_DATA_DIR,
    WORKSPACE_DIR,
    PluginError,
    Secret,
    Settings,
    decoded_keys,
)
from claude_gateway.errors import SettingsError

if TYPE_CHECKING:
    from tests.conftest import Hosted, Serve

NAME = "thing"


@dataclass
class Office:
    """An authorisation server in memory that agrees to everything."""

    expires_in: int = 3600
    refuses: bool = False
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    tokens: dict[str, AccessToken] = field(default_factory=dict)
    refreshing: dict[str, RefreshToken] = field(default_factory=dict)
    renewals: int = 0

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        assert client_info.client_id is not None
        self.clients[client_info.client_id] = client_info

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        if self.refuses:
            return construct_redirect_uri(
                str(params.redirect_uri), error="access_denied", state=params.state
            )
        code = secrets.token_hex(20)
        self.codes[code] = AuthorizationCode(
            code=code,
            scopes=params.scopes or ["use"],
            expires_at=time.time() + 60,
            client_id=str(client.client_id),
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._issue(str(client.client_id), authorization_code.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return self.refreshing.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        self.renewals += 1
        del self.refreshing[refresh_token.token]
        return self._issue(str(client.client_id), refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.tokens.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.forget()

    def forget(self) -> None:
        """Take every access token back; they can be renewed."""
        self.tokens.clear()

    def _issue(self, client_id: str, resource: str | None) -> OAuthToken:
        access, refresh = f"CANARY-a{secrets.token_hex(8)}", f"CANARY-r{secrets.token_hex(8)}"
        scopes = ["use"]
        self.tokens[access] = AccessToken(
            token=access, client_id=client_id, scopes=scopes, resource=resource
        )
        self.refreshing[refresh] = RefreshToken(
            token=refresh, client_id=client_id, scopes=scopes, resource=resource
        )
        return OAuthToken(
            access_token=access,
            token_type="Bearer",
            expires_in=self.expires_in,
            refresh_token=refresh,
            scope="use",
        )


@dataclass(frozen=True)
class Guarded:
    """The server, its authorisation server, and where what it gives is kept."""

    office: Office
    address: Address
    vault: Vault

    @property
    def drawer(self) -> Drawer:
        return self.vault.drawer(NAME, self.address.url)

    async def sign_in(self) -> bool:
        """Sign in with a browser that clicks on everything."""
        async with ClientSession() as browser:
            clicks: list[asyncio.Task[int]] = []

            async def click(url: str) -> int:
                async with browser.get(url) as page:
                    await page.read()
                    return page.status

            try:
                return await sign_in(
                    self.address,
                    self.drawer,
                    lambda url: clicks.append(asyncio.create_task(click(url))),
                )
            finally:
                assert [status for status in await asyncio.gather(*clicks) if status != 200] == []


@asynccontextmanager
async def served_by(office: Office) -> AsyncGenerator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = MCPServer(
            "Guarded",
            auth_server_provider=office,  # type: ignore[arg-type]  # all of it that is used
            auth=AuthSettings(
                issuer_url=AnyHttpUrl(base),
                resource_server_url=AnyHttpUrl(f"{base}/mcp"),
                required_scopes=["use"],
                validate_token_resource=True,
                client_registration_options=ClientRegistrationOptions(
                    enabled=True, valid_scopes=["use"], default_scopes=["use"]
                ),
            ),
        )
        server.tool(name="add")(add)
        config = uvicorn.Config(server.streamable_http_app(), log_level="critical")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],))
        thread.start()
        try:
            yield f"{base}/mcp"
        finally:
            running.should_exit = running.force_exit = True
            await asyncio.to_thread(thread.join)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncGenerator[Guarded]:
    office = Office()
    async with served_by(office) as url:
        yield Guarded(office, Address(url, "auto", {}), Vault(tmp_path / "tokens"))


async def test_t34_whoever_signs_in_once_is_never_asked_again(
    serve: Serve, guarded: Guarded
) -> None:
    assert await guarded.sign_in()
    for _ in range(2):
        async with serve({"url": guarded.address.url}, vault=guarded.vault) as served:
            assert await served.done("add", a=1, b=2) == "3"
    assert guarded.office.renewals == 0


async def test_t34_without_anybody_signed_in_that_is_what_it_says(
    serve: Serve, guarded: Guarded
) -> None:
    entry = {"url": guarded.address.url}
    async with serve(entry, vault=guarded.vault, wait="auth_required") as served:
        assert "claude-gateway mcp login 'thing'" in served.state.reason
        assert "sign in" in await served.refused("add", a=1, b=2)
    assert not guarded.vault.folder.exists()


async def test_t34_a_token_that_ended_is_renewed_and_nobody_notices(
    serve: Serve, guarded: Guarded
) -> None:
    guarded.office.expires_in = 1  # which is as good as over
    assert await guarded.sign_in()
    async with serve({"url": guarded.address.url}, vault=guarded.vault) as served:
        assert await served.done("add", a=1, b=2) == "3"
    assert guarded.office.renewals >= 1


async def test_t34_a_token_that_is_refused_is_renewed_and_the_call_made_once_more(
    serve: Serve, guarded: Guarded
) -> None:
    assert await guarded.sign_in()
    async with serve({"url": guarded.address.url}, vault=guarded.vault) as served:
        guarded.office.forget()
        calls = await asyncio.gather(*(served.done("add", a=1, b=n) for n in range(5)))
        assert calls == ["1", "2", "3", "4", "5"]
    assert guarded.office.renewals == 1
    async with serve({"url": guarded.address.url}, vault=guarded.vault) as served:
        assert await served.done("add", a=1, b=2) == "3"
    assert guarded.office.renewals == 1  # the new one was kept


async def test_t34_what_cannot_be_renewed_is_auth_required_until_somebody_signs_in(
    serve: Serve, guarded: Guarded
) -> None:
    assert await guarded.sign_in()
    async with serve({"url": guarded.address.url}, vault=guarded.vault) as served:
        guarded.office.forget()
        guarded.office.refreshing.clear()
        assert "sign in" in await served.refused("add", a=1, b=2)
        await served.becomes("auth_required")
        assert await served.names() == ["add"]
        assert await guarded.sign_in()
        await served.becomes("available")
        assert await served.done("add", a=1, b=2) == "3"


async def test_a_server_that_does_not_want_it_signs_nobody_in(
    hosted: Hosted, guarded: Guarded
) -> None:
    async with hosted("http") as host:
        drawer = guarded.vault.drawer(NAME, host.url)
        assert not await sign_in(Address(host.url, "auto", {}), drawer, print)
        assert drawer.read() is None


async def test_who_is_refused_is_told_so(guarded: Guarded) -> None:
    guarded.office.refuses = True
    with pytest.raises(Failed, match="the server refused: access_denied"):
        await guarded.sign_in()
    assert guarded.drawer.read() is None


# --- what is kept


async def test_s16_what_is_kept_is_encrypted_and_only_for_its_owner_and_its_server(
    guarded: Guarded,
) -> None:
    assert await guarded.sign_in()
    for file in guarded.vault.folder.iterdir():
        assert b"CANARY" not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = guarded.drawer.read()
    assert "CANARY" in json.dumps(kept)
    other = Drawer(guarded.drawer.file, guarded.vault, "https://elsewhere/mcp")
    with pytest.raises(PluginError, match="cannot be decrypted"):
        other.read()
    assert guarded.vault.drawer(NAME, "https://elsewhere/mcp").read() is None


def test_a_key_of_ones_own_is_used(tmp_path: Path) -> None:
    vault = Vault(tmp_path, Secret("A" * 43 + "="))
    vault.drawer("a", "u").write({"b": 1})
    assert vault.drawer("a", "u").read() == {"b": 1}
    assert vault.drawer("a", "u").empty()
    assert not vault.drawer("a", "u").empty()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("raw", ["short", "zz" * 32, "A" * 44, "ab" * 31])
def test_a_key_that_is_none_is_refused_and_not_shown(raw: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.read({"GATEWAY_ENCRYPTION_KEY": raw}, ALL)
    assert "wants 32 bytes in base64 or hexadecimal" in str(refusal.value)
    assert raw not in str(refusal.value)


def test_keys_are_read_in_both_forms() -> None:
    assert decoded_keys("ab" * 32) == (bytes.fromhex("ab" * 32),)
    assert decoded_keys("-_" * 21 + "A=") == decoded_keys("+/" * 21 + "A=")


def test_of_several_keys_the_first_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    old, new = "A" * 43 + "=", "ab" * 32
    Vault(tmp_path, Secret(old)).drawer("a", "u").write({"b": 1})
    both = Vault(tmp_path, Secret(f"{new},{old}")).drawer("a", "u")
    assert both.read() == {"b": 1}
    both.write({"b": 2})
    assert Vault(tmp_path, Secret(new)).drawer("a", "u").read() == {"b": 2}
    with pytest.raises(PluginError, match="cannot be decrypted"):
        Vault(tmp_path, Secret(old)).drawer("a", "u").read()


async def test_the_commands_sign_in_and_out(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text(
        json.dumps({"mcpServers": {NAME: {"url": guarded.address.url}, "x": {"command": "x"}}})
    )
    given = {"GATEWAY_DATA_DIR": str(tmp_path), "WORKSPACE_DIR": str(tmp_path / "workspace")}
    settings = Settings.read(given, (GATEWAY_DATA_DIR, WORKSPACE_DIR, *ALL))

    def run(*words: str) -> Result:
        return CliRunner().invoke(mcp, words, obj=lambda: settings)

    refused = await asyncio.to_thread(run, "login", "x")
    assert "is no server on the network" in str(refused.exception)
    guarded.office.refuses = True

    def with_a_browser() -> Result:
        seen: list[str] = []

        def show(url: str) -> None:
            seen.append(url)
            threading.Thread(target=urlopen, args=(url,)).start()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("claude_gateway_mcp.commands._open_this", show)
            return run("login", NAME)

    guarded.office.refuses = False
    assert "You are signed in at thing." in (await asyncio.to_thread(with_a_browser)).output
    assert "thing  http  available" in (await asyncio.to_thread(run, "test", NAME)).output
    assert "any more" in run("logout", NAME).output
    assert "auth_required" in (await asyncio.to_thread(run, "test", NAME)).output
