"""How things stand, for observers that ask."""

from __future__ import annotations

from claude_gateway.engine.breaker import Breakers
from claude_gateway.stores import HasFigures
from claude_gateway.types.watching import Standing, StoreFigures
from claude_gateway.web.gateway import Gateway


def standing(gateway: Gateway, breakers: Breakers) -> Standing:
    """Walk over all that lives, and wait for nothing."""
    runs, toolbox = gateway.runs, gateway.toolbox
    parked = [] if runs is None else [live.record for live in runs.all if live.parked]
    asked = [call for record in parked for call in record.approvals if call.decision == "pending"]
    return Standing(
        requests=len(gateway.live),
        streams=gateway.pulse.watched,
        turns_waiting=0 if runs is None else runs.claims.waiting,
        turns_queued=0 if gateway.places is None else gateway.places.waiting,
        runs_parked=len(parked),
        approvals=len(asked),
        tool_calls=toolbox.under_way,
        servers={id_: toolbox.state(id_).status for id_ in toolbox.servers},
        breakers={name: breakers.of(name).state for name in gateway.backends},
        checks=gateway.health.looks(),
        store=_figures(gateway.store),
        draining=gateway.draining,
        budgets={} if gateway.budgets is None else gateway.budgets.shares(),
    )


def _figures(store: object) -> StoreFigures | None:
    return store.figures() if isinstance(store, HasFigures) else None
