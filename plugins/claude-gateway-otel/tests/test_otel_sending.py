"""Off costs nothing, down is told once, and what is left is sent at the stop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from claude_gateway_otel import plugin
from claude_gateway_otel.settings import ALL, wanted

from claude_gateway import Settings
from claude_gateway.errors import SettingsError
from claude_gateway.testing.raw import chat_body

if TYPE_CHECKING:
    from tests.conftest import Opens, Receiver

CHAT = "/v1/chat/completions"
DOWN = "telemetry cannot be sent"
FOR_EVER = {"OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_METRIC_EXPORT_INTERVAL": "3600000"}


def read(**environment: str) -> Settings:
    return Settings.read(environment, ALL)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_SDK_DISABLED": "True"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
        },
    ],
    ids=["nowhere", "disabled", "neither"],
)
def test_nothing_is_offered_unless_there_is_somewhere_to_send(environment: dict[str, str]) -> None:
    assert not plugin.register_observers(read(**environment))


def test_each_kind_goes_where_it_is_wanted() -> None:
    found = wanted(
        read(
            OTEL_EXPORTER_OTLP_ENDPOINT="http://h:1/otlp/",
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="http://m:2/in",
            OTEL_RESOURCE_ATTRIBUTES="a=b%20c,service.name=mine",
        )
    )
    assert (found.traces, found.metrics) == ("http://h:1/otlp/v1/traces", "http://m:2/in")
    assert found.resource == {"a": "b c", "service.name": "mine"}
    alone = wanted(read(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://t:3/in"))
    assert (alone.traces, alone.metrics) == ("http://t:3/in", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:CANARY@h"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "CANARY"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "name=CANARY%0A"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
    ],
)
def test_a_mistake_names_its_variable_and_no_secret(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as told:
        read(**{name: value})
    assert name in str(told.value)
    assert "CANARY" not in str(told.value)


def test_headers_are_not_shown() -> None:
    settings = read(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://h", OTEL_EXPORTER_OTLP_HEADERS="api-key=CANARY"
    )
    assert "CANARY" not in repr(wanted(settings))
    assert "CANARY" not in repr(wanted(settings).headers)


async def test_what_is_left_is_sent_at_the_stop(receiver: Receiver, gateway_to: Opens) -> None:
    async with gateway_to(receiver, **FOR_EVER) as site:
        await site.ask("POST", CHAT, chat_body(stream=True))
        assert not receiver.spans
    assert site.gateway.exit_code == 0
    assert {seen.name for seen in receiver.spans} >= {f"POST {CHAT}"}
    assert "gen_ai.client.operation.duration" in receiver.points


async def test_a_receiver_that_is_down_delays_nobody_and_is_told_once(
    receiver: Receiver, gateway_to: Opens
) -> None:
    await receiver.__aexit__()
    async with gateway_to(receiver) as site:
        async with asyncio.timeout(20):
            while DOWN not in site.gateway.stderr:
                assert (await site.ask("POST", CHAT, chat_body(stream=True))).status == 200
        for _ in range(20):
            assert (await site.ask("POST", CHAT, chat_body(stream=True))).status == 200
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert site.gateway.exit_code == 0
    told = [line for line in site.gateway.stderr.splitlines() if DOWN in line]
    assert len(told) == len({"traces" in line for line in told})  # once for each kind
    assert "Traceback" not in site.gateway.stderr
    assert "urllib3" not in site.gateway.stderr


def test_without_a_receiver_nothing_of_opentelemetry_is_loaded() -> None:
    code = """
import sys
from claude_gateway import Settings
from claude_gateway_otel import plugin
from claude_gateway_otel.settings import ALL
assert not plugin.register_observers(Settings.read({}, ALL))
print([name for name in sys.modules if name.startswith(("opentelemetry", "requests", "google"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_sampler_decides_which_traces_are_kept(
    receiver: Receiver, gateway_to: Opens
) -> None:
    async with gateway_to(receiver, OTEL_TRACES_SAMPLER="always_off") as site:
        await site.ask("POST", CHAT, chat_body(stream=True))
        await receiver.becomes("gen_ai.client.operation.duration", 1)
    assert not receiver.spans
