"""A client of Sentry's of this gateway's own: it hooks into nothing, and sends what it is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import sentry_sdk

from claude_gateway import Observer, Secret, redacted_value
from claude_gateway_sentry.defects import Defects
from claude_gateway_sentry.observer import Reporting

if TYPE_CHECKING:
    from sentry_sdk.types import Breadcrumb, BreadcrumbHint, Event, Hint

FLUSH = 2.0  # seconds for what is still to be sent when the gateway stops
OURS = "claude_gateway"


@dataclass(frozen=True, slots=True)
class Account:
    """Where errors go, and of what they are."""

    dsn: Secret
    environment: str
    release: str
    traces: float


@asynccontextmanager
async def open_observer(account: Account) -> AsyncGenerator[Observer]:
    """Open a client, hear of defects by the gateway's log, and send the rest at the end."""
    client = sentry_sdk.Client(
        dsn=account.dsn.reveal(),
        environment=account.environment,
        release=account.release,
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        propagate_traces=False,
        before_send=scrubbed,
        before_send_transaction=scrubbed,
        before_breadcrumb=_no_breadcrumb,
        shutdown_timeout=FLUSH,
    )

    def send(event: dict[str, object]) -> None:
        client.capture_event(cast("Event", event), scope=sentry_sdk.Scope(client=client))

    observer = Reporting(send, account.traces)
    handler = Defects(observer.defect)
    logging.getLogger(OURS).addHandler(handler)
    try:
        yield observer
    finally:
        logging.getLogger(OURS).removeHandler(handler)
        await asyncio.to_thread(client.close, FLUSH)


def scrubbed(event: Event, _hint: Hint) -> Event:
    """Mask whatever looks like a key, wherever it is. What the SDK adds of itself is empty here."""
    event.pop("breadcrumbs", None)
    return cast("Event", redacted_value(event))


def _no_breadcrumb(_crumb: Breadcrumb, _hint: BreadcrumbHint) -> None:
    """Nothing that happened before is told: it may be about another caller."""
