"""Compare the gateway with the smallest server that could do the same, and with a peer.

All of them translate the same chats for the same fake upstream, one after the other in each round.
Servers have one core, upstream and load generator another. Every answer is checked byte for byte;
one that is wrong makes the whole run fail. What counts are ratios within one run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark import peers
from scripts.benchmark.figures import Figures
from scripts.benchmark.record import conditions, record, write
from scripts.benchmark.rounds import Bench, Plan, cores
from scripts.benchmark.scenarios import ALL, BY_NAME, SHORT, Scenario
from scripts.benchmark.servers import FLOOR, GATEWAY, ROOT, Server
from scripts.benchmark.tables import tables
from scripts.benchmark.targets import verdicts

RECORDED = ROOT / "docs/performance/measured.json"


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.replace("\n", " "))
    parser.add_argument("--list", action="store_true", help="name the scenarios and do nothing")
    parser.add_argument("--all", action="store_true", help="every scenario, not the short list")
    parser.add_argument("--only", metavar="NAMES", help="these scenarios, separated by commas")
    parser.add_argument("--rounds", type=int, default=2, help="(%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=2, help="of each measurement (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a record")
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
    return parser.parse_args(words)


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


def main(words: Sequence[str]) -> int:
    """Measure, and print; 1 when answers were wrong."""
    options = arguments(words)
    if options.list:
        print("\n".join(BY_NAME))
        return 0
    scenarios, (more, versions) = chosen(options), peer(options)
    plan = Plan(options.rounds, min(0.7, options.seconds), options.seconds, cores=cores())
    with Bench(plan, [FLOOR, GATEWAY, *more], say) as bench:
        rows = bench.run(scenarios)
        on = conditions(bench.of(GATEWAY.name))
    figures = Figures(rows)
    if options.json:
        write(options.json, record(rows, plan, on, versions))
    print(f"{tables(figures)}\n{verdicts(figures)}")
    print("\n".join(f"{name}: {state}" for name, state in on.items()))
    if figures.errors():
        print(f"{figures.errors()} answers were wrong or did not come.", file=sys.stderr)
    return 1 if figures.errors() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
