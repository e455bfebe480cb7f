"""Models and their prices, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

Thinking = Literal["none", "manual", "adaptive", "always"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
NoThinking = Literal["disabled", "between_tools"]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. `None` means unknown, which is not the same as free.

    It holds from the day `since`, for prompts of more than `above` tokens.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    since: date | None = None
    above: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model. The defaults are for a model of which only the id is known.

    `max_tokens` is the largest answer and `max_input_tokens` the largest prompt, in tokens.
    `sampling` says whether temperature, top_p and top_k may be sent, `forced_tool_choice` whether
    `tool_choice` may demand a call, `system_messages` whether the system may speak among the turns,
    `prefill` whether it goes on with a turn of the assistant's that is the last one,
    `binds_thinking` whether it checks that nothing has changed before thinking that comes back.

    `efforts` are the levels that it takes, lowest first, and `no_thinking` is the type of thinking
    that asks for none, on a model where that may be asked. `deprecated` and `retires` are the first
    days on which it should not, and cannot, be used any more.

    `price` is for a model that has only one; `prices` holds changes and tiers, and wins.
    """

    id: str
    name: str = ""
    description: str = ""
    owned_by: str = "anthropic"
    released: date | None = None
    deprecated: date | None = None
    retires: date | None = None
    max_tokens: int = 64_000
    max_input_tokens: int = 200_000
    streaming: bool = True
    tools: bool = True
    vision: bool = True
    thinking: Thinking = "none"
    efforts: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
    no_thinking: NoThinking = "disabled"
    sampling: bool = True
    forced_tool_choice: bool = True
    system_messages: bool = False
    prefill: bool = True
    binds_thinking: bool = False
    structured_outputs: bool = True
    legacy: bool = False
    price: Price | None = None
    prices: tuple[Price, ...] = ()

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name or self.id

    @property
    def created(self) -> int:
        """Release as seconds since 1970, as OpenAI's model list wants it; 0 when unknown."""
        if self.released is None:
            return 0
        moment = datetime(self.released.year, self.released.month, self.released.day, tzinfo=UTC)
        return int(moment.timestamp())

    def tariff(self, day: date) -> tuple[Price, ...]:
        """Return the prices in force on `day`, for ever longer prompts.

        The entries of the latest `since` replace all of an earlier one.
        """
        known = self.prices or ((self.price,) if self.price else ())
        begun = [(price.since or date.min, price) for price in known]
        latest = max((since for since, _ in begun if since <= day), default=None)
        return tuple(sorted((p for since, p in begun if since == latest), key=lambda p: p.above))

    def price_at(self, day: date, prompt_tokens: int = 0) -> Price | None:
        """Return what a prompt of this size costs on `day`, cached parts included in the size."""
        if not self.prices:  # nearly every model
            only = self.price
            if only is None or (only.since is not None and only.since > day):
                return None
            return only if prompt_tokens > only.above or not only.above else None
        fitting = [p for p in self.tariff(day) if prompt_tokens > p.above or not p.above]
        return fitting[-1] if fitting else None

    def status(self, today: date) -> Literal["active", "legacy", "retired"]:
        """Where in its life the model is."""
        if self.retires is not None and self.retires <= today:
            return "retired"
        deprecated = self.deprecated is not None and self.deprecated <= today
        return "legacy" if self.legacy or deprecated else "active"
