"""Compare the gateway with the smallest server that could do the same, and with a peer.

All of them translate the same chats for the same fake upstream, one after the other in each round.
Servers have one core, upstream and load generator another. Every answer is checked byte for byte;
one that is wrong makes the whole run fail. What counts are ratios within one run.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from scripts.benchmark import peers
from scripts.benchmark.figures import Figures
from scripts.benchmark.orders import Plan
from scripts.benchmark.page import LAYERS, MEASURED
from scripts.benchmark.record import conditions, record, write
from scripts.benchmark.rounds import Bench, cores
from scripts.benchmark.scenarios import ALL, BY_NAME, SHORT, Scenario
from scripts.benchmark.servers import FLOOR, GATEWAY, ROOT, TWO_WORKERS, Server
from scripts.benchmark.soak import plot, soak
from scripts.benchmark.tables import tables
from scripts.benchmark.targets import verdicts


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.replace("\n", " "))
    parser.add_argument("--list", action="store_true", help="name the scenarios and do nothing")
    parser.add_argument("--all", action="store_true", help="every scenario, not the short list")
    parser.add_argument("--only", metavar="NAMES", help="these scenarios, separated by commas")
    parser.add_argument("--rounds", type=int, help="(2)")
    parser.add_argument("--seconds", type=float, help="of each measurement (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a record")
    parser.add_argument(
        "--record",
        action="store_true",
        help="renew docs/performance.md: everything, 5 rounds of 4 s",
    )
    parser.add_argument(
        "--soak", type=float, metavar="SECONDS", help="watch memory under load instead"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --soak: draw it as PNG")
    parser.add_argument("--peer", choices=tuple(peers.PEERS), help="measure this one beside them")
    parser.add_argument(
        "--peer-venv",
        type=Path,
        default=ROOT / ".bench/peer",
        metavar="FOLDER",
        help="the virtual environment that the peer is in (%(default)s)",
    )
    parser.add_argument(
        "--install-peer", action="store_true", help="put the peer there first, from PyPI"
    )
    options = parser.parse_args(words)
    if options.record:
        options.all, options.json = True, MEASURED
    return options


def planned(options: argparse.Namespace) -> Plan:
    """Return how much is measured: more for a record, unless something else is said."""
    rounds = options.rounds or (5 if options.record else 2)
    seconds = options.seconds or (4.0 if options.record else 2.0)
    again = 3 if options.record else 0
    return Plan(rounds, min(0.7, seconds), seconds, again, cores())


def chosen(options: argparse.Namespace) -> Sequence[Scenario]:
    """Return the scenarios that are wanted. Exits for one that is not known."""
    if not options.only:
        return ALL if options.all else SHORT
    names = options.only.split(",")
    if unknown := [name for name in names if name not in BY_NAME]:
        sys.exit(f"There is no scenario {', '.join(unknown)}; --list names them.")
    return [BY_NAME[name] for name in names]


def peer(options: argparse.Namespace) -> tuple[list[Server], dict[str, str]]:
    """Return the peer that is wanted, and its version. Exits when it is not there."""
    if not options.peer:
        return [], {}
    if options.install_peer:
        peers.install(options.peer, options.peer_venv)
    try:
        found = peers.PEERS[options.peer](options.peer_venv)
    except peers.NotInstalled as exc:
        sys.exit(str(exc))
    return [found], {options.peer: peers.version(options.peer, options.peer_venv)}


def say(words: str) -> None:
    """Tell how far it is, beside the result."""
    print(words, file=sys.stderr, flush=True)


def renew_page() -> None:
    """Measure the layers as well, and write the page."""
    python = Path(sys.executable)
    subprocess.run([python, "scripts/layer-costs", "--json", LAYERS], cwd=ROOT, check=True)
    subprocess.run([python.with_name("cog"), "-r", "docs/performance.md"], cwd=ROOT, check=True)


def soaked(options: argparse.Namespace) -> int:
    """Load for a long time, and print memory; 1 when it grew, or answers were wrong."""
    if options.plot and find_spec("matplotlib") is None:
        sys.exit("--plot needs matplotlib: .venv/bin/pip install --group bench")
    found = soak(options.soak, planned(options))
    print(found.picture())
    if options.plot:
        plot(found, options.plot)
    print(
        f"{found.answers:,} answers, {found.errors} wrong or missing {found.error}\n"
        f"the second half added {found.growth():.1f} MiB of {found.allowed():.1f} that are allowed: "
        f"{'good' if found.good() else 'NOT GOOD'}"
    )
    return 0 if found.good() else 1


def main(words: Sequence[str]) -> int:
    """Measure, and print; 1 when answers were wrong."""
    options = arguments(words)
    if options.list:
        print("\n".join(BY_NAME))
        return 0
    if options.soak:
        return soaked(options)
    scenarios, (more, versions) = chosen(options), peer(options)
    plan = planned(options)
    several = [TWO_WORKERS] if any(scenario.workers for scenario in scenarios) else []
    with Bench(plan, [FLOOR, GATEWAY, *several, *more], say) as bench:
        rows = bench.run(scenarios)
        on = conditions(bench.of(GATEWAY.name))
    figures = Figures(rows)
    if options.json:
        write(options.json, record(rows, plan, on, versions))
    if options.record:
        renew_page()
    print(f"{tables(figures)}\n{verdicts(figures)}")
    print("\n".join(f"{name}: {state}" for name, state in on.items()))
    if figures.errors():
        print(f"{figures.errors()} answers were wrong or did not come.", file=sys.stderr)
    return 1 if figures.errors() else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which stops what was started
    sys.exit(main(sys.argv[1:]))
