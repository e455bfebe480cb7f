"""Every query of the dashboard and every alert, asked of a real Prometheus that reads a real gateway."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from tests.monitoring.files import Alert, alerts, panels
from tests.monitoring.prometheus import Prometheus, reading
from tests.monitoring.traffic import BROKEN, KEY, Traffic, environment

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What the traffic makes true. The others are shown to fire by alerts.test.yml, and their figure here.
FIRING = {
    "ApprovalsWait",
    "BreakerOpen",
    "BudgetNearlySpent",
    "BudgetSpent",
    "GatewayErrors",
    "HealthCheckFails",
    "KeysRefused",
    "PricesUnknown",
    "SpendingHigh",
    "ToolServerDown",
    "ToolsFail",
    "TurnsFail",
    "UpstreamRetries",
}


@dataclass(frozen=True)
class Site:
    """Everything at work."""

    gateway: GatewayProcess
    prometheus: Prometheus


@asynccontextmanager
async def gateway_with_prometheus(folder: Path) -> AsyncGenerator[tuple[Traffic, Prometheus]]:
    data = folder / "data"
    data.mkdir()
    (data / "mcp.json").write_text(json.dumps(BROKEN), "utf-8")
    async with FakeAnthropic() as upstream:
        env = {
            **environment(upstream),
            "GATEWAY_DATA_DIR": str(data),  # beside it is the key, for Prometheus
            "GATEWAY_WRONG_KEYS": "0",  # or most would be 429
        }
        async with (
            GatewayProcess(env) as gateway,
            reading(gateway.port, KEY, folder) as prometheus,
        ):
            yield Traffic(gateway, upstream), prometheus


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Site]:
    async with gateway_with_prometheus(tmp_path_factory.mktemp("site")) as (traffic, prometheus):
        for number in (1, 2, 3):  # a rate needs figures that move between two looks
            await traffic.round()
            await prometheus.becomes("session_duration_seconds_count", number)
        await traffic.hold()
        await prometheus.becomes("turns_waiting", 1)
        await prometheus.becomes("approvals_waiting", 1)
        for failed in (10, 20):
            await traffic.fail()
            await prometheus.becomes('sum(api_responses_total{status=~"5.."})', failed)
        await prometheus.becomes('event_loop_lag_seconds_bucket{le="+Inf"}', 3)
        yield Site(traffic.gateway, prometheus)
        await traffic.end()


@pytest.mark.parametrize(("title", "expr"), list(panels()))
async def test_every_query_of_the_dashboard_has_something_to_show(
    site: Site, title: str, expr: str
) -> None:
    assert await site.prometheus.values(expr.replace("$__rate_interval", "1m")), title


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
async def test_every_alert_looks_at_figures_that_there_are(site: Site, alert: Alert) -> None:
    assert await site.prometheus.values(alert.figure)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
async def test_what_goes_wrong_is_seen_by_its_alert_and_by_no_other(
    site: Site, alert: Alert
) -> None:
    seen = await site.prometheus.values(alert.expr)
    assert bool(seen) == (alert.name in FIRING), seen


async def test_alerts_say_what_they_mean_in_words(site: Site) -> None:
    groups = (await site.prometheus.get("rules", type="alert"))["groups"]
    active = [alert for group in groups for rule in group["rules"] for alert in rule["alerts"]]
    assert {alert["labels"]["alertname"] for alert in active} >= {"BreakerOpen", "SpendingHigh"}
    for alert in active:
        said = " ".join(alert["annotations"].values())
        assert "error expanding" not in said
        assert "<no value>" not in said
    assert "The tools of broken cannot be used" in {
        alert["annotations"]["summary"] for alert in active
    }


async def test_a_gateway_that_is_gone_is_noticed(site: Site) -> None:
    (down,) = [alert for alert in alerts() if alert.name == "GatewayDown"]
    await site.gateway.kill()
    await site.prometheus.becomes(down.expr)
