"""Settings of how much callers may use together, and each of them."""

from __future__ import annotations

from typing import Literal

from claude_gateway.settings import Setting, whole

SECTION = "Limits"
MOST = 10**9

MAX_CONCURRENT = Setting(
    "GATEWAY_MAX_CONCURRENT",
    whole(0, 1_000_000),
    2000,
    "How many answers are made at the same time. More wait for their turn, callers one after another. 0: as "
    "many as are asked for.",
    SECTION,
)
MAX_WAITING = Setting(
    "GATEWAY_MAX_WAITING",
    whole(0, 1_000_000),
    8000,
    "How many may wait. When that is too many, whoever has most of them waiting gets 503.",
    SECTION,
)
USER_RPM = Setting(
    "GATEWAY_USER_RPM",
    whole(0, MOST),
    0,
    "Requests that each user may send in a minute, with all keys together. 0: no limit. Keys can have "
    "limits of their own.",
    SECTION,
)
USER_TPM = Setting(
    "GATEWAY_USER_TPM",
    whole(0, MOST),
    0,
    "Tokens that each user may use in a minute, of prompts and answers. 0: no limit.",
    SECTION,
)
USER_CONCURRENT = Setting(
    "GATEWAY_USER_CONCURRENT",
    whole(0, 1_000_000),
    0,
    "Answers that each user may have made at the same time. 0: no limit.",
    SECTION,
)


def policy(raw: str) -> Literal["refuse", "allow"]:
    """What becomes of a request whose cost nobody knows."""
    word = raw.strip().lower()
    if word == "refuse":
        return "refuse"
    if word == "allow":
        return "allow"
    raise ValueError(f"wants refuse or allow, not {raw!r}")


BUDGET_UNPRICED: Setting[Literal["refuse", "allow"]] = Setting(
    "GATEWAY_BUDGET_UNPRICED",
    policy,
    "refuse",
    "Where a budget applies and nobody knows what a model costs: refuse the request, or allow it, which counts "
    "as nothing.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (
    MAX_CONCURRENT,
    MAX_WAITING,
    USER_RPM,
    USER_TPM,
    USER_CONCURRENT,
    BUDGET_UNPRICED,
)
