"""`scripts/bench`: what may be asked for, and what is done with what was found."""

import argparse
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import redis

from benchlib import machine, plot, report
from benchlib.cases import BULK_ITEMS
from benchlib.compare import compare
from benchlib.players import MOST
from benchlib.results import Run
from benchlib.service import ENDINGS, ServiceError
from benchlib.session import Group, Session, plan
from benchlib.wire import NoAnswerError
from benchlib.yardstick import Yardstick

_TOLD = (
    "connections",
    "seconds",
    "rounds",
    "players",
    "many",
    "growth",
    "small",
    "workers",
    "players_drawn",
    "case",
    "set",
)
_QUICK = {"seconds": 0.5, "rounds": 2, "players": 10_000, "many": 100_000, "small": 100}
_USUAL = {"seconds": 2.0, "rounds": 3, "players": 100_000, "many": 1_000_000, "small": 1000}


def main() -> int:
    """Exit status 1 when anything failed; not when a target is missed."""
    options = _options()
    for number in ENDINGS:
        signal.signal(number, _interrupted)
    try:
        if options.compare:
            print(compare(*map(Run.read, options.compare)))
            return 0
        groups = plan(options)
        if options.list:
            _list(groups)
            return 0
        return _run(options, groups)
    except (ServiceError, NoAnswerError, OSError, ValueError, redis.RedisError, subprocess.SubprocessError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Broken off; everything is cleaned up.", file=sys.stderr)
        return 130


def _interrupted(_number: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measures the service, and beside each workload the bare commands on the same store."
    )
    add = parser.add_argument
    add("--case", action="append", metavar="TEXT", help="only what has this in its name; may be repeated")
    add("--list", action="store_true", help="say what there is to measure, and measure nothing")
    add("--quick", action="store_true", help="a minute, fewer players: whether it works, not how fast")
    add("--rounds", type=int, metavar="N", help="in which everything is measured, one after the other (3)")
    add("--seconds", type=float, metavar="S", help="a measurement takes (2)")
    add("--connections", type=int, default=64, metavar="N", help="keep-alive connections (64)")
    add("--workers", type=int, default=2, metavar="N", help="web processes of the service, but for bulks (2)")
    add("--players", type=int, metavar="N", help=f"on a board, a multiple of {BULK_ITEMS} (100000)")
    add("--many", type=int, metavar="N", help="players for bulks, memory and start (1000000)")
    add("--growth", type=int, metavar="N", help="players that p99s are compared with those of 10,000 (as --many)")
    add("--players-drawn", choices=("uniform", "zipf"), help="how, for all workloads (else as --list says)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the service, such as THREADS=4")
    add("--wrk", action="store_true", help="also the top 10 by the program wrk")
    add("--redis-py", action="store_true", help="also some floors through redis-py, a thread a connection")
    add("--json", type=Path, metavar="FILE", help="write everything as JSON")
    add("--plot", type=Path, metavar="FILE", help="draw the rates as SVG")
    add("--compare", type=Path, nargs=2, metavar=("A", "B"), help="two JSON files side by side; measures nothing")
    options = parser.parse_args()
    _complete(options)
    _check(parser, options)
    return options


def _complete(options: argparse.Namespace) -> None:
    for name, value in (_QUICK if options.quick else _USUAL).items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    options.growth = options.growth or options.many


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    for name in ("players", "many", "growth"):
        count = getattr(options, name)
        if count % BULK_ITEMS or not BULK_ITEMS <= count <= MOST:
            parser.error(f"--{name} is a multiple of {BULK_ITEMS}, up to {MOST}")
    if any("=" not in pair for pair in options.set):
        parser.error("--set takes NAME=VALUE")
    if min(options.connections, options.workers, options.rounds, options.seconds) <= 0:
        parser.error("--connections, --workers, --rounds and --seconds are above 0")
    if options.wrk and shutil.which("wrk") is None:
        parser.error("there is no wrk here")
    if not options.compare and not plan(options):
        parser.error("no workload has that in its name; --list names them")


def _list(groups: list[Group]) -> None:
    for group in groups:
        settings = "".join(f", {name}={value}" for name, value in group.settings.items())
        print(f"{group.title}: {group.workers} workers{settings}")
        said = [(one.name, one.what) for one in group.probes] + [(one.name, one.what) for one in group.workloads]
        for name, what in said:
            print(f"  {name:30}{what}")


def _run(options: argparse.Namespace, groups: list[Group]) -> int:
    run = Run(warnings=machine.unrest(), options={name: getattr(options, name) for name in _TOLD})
    print(
        f"{options.players:,} players, {options.many:,} where there are many, {options.rounds} rounds of "
        f"{options.seconds:g} seconds, {options.connections} connections{''.join(f', {pair}' for pair in options.set)}",
        flush=True,
    )
    with Yardstick() as yardstick:
        run.yardstick = yardstick.found
        Session(options, yardstick, run).run(groups)
    print(f"\n{report.describe(run)}\n{report.yardstick(run.yardstick)}\n")
    if run.rows:
        print(report.table(run.rows, run.yardstick.factor) + "\n")
    if run.figures:
        print(report.figures(run.figures, run.yardstick.factor) + "\n")
    for note in run.notes:
        print(note)
    for problem in run.problems:
        print(f"FAILED  {problem}", file=sys.stderr)
    if options.json:
        run.write(options.json)
    if options.plot:
        options.plot.write_text(plot.draw(run), "utf-8")
    return 1 if run.problems else 0
