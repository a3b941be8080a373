"""`scripts/chaos`: what may be asked for, and how it is told."""

import argparse
import json
import secrets
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from chaoslib.faults import WAYS
from chaoslib.figures import Recovery
from chaoslib.session import TOPOLOGIES, ChaosError, Options, Outcome, run
from chaoslib.standings import UnreadableError
from tests.topologies import TopologyError

_SHOWN = 10  # findings of a kind


def main(argv: list[str] | None = None) -> int:
    """Exit status 1 when anything is lost, doubled, wrong, stale or does not heal; 2 when the run could not be made."""
    options = _options(argv)
    named = {name: value for name, value in vars(options).items() if name not in ("json", "say")}
    print("".join(f"--{name.replace('_', '-')} {value} " for name, value in named.items()), flush=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        outcome = run(_of(options))
    except (ChaosError, TopologyError, UnreadableError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ChaosError) else 1
    except KeyboardInterrupt:
        print("Broken off; everything is cleaned up.", file=sys.stderr)
        return 130
    print(describe(outcome, verbose=options.verbose))
    if options.json:
        options.json.write_text(json.dumps(document(outcome, named), indent=1) + "\n", "utf-8")
    return 0 if is_well(outcome) else 1


def _interrupted(_number: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def is_well(outcome: Outcome) -> bool:
    """Whether everything held."""
    return outcome.findings.is_clean and not outcome.failures


def document(outcome: Outcome, options: dict[str, Any]) -> dict[str, Any]:
    """All of it, as JSON."""
    return {
        "options": options,
        "figures": outcome.figures,
        "findings": vars(outcome.findings),
        "failures": outcome.failures,
        "faults": [
            {
                "kind": one.strike.kind,
                "what": one.strike.what,
                "healed_after_seconds": round(one.strike.ended - one.strike.began, 3),
                "first_good_write_seconds": one.first_good,
                "outage_seconds": one.outage,
                "answers_5xx": one.refused,
                "unanswered": one.unanswered,
                "lost": one.lost,
            }
            for one in outcome.recoveries
        ],
    }


def describe(outcome: Outcome, *, verbose: bool = False) -> str:
    """A report to read."""
    numbers = dict(outcome.figures)
    faults = numbers.pop("faults")
    lines = [f"{name.replace('_', ' '):24}{_plain(value)}" for name, value in numbers.items()]
    lines += [
        "",
        "| fault | struck | first good write, median s | longest s | longest outage s | 5xx | unanswered | lost |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for kind, row in sorted(faults.items()):
        first = row["first_good_write_seconds"]
        cells = [kind, row["struck"], first["median"], first["longest"], row["longest_outage_seconds"]]
        lines.append("| " + " | ".join(map(str, [*cells, row["answers_5xx"], row["unanswered"], row["lost"]])) + " |")
    if verbose:
        lines += ["", "fault        well after  first good     outage   5xx unanswered  lost"]
        lines += [_line(one) for one in outcome.recoveries]
    lines.append("")
    for name, found in vars(outcome.findings).items():
        if name == "lost_ops":
            continue
        lines.append(f"{name:8}{len(found)}")
        lines += [f"    {sentence}" for sentence in found[:_SHOWN]]
    lines += [f"FAILED  {failure}" for failure in outcome.failures]
    return "\n".join(lines)


def _line(one: Recovery) -> str:
    healed = one.strike.ended - one.strike.began
    costs = (
        f"{healed:8.2f} s {one.first_good:9.2f} s {one.outage:8.2f} s {one.refused:5} {one.unanswered:10} {one.lost:5}"
    )
    return f"{one.strike.kind:13}{costs}  {one.strike.what}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count:,}" for name, count in value.items()) or "none"
    return f"{value:,}"


def _of(options: argparse.Namespace) -> Options:
    counts = {
        "store-kill": options.store_kills,
        "store-pause": options.store_pauses,
        "worker-kill": options.worker_kills,
        "failover": options.failovers,
        "slot-move": options.slot_moves,
    }
    return Options(
        topology=options.topology,
        seconds=options.seconds,
        seed=options.seed,
        clients=options.clients,
        workers=options.workers,
        partitions=options.partitions,
        appendonly=not options.no_log,
        appendfsync=options.appendfsync,
        wait_replicas=options.wait_replicas,
        replicas=options.replicas,
        counts=counts,
        ways=options.ways.split(","),
        settings=dict(pair.split("=", 1) for pair in options.set),
        say=lambda text: print(text, flush=True),
    )


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="chaos", description="Lets faults strike a running service and checks that nothing was lost or doubled."
    )
    add = parser.add_argument
    add("--topology", choices=sorted(TOPOLOGIES), default="single", help="of the store (single)")
    add("--seconds", type=float, default=60.0, metavar="S", help="at least; the run lasts until all faults struck (60)")
    add("--seed", type=int, metavar="N", help="of what is submitted and of the faults (drawn, and printed)")
    add("--clients", type=int, default=16, metavar="N", help="that submit at the same time (16)")
    add("--workers", type=int, default=2, metavar="N", help="web processes (2)")
    add("--partitions", type=int, default=1, metavar="P", help="also boards over so many (1: none)")
    add("--replicas", type=int, default=1, metavar="N", help="of the primary behind Sentinels (1)")
    add("--appendfsync", choices=("always", "everysec", "no"), default="always", help="of the stores (always)")
    add("--no-log", action="store_true", help="stores that append no log: to see what the checker says of it")
    add("--wait-replicas", type=int, default=0, metavar="N", help="replicas a write waits for (0)")
    add("--store-kills", type=int, default=0, metavar="N", help="kill -9 of a store's process, which comes back")
    add("--store-pauses", type=int, default=0, metavar="N", help="a store that is stopped for a moment")
    add("--worker-kills", type=int, default=0, metavar="N", help="kill -9 of a web process")
    add("--failovers", type=int, default=0, metavar="N", help="of a primary (sentinel, cluster)")
    add(
        "--ways", default=",".join(WAYS[:3]), help=f"to fail over, by turns: some of {','.join(WAYS)} (the first three)"
    )
    add("--slot-moves", type=int, default=0, metavar="N", help="of boards that are written to (cluster)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the service, such as THREADS=4")
    add("--json", type=Path, metavar="FILE", help="write everything as JSON")
    add("--verbose", action="store_true", help="list every fault that struck")
    options = parser.parse_args(argv)
    if options.seed is None:
        options.seed = secrets.randbelow(1_000_000)
    if options.failovers and options.topology == "single":
        parser.error("--failovers needs --topology sentinel or cluster")
    if options.slot_moves and options.topology != "cluster":
        parser.error("--slot-moves needs --topology cluster")
    if not set(options.ways.split(",")) <= set(WAYS):
        parser.error(f"--ways takes some of {','.join(WAYS)}")
    if any("=" not in pair for pair in options.set):
        parser.error("--set takes NAME=VALUE")
    if min(options.seconds, options.clients, options.workers, options.partitions) <= 0:
        parser.error("--seconds, --clients, --workers and --partitions are above 0")
    return options
