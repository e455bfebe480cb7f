"""Health, looked at in the background, so that asking for it is always fast."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from claude_gateway.interfaces import HealthCheck
from claude_gateway.types.health import Health
from claude_gateway.types.watching import HealthLook

log = logging.getLogger(__name__)

# What `/health` always lists; what is not configured has nothing to be ill with.
ALWAYS = ("database", "anthropic_api", "mcp_servers", "disk_space", "memory")


@dataclass(frozen=True, slots=True)
class Look:
    """What a check said, and when (monotonic seconds)."""

    health: Health
    at: float


class HealthBoard:
    """The latest look of each check."""

    def __init__(
        self,
        checks: Mapping[str, HealthCheck],
        known: Mapping[str, Callable[[], Health]] | None = None,
        *,
        every: float = 30,
        patience: float = 10,
    ) -> None:
        """`known` needs no looking: it is asked when somebody wants to know, and waits for nothing.

        `every` and `patience` are seconds: between looks, and for one look to end.
        """
        self._checks = dict(checks)
        self._known = dict(known or {})
        self._every = every
        self._patience = patience
        self._stale = 3 * every + patience
        self._began: float | None = None
        self._looks: dict[str, Look] = {}

    def summary(self) -> dict[str, bool]:
        """Every line as good or bad; one not answered yet counts as good, a stale one as bad."""
        watched = {name: self._ok(name) for name in dict.fromkeys((*ALWAYS, *self._checks))}
        return watched | {name: ask().ok for name, ask in self._known.items()}

    def details(self) -> dict[str, object]:
        """Why, and how many seconds ago somebody looked."""
        now = time.monotonic()
        looks = {name: self._looks.get(name) for name in self.summary()}
        looks |= {name: Look(ask(), now) for name, ask in self._known.items()}
        return {name: self._detail(name, look, now) for name, look in looks.items()}

    def looks(self) -> tuple[HealthLook, ...]:
        """What is known of every line; one that nobody has looked at yet is left out."""
        now = time.monotonic()
        seen = [HealthLook(n, look.health.ok, now - look.at) for n, look in self._looks.items()]
        return (*seen, *(HealthLook(name, ask().ok, 0.0) for name, ask in self._known.items()))

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Look again and again, one task for each check: a slow one delays nobody."""
        self._began = time.monotonic()
        tasks = [asyncio.create_task(self._watch(n, c)) for n, c in self._checks.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def _watch(self, name: str, check: HealthCheck) -> None:
        while True:
            self._looks[name] = Look(await self._look(name, check), time.monotonic())
            await asyncio.sleep(self._every)

    async def _look(self, name: str, check: HealthCheck) -> Health:
        try:
            async with asyncio.timeout(self._patience):
                return await check.check()
        except TimeoutError:
            return Health(False, f"no answer within {self._patience:g} s")
        except Exception:
            log.exception("a health check failed", extra={"check": name})
            return Health(False, "the check itself failed; the log says why")

    def _ok(self, name: str) -> bool:
        look = self._looks.get(name)
        good = look.health.ok if look else True
        return good and not self._is_stale(name, time.monotonic())

    def _is_stale(self, name: str, now: float) -> bool:
        """Whether a check has said nothing for far longer than it should: it hangs, or has died."""
        look = self._looks.get(name)
        since = look.at if look else self._began
        return name in self._checks and since is not None and now - since > self._stale

    def _detail(self, name: str, look: Look | None, now: float) -> dict[str, object]:
        said: dict[str, object] = {
            "ok": look.health.ok if look else True,
            "detail": look.health.detail if look else self._why(name),
            "age_seconds": round(now - look.at, 1) if look else None,
        }
        if self._is_stale(name, now):
            said |= {"ok": False, "stale": True, "detail": f"stale; last said: {said['detail']}"}
        return said

    def _why(self, name: str) -> str:
        return "not looked at yet" if name in self._checks else "not configured"
