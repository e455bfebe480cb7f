"""Keys from the settings: whose they are, and what is told of them."""

from __future__ import annotations

import pytest

from claude_gateway import OWNER, Credential, Principal, Secret, Settings
from claude_gateway.defaults import Defaults
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.authenticators import DemoKey, OwnerKey, StaticKeys


def credential(key: str, *, local: bool = False) -> Credential:
    return Credential(Secret(key), lambda: local)


async def whose(keys: StaticKeys, key: str) -> Principal | None:
    return await keys.authenticate(credential(key))


async def test_each_static_key_is_a_user_of_its_own() -> None:
    keys = StaticKeys([Secret("gw-one"), Secret("gw-two")])
    one, two = await whose(keys, "gw-one"), await whose(keys, "gw-two")
    assert one is not None
    assert two is not None
    assert one.id != two.id
    assert (one.name, two.name) == ("static key 1", "static key 2")
    assert one != OWNER


async def test_a_user_stays_the_same_when_other_keys_come_and_go() -> None:
    before = StaticKeys([Secret("gw-one"), Secret("gw-two")])
    after = StaticKeys([Secret("gw-zero"), Secret("gw-two")])
    then, now = await whose(before, "gw-two"), await whose(after, "gw-two")
    assert then is not None
    assert now is not None
    assert then.id == now.id


@pytest.mark.parametrize("key", ["gw-on", "gw-one ", "GW-ONE", "gw-one2", ""])
async def test_s10_what_is_nearly_a_key_is_none(key: str) -> None:
    assert await whose(StaticKeys([Secret("gw-one")]), key) is None


async def test_a_key_that_is_listed_twice_is_one_user() -> None:
    keys = StaticKeys([Secret("gw-one"), Secret("gw-one")])
    assert await whose(keys, "gw-one") is not None


async def test_s11_neither_id_nor_name_reveals_the_key() -> None:
    keys = StaticKeys([Secret("gw-CANARY")])
    principal = await whose(keys, "gw-CANARY")
    assert principal is not None
    assert principal.id.startswith("key_")
    assert "CANARY" not in repr(principal)
    assert principal.upstream_key is None


@pytest.mark.parametrize("key", ["sk-ant-api03-mine", "bearer-token"])
async def test_the_gateways_own_keys_are_the_owners(key: str) -> None:
    owner = OwnerKey([Secret("sk-ant-api03-mine"), Secret("bearer-token")])
    assert await owner.authenticate(credential(key)) is OWNER
    assert await owner.authenticate(credential(f"{key}x")) is None


async def test_s10_an_empty_setting_is_nobodys_key() -> None:
    assert await OwnerKey([Secret(""), Secret("")]).authenticate(credential("")) is None


@pytest.mark.parametrize(
    ("key", "local", "comes_in"),
    [
        ("sk-ant-anything", True, True),
        ("sk-ant-", True, True),
        ("sk-ant-anything", False, False),
        ("sk-proj-x", True, False),
        ("xsk-ant-", True, False),
    ],
)
async def test_a_demo_key_is_well_formed_and_from_this_machine(
    key: str, local: bool, comes_in: bool
) -> None:
    found = await DemoKey().authenticate(credential(key, local=local))
    assert (found is OWNER) is comes_in


@pytest.mark.parametrize(
    ("environment", "offered"),
    [
        ({"GATEWAY_BYOK": "true"}, ["static-keys", "owner-key"]),
        ({}, ["static-keys", "owner-key", "demo-key"]),
        ({"ANTHROPIC_API_KEY": "sk-ant-x"}, ["static-keys", "owner-key"]),
        ({"ANTHROPIC_API_KEYS": "sk-ant-x"}, ["static-keys", "owner-key"]),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, ["static-keys", "owner-key"]),
    ],
    ids=["callers pay", "demo", "key", "keys", "token"],
)
def test_demo_keys_are_for_a_gateway_without_a_key_of_its_own(
    environment: dict[str, str], offered: list[str]
) -> None:
    settings = Settings.read(environment, names.ALL)
    assert [offer.name for offer in Defaults().register_authenticators(settings)] == offered


async def test_each_key_that_the_gateway_pays_with_is_its_owners() -> None:
    environment = {"ANTHROPIC_API_KEY": "sk-ant-a", "ANTHROPIC_API_KEYS": "sk-ant-b,sk-ant-c"}
    settings = Settings.read(environment, names.ALL)
    _, owner, *_ = Defaults().register_authenticators(settings)
    async with owner.open() as authenticator:
        for key in ("sk-ant-a", "sk-ant-b", "sk-ant-c"):
            assert await authenticator.authenticate(credential(key)) is OWNER
        assert await authenticator.authenticate(credential("sk-ant-b,sk-ant-c")) is None


async def test_an_offer_of_the_defaults_opens_into_what_recognises() -> None:
    settings = Settings.read({"GATEWAY_API_KEYS": "gw-one"}, names.ALL)
    static, *_ = Defaults().register_authenticators(settings)
    async with static.open() as authenticator:
        assert await authenticator.authenticate(credential("gw-one")) is not None
