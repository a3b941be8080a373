"""A TCP proxy that delays, swallows, or cuts what goes through it."""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_CHUNK = 65_536
_LINGER_NONE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Cut:
    """What is to break: connections over which `needle` goes, `times` of them (-1: all)."""

    needle: bytes
    of_request: int | None = None  # bytes of the piece with the needle that still get through; None: all
    of_answer: int | None = None  # bytes of what is answered to it that do; None: all
    times: int = 1
    struck: int = 0


class Proxy:
    """Between clients and a port on this machine; it ends with the block."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self._delay = 0.0
        self._open: set[socket.socket] = set()

    def delay(self, seconds: float) -> None:
        """Every piece of an answer comes so much later."""
        self._delay = seconds

    def swallow(self) -> None:
        """Lets nothing through in either way, until `let_through`; connections stay, and new ones are taken."""
        self._flowing.clear()

    def let_through(self) -> None:
        """Ends every fault; what was swallowed goes on its way."""
        self._delay, self._cut = 0.0, None
        self._flowing.set()

    def cut(self, cut: Cut) -> Cut:
        """Breaks connections from now on."""
        self._cut = cut
        return cut

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._flowing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for one in left:
            _break(one)

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            _break(client)
            return
        link = _Link(client, server)
        for one in (client, server):
            one.settimeout(None)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=self._pump_answers, args=(link,), daemon=True)
        back.start()
        self._pump_requests(link)
        back.join()
        with self._lock:
            self._open -= {client, server}
        for one in (client, server):
            one.close()

    def _pump_requests(self, link: "_Link") -> None:
        with suppress(OSError):
            while data := link.client.recv(_CHUNK):
                self._flowing.wait()
                cut = self._struck_by(data)
                if cut is not None and cut.of_request is not None:
                    link.server.sendall(data[: cut.of_request])
                    link.sever()
                    return
                if cut is not None:
                    link.answer_left = cut.of_answer
                link.server.sendall(data)
        link.end()

    def _pump_answers(self, link: "_Link") -> None:
        with suppress(OSError):
            while data := link.server.recv(_CHUNK):
                self._flowing.wait()
                if self._delay:
                    self._ending.wait(self._delay)
                if link.answer_left is not None:
                    link.client.sendall(data[: link.answer_left])
                    link.answer_left -= min(len(data), link.answer_left)
                    if not link.answer_left:
                        link.sever()
                        return
                    continue
                link.client.sendall(data)
        link.end()

    def _struck_by(self, data: bytes) -> Cut | None:
        with self._lock:
            cut = self._cut
            if cut is None or cut.needle not in data or cut.struck == cut.times:
                return None
            cut.struck += 1
            return cut


@dataclass(slots=True)
class _Link:
    client: socket.socket
    server: socket.socket
    answer_left: int | None = None

    def end(self) -> None:
        for one in (self.client, self.server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def sever(self) -> None:
        """Ends both sides; the server hears of it only after what it was sent."""
        self.end()


def _break(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()
