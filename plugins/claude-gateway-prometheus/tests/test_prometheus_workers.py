"""Several workers have one page."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from claude_gateway_prometheus.merging import together
from prometheus_client.parser import text_string_to_metric_families

from claude_gateway import Shared
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask

MODELS = {"method": "GET", "endpoint": "/v1/models"}


async def page(gateway: GatewayProcess, accept: str = "text/plain") -> str:
    answer = await ask(gateway.port, "GET", "/metrics", headers={"accept": accept})
    assert answer.status == 200, answer.body
    return answer.body.decode()


async def figure(gateway: GatewayProcess, name: str, labels: dict[str, str] | None = None) -> float:
    return next(
        sample.value
        for family in text_string_to_metric_families(await page(gateway))
        for sample in family.samples
        if sample.name == name and sample.labels == (labels or {})
    )


async def workers(gateway: GatewayProcess) -> set[int]:
    ps = await asyncio.create_subprocess_exec(
        *("ps", "-A", "-o", "pid=,ppid="), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await ps.communicate()
    pairs = [line.split() for line in said.decode().splitlines()]
    return {int(pid) for pid, parent in pairs if int(parent) == gateway.process.pid}


async def test_whichever_worker_is_asked_shows_what_all_have_counted_also_the_dead() -> None:
    async with GatewayProcess({"GATEWAY_WORKERS": "3"}) as gateway:
        for asked in range(1, 25):
            assert (await ask(gateway.port, "GET", "/v1/models")).status == 200
            assert await figure(gateway, "api_requests_total", MODELS) == asked
        version = next(
            line
            for line in (await page(gateway)).splitlines()
            if line.startswith("claude_gateway_build")
        )
        assert version.endswith(" 1.0")
        before = await workers(gateway)
        for victim in before:
            os.kill(victim, signal.SIGKILL)
            async with asyncio.timeout(20):
                while len(await workers(gateway)) < 3 or victim in await workers(gateway):
                    await asyncio.sleep(0.05)
            assert await figure(gateway, "api_requests_total", MODELS) == 24
        assert before.isdisjoint(await workers(gateway))
        assert (await page(gateway, "application/openmetrics-text")).endswith("# EOF\n")
        assert (
            await figure(gateway, "api_requests_total", {"method": "GET", "endpoint": "/metrics"})
            < 60
        )


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("requests", "counter", 6.0),
        ("open", "gauge", 3.0),
        ("store_full", "gauge", 2.0),
        ("mcp_server_up", "gauge", 1.0),
    ],
)
def test_what_counts_is_added_up_and_a_state_is_that_of_the_living(
    name: str, kind: str, shown: float
) -> None:
    def said(value: float) -> bytes:
        return f'[["{name}", "Help", "{kind}", "", [["{name}", {{"a": "b"}}, {value}]]]]'.encode()

    [family] = together(Shared(said(1), [said(2)], [said(3)])).collect()
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"a": "b"}, shown)]
