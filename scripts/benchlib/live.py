"""How late those who follow a board are told of a score, and what it costs one worker.

Every submission is a new best, so the first row that a listener is shown tells which of them they have been told of by
then. A delay is from sending a submission to having read the event that shows it, or one that shows a later one: scores
that fall between two looks are told of together. Listeners and submitter are one process on the same machine.
"""

import argparse
import asyncio
import re
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchlib import machine
from benchlib.service import GAME, Service, home

_BEST = re.compile(rb'"rank":1,"player":"[^"]*","score":(\d+)')
_PLAYERS = 5000
_JOINING = 50  # listeners that connect at the same time
_SETTLE_SECONDS = 5.0
_CONNECTIONS = 16  # of the submitter


@dataclass
class Measured:
    """What the listeners saw."""

    sent: "array[float]" = field(default_factory=lambda: array("d"))  # when the submission with that score was
    delays: "array[float]" = field(default_factory=lambda: array("d"))  # of every submission, for some of the listeners
    worst: "array[float]" = field(default_factory=lambda: array("d"))  # of every event, for all of them: its oldest
    events: int = 0
    bytes: int = 0
    refused: int = 0
    is_on: bool = False


class _Listener:
    """One of them: reads, and takes note of what it is told."""

    def __init__(self, service: Service, measured: Measured, *, is_whole: bool) -> None:
        self._service = service
        self._measured = measured
        self._is_whole = is_whole
        self._shown = 0
        self.joined = asyncio.Event()

    async def run(self, board: str) -> None:
        reader, writer = await asyncio.open_connection(self._service.host, self._service.port)
        writer.write(
            f"GET /v1/boards/{board}/stream?limit=10 HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {self._service.key}\r\n\r\n".encode()
        )
        try:
            while data := await reader.read(65536):
                self._note(data, time.perf_counter())
                self.joined.set()
        finally:
            writer.close()

    def _note(self, data: bytes, now: float) -> None:
        measured = self._measured
        found = _BEST.findall(data)
        if not found:
            return
        before, self._shown = self._shown, int(found[-1])
        if not measured.is_on or not before:
            return
        measured.events += 1
        measured.bytes += len(data)
        if before < len(measured.sent) and before < self._shown:
            measured.worst.append(now - measured.sent[before])
        if self._is_whole:
            for number in range(before, min(self._shown, len(measured.sent))):
                measured.delays.append(now - measured.sent[number])


async def _submit(service: Service, board: str, rate: float, seconds: float, measured: Measured) -> None:
    """Sends submissions at an even pace, whatever the answers take."""
    ways = [await asyncio.open_connection(service.host, service.port) for _ in range(_CONNECTIONS)]
    readers = [asyncio.create_task(_answers(reader, measured)) for reader, _ in ways]
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        ahead = began + number / rate - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        body = b'{"player":"p%d","score":%d}' % (number % _PLAYERS, len(measured.sent) + 1)
        head = (
            f"POST /v1/boards/{board}/scores?ranks=none HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {service.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        measured.sent.append(time.perf_counter())
        ways[number % _CONNECTIONS][1].write(head.encode() + body)
    await asyncio.sleep(1.0)
    for task in readers:
        task.cancel()


async def _answers(reader: asyncio.StreamReader, measured: Measured) -> None:
    while data := await reader.read(65536):
        measured.refused += data.count(b"HTTP/1.1 ") - data.count(b"HTTP/1.1 200")


def main() -> int:
    """Exit status 1 where something was refused or a listener was lost."""
    parser = argparse.ArgumentParser(prog="bench-live", description=__doc__)
    parser.add_argument("--listeners", type=int, default=1000, metavar="N", help="on the one worker (1000)")
    parser.add_argument("--rate", type=float, default=500.0, metavar="N", help="submissions a second (500)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="(60)")
    options = parser.parse_args()
    for warning in machine.unrest():
        print(f"NOT A QUIET MACHINE: {warning}")
    with home() as place:
        service = place.start(1, {})
        return uvloop.run(_measure(service, options))


async def _measure(service: Service, options: argparse.Namespace) -> int:
    board = "race"
    service.call("PUT", f"/boards/{board}", {"periods": ["all", "day"]})
    measured = Measured()
    before = _memory(service)
    listeners = [_Listener(service, measured, is_whole=number % 20 == 0) for number in range(options.listeners)]
    tasks = []
    for start in range(0, len(listeners), _JOINING):
        some = listeners[start : start + _JOINING]
        tasks += [asyncio.create_task(one.run(board)) for one in some]
        await asyncio.gather(*(one.joined.wait() for one in some))
    print(f"{len(listeners)} listeners; {(_memory(service) - before) / max(1, len(listeners)):.1f} KiB each")
    await _submit(service, board, options.rate, _SETTLE_SECONDS, measured)
    measured.is_on = True
    groups = {"worker": service.workers(), "store": [int(service.store().info("server")["process_id"])]}
    meter, began = machine.Meter(groups), time.perf_counter()
    await _submit(service, board, options.rate, options.seconds, measured)
    _, percent = meter.read()
    lost = sum(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    _print(measured, percent, time.perf_counter() - began)
    print(f"refused: {measured.refused}, listeners lost: {lost}, memory: {_memory(service) / 1024:.0f} MiB ({GAME})")
    return 1 if measured.refused or lost else 0


def _print(measured: Measured, percent: dict[str, float], seconds: float) -> None:
    print("| what | p50 | p90 | p99 | most |")
    print("|---|---|---|---|---|")
    rows = (("delay of a submission, ms", measured.delays), ("the longest in each event, ms", measured.worst))
    for name, values in rows:
        shown = " | ".join(f"{1000 * _part(sorted(values), part):.0f}" for part in (0.5, 0.9, 0.99, 1.0))
        print(f"| {name} | {shown} |")
    print(f"events: {measured.events / seconds:,.0f} a second, {measured.bytes / seconds / 1e6:.2f} MB a second")
    print("CPU, percent of a core: " + ", ".join(f"{name} {value:.0f}" for name, value in percent.items()))


def _part(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def _memory(service: Service) -> float:
    """KiB that the workers take."""
    total = 0.0
    for pid in service.workers():
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8"), re.MULTILINE)
        total += float(found[1]) if found else 0.0
    return total


if __name__ == "__main__":
    sys.exit(main())
