"""The same players on boards of 1, 4 and 16 parts, each on a service of its own: what everything takes, as a table.

Latencies are of one connection, so that nothing waits for anything else; rates are of many. Every read of percentiles
and distributions comes behind a submission, or it would be an answer that was kept.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

from benchlib import machine
from benchlib.cases import Requests, applied, forever
from benchlib.players import Players
from benchlib.service import BOARD, GAME, Service, running
from benchlib.wire import Load, Sample, http
from leaderboard.boards import cursors
from leaderboard.boards.definition import Board
from leaderboard.store.keys import BoardKeys

_LOADERS = 8
_SETTINGS = {"READ_STALENESS_MS": "0"}
_Row = tuple[str, str]


def main() -> int:
    """Exit status 0."""
    parser = argparse.ArgumentParser(prog="bench-partitions", description=__doc__)
    parser.add_argument("--players", type=int, default=1_000_000, metavar="N", help="on the board (1000000)")
    parser.add_argument("--partitions", default="1,4,16", metavar="P,P", help="how many parts to compare (1,4,16)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="of each measurement (5)")
    parser.add_argument("--connections", type=int, default=32, metavar="N", help="of those with many (32)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="(2)")
    options = parser.parse_args()
    columns = []
    for warning in machine.unrest():
        print(f"NOT A QUIET MACHINE: {warning}", file=sys.stderr)
    for parts in options.partitions.split(","):
        with running(options.workers, _SETTINGS) as service:
            columns.append(list(_Bench(options, service, int(parts)).rows()))
    print(f"{options.players:,} players, {options.workers} workers; milliseconds: median (99 %)\n")
    print("| | " + " | ".join(f"P = {parts}" for parts in options.partitions.split(",")) + " |")
    print("|---|" + "---:|" * len(columns))
    for rows in zip(*columns, strict=True):
        print(f"| {rows[0][0]} | " + " | ".join(figure for _, figure in rows) + " |")
    return 0


class _Bench:
    def __init__(self, options: argparse.Namespace, service: Service, parts: int) -> None:
        self._options, self._service, self._parts = options, service, parts
        self._address = (service.host, service.port)
        self._requests = Requests(f"{service.host}:{service.port}", service.key, BOARD)
        self._players = Players(options.players)

    def rows(self) -> Iterator[_Row]:
        """What is measured, and its figure."""
        self._service.call("PUT", f"/boards/{BOARD}", {"periods": ["all", "day"], "partitions": self._parts})
        before, began = self._memory(), time.perf_counter()
        self._run(_LOADERS, self._requests.everybody(self._players), None, applied)
        seconds = time.perf_counter() - began
        yield "bulk load, items/s", f"{self._players.count / seconds:,.0f}"
        yield "memory, bytes a player", f"{(self._memory() - before) / self._players.count:.0f}"
        many, get, players = self._options.connections, self._requests.get, self._players
        yield "bulk of few improvements, items/s", self._rate(many, self._requests.bulks(players), 1000)
        for name, source in (
            ("submit with ranks", self._requests.submits(players)),
            ("submit without ranks", self._requests.submits(players, "?ranks=none")),
            ("submit, Idempotency-Key", self._requests.marked_submits(players)),
            ("top 10", forever(get("top?limit=10"))),
            ("top 1000", forever(get("top?limit=1000"))),
            ("page of 10, deep", forever(self._deep_page())),
            ("player", self._requests.players(players, "")),
            ("player, 11 around", self._requests.players(players, "?around=11")),
            ("rank of a score", forever(get(f"rank?score={players.best[0]}"))),
        ):
            yield name, self._latency(source)
        yield "submit with ranks, 1/s", self._rate(many, self._requests.submits(players))
        yield "player, 1/s", self._rate(many, self._requests.players(players, ""))
        for name, read in (("percentile", "percentile?p=50"), ("distribution", "distribution?bins=20")):
            yield name, self._latency(self._made_anew(get(read)), lambda latencies: latencies[1::2])

    def _made_anew(self, read: bytes) -> Iterator[bytes]:
        """Reads, each behind a submission that surely moves somebody."""
        for number in itertools.count(1):
            yield self._requests.lines([(number % self._players.count, 2_000_000_000 + number)])
            yield read

    def _deep_page(self) -> bytes:
        """The page behind the middle of the board, which nobody may ask for by its number."""
        middle = Fraction(int(self._service.call("GET", f"/boards/{BOARD}/percentile?p=50")["score"]))
        rev, text = self._service.store().hmget(BoardKeys(GAME, BOARD).meta, ["rev", "def"])
        board = Board.parse(GAME, BOARD, rev.decode(), text)
        first, _ = board.ordering.span(middle, middle) or (0.0, 0.0)
        cursor = cursors.write(board.born, board.named("all"), repr(first).encode(), b"player-")
        return self._requests.get(f"top?limit=10&cursor={cursor}")

    def _latency(
        self, source: Iterator[bytes], which: Callable[[list[float]], list[float]] = lambda latencies: latencies
    ) -> str:
        sample = self._run(1, source, self._options.seconds)
        sample.latencies = which(sample.latencies)
        return f"{sample.milliseconds(50):.2f} ({sample.milliseconds(99):.2f})"

    def _rate(self, connections: int, source: Iterator[bytes], items: int = 1) -> str:
        return f"{self._run(connections, source, self._options.seconds).per_second * items:,.0f}"

    def _run(
        self,
        connections: int,
        source: Iterator[bytes],
        seconds: float | None,
        tally: Callable[[bytes], int] | None = None,
    ) -> Sample:
        sample = Load(self._address, connections, source, http, tally).run(seconds)
        if sample.failures:
            raise SystemExit(f"Something failed: {dict(sample.failures)}")
        return sample

    def _memory(self) -> int:
        return int(self._service.store().info("memory")["used_memory"])
