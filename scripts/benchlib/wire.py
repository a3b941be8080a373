"""Many connections from one process, at as little cost as Python allows.

The generator shares the machine with what it measures. So there are no threads and no client library: finished bytes
go out on non-blocking sockets, and of an answer only what tells its end and whether it is good is looked at.
"""

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

Address = str | tuple[str, int]  # a Unix socket's path, or host and port
# (bytes received so far, requests already followed up) -> None: more to come; bytes: to be sent next, for the same
# answer; "": done; any other text: what went wrong
Judge = Callable[[bytes, int], bytes | str | None]
Tally = Callable[[bytes], int]

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_SILENCE_SECONDS = 60.0
_RECEIVE = (
    65_536  # beyond 128 KiB malloc maps and unmaps pages for every recv, which took three times as long as all else
)
_PROBLEM_CODE = re.compile(rb'"code":"(\w+)"')
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_RESP_ERROR = re.compile(rb"(?:\A|\r\n)-([A-Z][^\r]*)")


class NoAnswerError(Exception):
    """The other side fell silent."""


@dataclass
class Sample:
    """What a run saw. Only answers within its time are counted; failures are counted to the last one."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    answered: int = 0  # of them all, also those after the time was over
    tally: int = 0

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def milliseconds(self, percent: float) -> float:
        """The latency that so many percent of the answers did not exceed."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class _Peer:
    """One connection and its outstanding request."""

    __slots__ = ("buffer", "rest", "sent_at", "socket", "step")

    def __init__(self, address: Address) -> None:
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket(socket.AF_INET)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.socket.setblocking(False)  # noqa: FBT003 - the standard library's way
        self.buffer = b""
        self.rest = memoryview(b"")
        self.sent_at = 0.0  # 0: nothing is outstanding
        self.step = 0


class Load:
    """Connections that each send a request, wait for its answer, and send the next."""

    def __init__(
        self, address: Address, connections: int, source: Iterator[bytes], judge: Judge, tally: Tally | None = None
    ) -> None:
        self._address = address
        self._connections = connections
        self._source = source
        self._judge = judge
        self._tally = tally

    def run(self, seconds: float | None) -> Sample:
        """Runs so long, or until the source is exhausted; then waits for the answers still due."""
        self._sample = Sample()
        self._selector = selectors.DefaultSelector()
        self._busy = 0
        peers = [_Peer(self._address) for _ in range(self._connections)]
        try:
            for peer in peers:
                self._selector.register(peer.socket, _READ, peer)
            began = time.perf_counter()
            self._deadline = began + seconds if seconds is not None else float("inf")
            for peer in peers:
                self._next(peer, began)
            self._loop()
            self._sample.seconds = min(time.perf_counter(), self._deadline) - began
        finally:
            for key in list(self._selector.get_map().values()):
                key.data.socket.close()
            self._selector.close()
        return self._sample

    def _loop(self) -> None:
        select, receive = self._selector.select, self._receive
        while self._busy:
            ready = select(_SILENCE_SECONDS)
            if not ready:
                raise NoAnswerError(f"No answer from {self._address} for {_SILENCE_SECONDS:g} seconds.")
            for key, events in ready:
                if events & _WRITE:
                    self._flush(key.data)
                if events & _READ:
                    receive(key.data)

    def _next(self, peer: _Peer, now: float) -> None:
        request = next(self._source, None) if now < self._deadline else None
        if request is None:
            peer.sent_at = 0.0
            return
        self._busy += 1
        peer.sent_at = now
        peer.step = 0
        self._send(peer, request)

    def _send(self, peer: _Peer, request: bytes) -> None:
        try:
            sent = peer.socket.send(request)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the reading end tells
        if sent < len(request):
            peer.rest = memoryview(request)[sent:]
            self._selector.modify(peer.socket, _READ | _WRITE, peer)

    def _flush(self, peer: _Peer) -> None:
        with suppress(BlockingIOError, OSError):
            peer.rest = peer.rest[peer.socket.send(peer.rest) :]
        if not peer.rest:
            self._selector.modify(peer.socket, _READ, peer)

    def _receive(self, peer: _Peer) -> None:
        try:
            data = peer.socket.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._replace(peer)
            return
        if peer.buffer:
            data = peer.buffer + data
        verdict = self._judge(data, peer.step)
        if verdict is None:
            peer.buffer = data
            return
        peer.buffer = b""
        if isinstance(verdict, bytes):
            peer.step += 1
            self._send(peer, verdict)
            return
        self._settle(peer, verdict, data)

    def _settle(self, peer: _Peer, verdict: str, data: bytes) -> None:
        now = time.perf_counter()
        sample = self._sample
        self._busy -= 1
        sample.answered += 1
        if verdict:
            sample.failures[verdict] += 1
        elif now <= self._deadline:
            sample.latencies.append(now - peer.sent_at)
            if self._tally is not None:
                sample.tally += self._tally(data)
        self._next(peer, now)

    def _replace(self, peer: _Peer) -> None:
        """A connection that the other side closed although an answer was due, or nothing was asked."""
        self._selector.unregister(peer.socket)
        peer.socket.close()
        fresh = _Peer(self._address)
        self._selector.register(fresh.socket, _READ, fresh)
        if peer.sent_at:
            self._settle(fresh, "connection closed before the answer", b"")


def http(data: bytes, _step: int) -> str | None:
    """Judges an HTTP/1.1 answer: any 2xx is good."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    length = _LENGTH.search(data, 0, head)
    if length is None:
        return "an answer without Content-Length"
    if len(data) < head + 4 + int(length[1]):
        return None
    if data[9:10] == b"2":
        return ""
    code = _PROBLEM_CODE.search(data, head)
    said = code[1] if code else data[head + 4 : head + 104]
    return f"HTTP {data[9:12].decode()} {said.decode(errors='replace')}"


def resp(lines: int) -> Judge:
    """Judges RESP2 answers that have so many lines together; an error has one, so none may hide among them."""

    def judge(data: bytes, _step: int) -> str | None:
        if b"-" in data and (error := _RESP_ERROR.search(data)):
            return error[1].decode(errors="replace")
        return None if data.count(b"\r\n") < lines else ""

    return judge


def command(*parts: str | bytes | int) -> bytes:
    """A command in RESP."""
    texts = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%b\r\n" % (len(text), text) for text in texts)
