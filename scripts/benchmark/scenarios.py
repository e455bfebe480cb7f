"""What is measured."""

from __future__ import annotations

import json
from dataclasses import dataclass

from scripts.benchmark import answers
from scripts.benchmark.orders import HOLE

SYSTEM = "You are a terse assistant. " + "Answer in the language of the question. " * 20
NOTES = "Here are some notes. " + "The quick brown fox jumps over the lazy dog. " * 24
TOOL = "list_directory"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Questions of one kind, on so many connections.

    `gap_ms` 0 has all of a stream come at once. `kept` ones are in a session, a new one for each
    question; `tool` has the gateway run one tool, between two calls of the model. `fresh` measures
    on a process that has just been started, `workers` one worker and then several.
    """

    name: str
    connections: int = 1
    stream: bool = False
    gap_ms: int = 0
    kept: bool = False
    tool: bool = False
    fresh: bool = False
    start: bool = False
    workers: bool = False

    @property
    def for_all(self) -> bool:
        """Whether a server without sessions and tools can do it."""
        return not (self.kept or self.tool or self.workers)

    def body(self, model: str) -> str:
        """Return the question."""
        asked = f"{NOTES}{answers.pace(self.gap_ms)}{answers.call(TOOL) if self.tool else ''}"
        fields: dict[str, object] = {
            "model": model,
            "max_tokens": 1024,
            "stream": self.stream,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": f"{asked} Summarise them."},
            ],
        }
        if self.kept:
            fields["session_id"] = HOLE
        if self.tool:
            fields["mcp"] = {"enabled_tools": [TOOL]}
        return json.dumps(fields)


def _paced(connections: int, gap_ms: int, *, kept: bool = False) -> Scenario:
    name = f"{'session-' if kept else ''}paced{connections}-{gap_ms}ms"
    return Scenario(name, connections, stream=True, gap_ms=gap_ms, kept=kept, fresh=True)


SHORT = (
    *(Scenario(f"chat{n}", n) for n in (1, 16, 100)),
    *(Scenario(f"stream{n}", n, stream=True) for n in (1, 16, 100)),
    _paced(100, 20),
    *(Scenario(f"session{n}", n, stream=True, kept=True) for n in (1, 100)),
    Scenario("tool1", tool=True),
    Scenario("start", start=True),
)
ALL = (
    *SHORT[:7],
    _paced(500, 20),
    _paced(1000, 20),
    _paced(500, 200),
    _paced(1000, 200),
    _paced(100, 20, kept=True),
    *SHORT[7:],
    Scenario("workers-chat100", 100, workers=True),
    Scenario("workers-stream100", 100, stream=True, workers=True),
    Scenario("workers-session100", 100, stream=True, kept=True, workers=True),
)
BY_NAME = {scenario.name: scenario for scenario in ALL}
