"""What is measured, by the names of OpenTelemetry's conventions."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.metrics import Histogram, Meter

TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
REQUEST = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    30,
    60,
    120,
    300,
)


class Meters:
    """Every instrument; all are histograms."""

    def __init__(self, meter: Meter) -> None:
        def histogram(name: str, unit: str, words: str, bounds: Sequence[float]) -> Histogram:
            return meter.create_histogram(
                name, unit, words, explicit_bucket_boundaries_advisory=bounds
            )

        self.tokens = histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of calls of models", TOKENS
        )
        self.duration = histogram(
            "gen_ai.client.operation.duration", "s", "Time of calls of models", SECONDS
        )
        self.first_chunk = histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "From a call of a model to the beginning of its answer",
            FIRST,
        )
        self.first_token = histogram(
            "gen_ai.server.time_to_first_token",
            "s",
            "From the request to the first piece of the answer",
            FIRST,
        )
        self.tools = histogram(
            "gen_ai.execute_tool.duration", "s", "Time of calls of tools", SECONDS
        )
        self.requests = histogram(
            "http.server.request.duration",
            "s",
            "Time of requests, to the last byte of the answer",
            REQUEST,
        )
