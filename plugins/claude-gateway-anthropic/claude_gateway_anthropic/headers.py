"""Headers to upstream, and those of upstream's that a client may see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from claude_gateway import InvalidRequest, ModelRequest, Secret, UpstreamError, __version__
from claude_gateway_anthropic.settings import Account

# The rate limits help a client to pace itself. The organization's id is nobody's business.
SHOWN_PREFIX, UPSTREAM_ID = "anthropic-ratelimit-", "request-id"
# What may not stand in a header: it would end it.
UNSAFE = re.compile(r"[\r\n\0]")


class HeaderWriter:
    """Writes what authenticates and versions a call."""

    def __init__(self, account: Account) -> None:
        self._version = account.version
        self._betas = account.betas
        self._base = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # the bytes of an answer are passed on as they came
            "User-Agent": f"claude-gateway/{__version__}",
        }
        self._own = dict(_credential(account))
        usual = {**self._base, "anthropic-version": self._version}
        if self._betas:
            usual["anthropic-beta"] = _merged(None, self._betas)
        # For calls that bring none of their own. It cannot change, so a transport may write it once.
        self._usual = MappingProxyType({**usual, **self._own})

    @property
    def pays(self) -> bool:
        """Whether there is a credential of the gateway's own."""
        return bool(self._own)

    def plain(self, key: Secret | None = None) -> dict[str, str]:
        """Headers of a call that is the gateway's own idea; with `key`, on that key's account."""
        credential = self._own if key is None else _key(key)
        return {**self._base, "anthropic-version": self._version, **credential}

    def write(self, request: ModelRequest) -> Mapping[str, str]:
        """Headers for a client's call; what a native client sent for itself goes unchanged."""
        brings_some = request.headers or request.carried or request.upstream_key is not None
        if self._own and not brings_some:
            return self._usual
        headers = {**self._base, "anthropic-version": self._version, **request.headers}
        if request.carried:
            headers.update(request.carried)
        if self._betas:
            headers["anthropic-beta"] = _merged(request.headers.get("anthropic-beta"), self._betas)
        if request.upstream_key is not None:
            return {**headers, **_key(request.upstream_key)}
        if not self._own:
            raise UpstreamError(
                "This gateway has no Anthropic key of its own: bring yours, or ask whoever runs it "
                "to set ANTHROPIC_API_KEY.",
                code="no_upstream_key",
                should_retry=False,
            )
        return {**headers, **self._own}


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the upstream headers that a client may see; ids are renamed, the request has ours."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        shown_as = _shown_as(name)
        # All such headers of Anthropic's are ASCII, and no other could be sent on.
        if shown_as is not None and value.isascii():
            kept[shown_as] = value
    return kept


@lru_cache(maxsize=256)
def _shown_as(name: str) -> str | None:
    """Return what a header is called to a client; None if it is none of theirs. There are few names."""
    lower = name.lower()
    if lower.startswith(SHOWN_PREFIX):
        return lower
    return "x-upstream-request-id" if lower == UPSTREAM_ID else None


def refuse_unsafe(headers: Mapping[str, str]) -> None:
    """Raise InvalidRequest when a value would end its header and begin another."""
    for name, value in headers.items():
        if UNSAFE.search(value):
            raise InvalidRequest(f"The header {name} has a line break in it.", param=name)


def _credential(account: Account) -> dict[str, str]:
    if account.api_key:
        return _key(account.api_key)
    if account.auth_token:
        return {"Authorization": f"Bearer {account.auth_token.reveal()}"}
    return {}


def _key(key: Secret) -> dict[str, str]:
    return {"x-api-key": key.reveal()}


def _merged(theirs: str | None, ours: str) -> str:
    names = [name.strip() for name in f"{theirs or ''},{ours}".split(",")]
    return ",".join(dict.fromkeys(name for name in names if name))
