"""A private Valkey on a port of its own, that can be killed, paused, filled, and started again."""

import os
import resource
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

import redis

from leaderboard.store.embedded import find_server
from tests.faults.waiting import wait_for
from tests.topologies import free_ports

START_SECONDS = 30
# What was answered is on the disk: with less, a kill may lose what no test could tell from a fault of the service.
_OPTIONS = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]


class StoreServer:
    """The server; it ends with the block."""

    def __init__(self, folder: Path, *options: str) -> None:
        """`options` of valkey-server, which come after those that are always given."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        (self.port,) = free_ports(1)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self, *options: str, ready: bool = True) -> Self:
        """`ready`: return once it has read its data, else once it listens."""
        given = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *_OPTIONS]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(find_server()), *given, *self._options, *options],
                stdout=log, stderr=log, start_new_session=True, preexec_fn=_let_files_be_limited,  # noqa: PLW1509 - calls nothing that could hold a lock
            )  # fmt: skip
        try:
            wait_for(self.is_ready if ready else self.is_listening, START_SECONDS, "the store to start")
        except BaseException:
            self.kill()
            raise
        return self

    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, socket_timeout=5)

    def is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        with suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def is_listening(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        """As a crash does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(START_SECONDS)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def limit_files(self, size: int) -> None:
        """No file of it grows beyond so many bytes any more: as a full disk, for a process that may not mount one."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    @property
    def log_bytes(self) -> int:
        """The size of the largest file of its append-only log."""
        return max((one.stat().st_size for one in self.folder.rglob("*.aof")), default=0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


def _let_files_be_limited() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that a write beyond the limit is an error, and not the end
