"""Measure: round after round, and in each all servers, so that a slow minute meets all of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson

from scripts.benchmark import machine
from scripts.benchmark.orders import Order, Plan
from scripts.benchmark.scenarios import Scenario
from scripts.benchmark.servers import ROOT, Running, Server

SETTLE = 1.0  # seconds after a start, before memory is looked at
# With more of both cores in other hands than this, a measurement is made again.
DISTURBED = 0.1


def cores() -> tuple[int | None, int | None]:
    """Return the core of servers and that of the rig; None where there are not two to choose from."""
    mine = machine.cores()
    return (mine[1], mine[0]) if len(mine) > 1 else (None, None)


def room(workers: int, plan: Plan) -> Sequence[int | None]:
    """Return cores for a server, a core for each worker; with fewer it shares all of them with the rig."""
    server, rig = plan.cores
    if workers == 1 or server is None:
        return (server,)
    apart = [core for core in machine.cores() if core != rig]
    return apart[:workers] if len(apart) >= workers else machine.cores()


@contextmanager
def upstream(core: int | None) -> Iterator[tuple[int, int]]:
    """Run the fake upstream; yield its port and its process."""
    with machine.on_cores(core):
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.benchmark.upstream"], stdout=subprocess.PIPE, cwd=ROOT
        )
    try:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.communicate()


def put(order: Order) -> dict[str, Any]:
    """Have the load generator put load on a server."""
    with machine.on_cores(order.cores[-1]):
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.benchmark.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
    told, _ = process.communicate(orjson.dumps(order))
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    measured: dict[str, Any] = orjson.loads(told)
    return measured


class Bench:
    """All servers, at work one at a time: the others are stopped meanwhile."""

    def __init__(self, plan: Plan, servers: Sequence[Server], say: Callable[[str], None]) -> None:
        self._plan = plan
        self._servers = servers
        self._say = say
        self._exit = ExitStack()

    def __enter__(self) -> Bench:
        with ExitStack() as opening:  # what was started is stopped when the next does not start
            opening.push(self._exit)
            self._upstream = self._exit.enter_context(upstream(self._plan.cores[1]))
            self.running = [self._begun(server) for server in self._servers]
            opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def run(self, scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
        """Return what each round measured, in each scenario, of each server."""
        rows = []
        for number in range(self._plan.rounds):
            turn = number % len(self.running)
            for scenario in scenarios:
                for running in self.running[turn:] + self.running[:turn]:
                    if running.server.takes(scenario):
                        row = self._measure(scenario, running)
                        rows.append({"scenario": scenario.name, "round": number, **row})
                        self._say(line(rows[-1]))
        return rows

    def of(self, name: str) -> Running:
        """Return a server, at work again."""
        [found] = [running for running in self.running if running.server.name == name]
        found.signal(signal.SIGCONT)
        return found

    def _begun(self, server: Server) -> Running:
        running = self._exit.enter_context(self._one(server))
        self._say(f"{server.name} answers after {running.seconds:.2f} s")
        self._warm(running)
        running.signal(signal.SIGSTOP)
        return running

    def _one(self, server: Server) -> Running:
        return Running(server, self._upstream[0], room(server.workers, self._plan))

    def _warm(self, running: Running) -> None:
        for scenario in (Scenario("", 16), Scenario("", 16, stream=True)):
            measured = put(self._order(scenario, running))
            if measured["errors"]:
                raise RuntimeError(f"{running.server.name} answers wrongly: {measured['error']}")

    def _measure(self, scenario: Scenario, running: Running) -> dict[str, Any]:
        name = running.server.name
        apart = {"apart": self._plan.cores[1] not in running.cores} if scenario.workers else {}
        if not (scenario.start or scenario.fresh):
            running.signal(signal.SIGCONT)
            try:
                return {
                    "server": name,
                    **apart,
                    **self._undisturbed(self._order(scenario, running)),
                }
            finally:
                running.signal(signal.SIGSTOP)
        with self._one(running.server) as fresh:
            if scenario.start:
                time.sleep(SETTLE)
                memory = machine.memory(fresh.pids)
                return {
                    "server": name,
                    "start": round(fresh.seconds, 3),
                    "memory": round(memory, 1),
                }
            self._warm(fresh)
            return {"server": name, **self._undisturbed(self._order(scenario, fresh))}

    def _undisturbed(self, order: Order) -> dict[str, Any]:
        measured = put(order)
        for _ in range(self._plan.again):
            if measured["others"] <= DISTURBED or measured["errors"]:
                break
            again = put(order)
            measured = min(measured, again, key=lambda one: float(one["others"]))
        return measured

    def _order(self, scenario: Scenario, running: Running) -> Order:
        return running.order(scenario, self._plan, self._upstream[1])


def line(row: dict[str, Any]) -> str:
    """Return a measurement as a line, for those who wait."""
    head = f"{row['round'] + 1}  {row['scenario']:20} {row['server']:10}"
    if "start" in row:
        return f"{head} {row['start']:.2f} s, {row['memory']:.1f} MiB"
    rate = row["answers"] / row["seconds"]
    busy = ", ".join(f"{name} {share:.0%}" for name, share in row["busy"].items())
    wrong = f"  {row['errors']} WRONG: {row['error'][:200]}" if row["errors"] else ""
    return f"{head} {rate:8.1f}/s   {busy}, others {row['others']:.0%}{wrong}"
