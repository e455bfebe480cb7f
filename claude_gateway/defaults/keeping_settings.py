"""Settings of what is kept: how much at a time, and for how long."""

from __future__ import annotations

from claude_gateway.settings import Setting, whole

SECTION = "What is kept"

MAX_LIVE_RUNS = Setting(
    "GATEWAY_MAX_LIVE_RUNS",
    whole(1, 100_000),
    256,
    "How many turns that outlive their connection one caller may have at work at a time.",
    SECTION,
)

RUN_LOG = Setting(
    "GATEWAY_RUN_LOG_BYTES",
    whole(65_536, 2**31),
    64 * 2**20,
    "The most bytes of frames that are kept of one turn; a longer answer is ended.",
    SECTION,
)

RUN_LOG_HOURS = Setting(
    "GATEWAY_RUN_LOG_HOURS",
    whole(1, 87_600),
    168,
    "Hours for which the frames of an ended turn can be read again; the conversation stays.",
    SECTION,
)

RETENTION_DAYS = Setting(
    "GATEWAY_RETENTION_DAYS",
    whole(0, 36_500),
    0,
    "Days after its last change on which a session is forgotten. 0: never.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (MAX_LIVE_RUNS, RUN_LOG, RUN_LOG_HOURS, RETENTION_DAYS)
