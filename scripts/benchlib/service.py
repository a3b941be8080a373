"""The service as a user starts it, in a folder of its own that goes when it goes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

import redis

from leaderboard.config import PREFIX
from leaderboard.store.embedded import running_url

GAME, BOARD = "bench", "main"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOP_SECONDS = 60.0


class ServiceError(Exception):
    """The service did not do as it should; the message is for the person at the screen."""


@dataclass(frozen=True)
class Service:
    """A running service: where it listens, its key, its store, its processes, and how long it took to start."""

    host: str
    port: int
    key: str
    socket: str
    pid: int
    start_seconds: float  # from the command to its line `Ready`

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request outside of all measuring."""
        request = urllib.request.Request(
            f"http://{self.host}:{self.port}/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                "Cache-Control": "no-cache",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
            return json.load(answer)

    def store(self) -> Any:
        """A client of the service's own store."""
        return redis.Redis(unix_socket_path=self.socket, protocol=2)

    def workers(self) -> list[int]:
        """The web processes' ids; [] where there is no /proc."""
        return [int(pid) for pid in _read(f"/proc/{self.pid}/task/{self.pid}/children").split() if _is_worker(pid)]


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text("utf-8", "replace")
    return ""


def _is_worker(pid: str) -> bool:
    # The store's watcher is a child too; workers are forks, so they bear the command line of their parent.
    return "\0serve\0" in _read(f"/proc/{pid}/cmdline")


class Home:
    """A data folder, and the service that runs on it: one at a time, started as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[str] | None = None
        self._key = ""

    def start(self, workers: int, settings: Mapping[str, str]) -> Service:
        """`settings` are the service's, as in the environment but without their prefix. Raises ServiceError."""
        self.stop()
        env, began = _env(settings), time.perf_counter()
        with self._log.open("ab") as log, _undisturbed():
            self._process = _start(self._data, workers, env, log)
        host, port = self._await_ready(self._process)
        seconds = time.perf_counter() - began
        url = running_url(self._data)
        if url is None:
            raise ServiceError("The service runs, but its store is nowhere to be found.")
        key = self._key = self._key or self._make_key(env)
        return Service(host, port, key, unquote(url.removeprefix("unix://")), self._process.pid, seconds)

    def stop(self) -> None:
        """Ends the service that runs, if one does."""
        if self._process is not None:
            _stop(self._process)
            self._process = None

    def explain(self) -> str | None:
        """What the service said at last, if it has ended by itself."""
        ended = self._process is not None and self._process.poll() is not None
        return f"The service has ended:\n{self._tail()}" if ended else None

    def _await_ready(self, process: "subprocess.Popen[str]") -> tuple[str, int]:
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        for line in process.stdout:
            if line.startswith("Ready: "):
                host, _, port = line.split("//")[1].strip().rpartition(":")
                return host, int(port)
        raise ServiceError(f"The service did not start:\n{self._tail()}")

    def _make_key(self, env: dict[str, str]) -> str:
        made = subprocess.run(
            [_leaderboard(), "keys", "create", GAME, "--data-dir", str(self._data)],
            capture_output=True, text=True, check=False, env=env,
        )  # fmt: skip
        if made.returncode:
            raise ServiceError(f"No key was made:\n{made.stderr}")
        return made.stdout.strip()

    def _tail(self) -> str:
        return _read(str(self._log))[-2000:]


@contextmanager
def home() -> Iterator[Home]:
    """A fresh data folder; its service ends and it is removed whatever happens."""
    with tempfile.TemporaryDirectory(prefix="leaderboard-bench-", ignore_cleanup_errors=True) as folder:
        place = Home(Path(folder))
        try:
            yield place
        except (OSError, redis.RedisError) as error:
            why = place.explain()
            if why is not None:
                raise ServiceError(why) from error
            raise
        finally:
            place.stop()


@contextmanager
def running(workers: int, settings: Mapping[str, str]) -> Iterator[Service]:
    """A service with a fresh data folder, which goes with it."""
    with home() as place:
        yield place.start(workers, settings)


def _start(data: Path, workers: int, env: dict[str, str], log: IO[bytes]) -> "subprocess.Popen[str]":
    # A session of its own: Ctrl-C reaches this script alone, which then ends the service in order.
    command = ["serve", "--port", "0", "--workers", str(workers), "--data-dir", str(data)]
    return subprocess.Popen(
        [_leaderboard(), *command], stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True, env=env
    )


def _stop(process: "subprocess.Popen[str]") -> None:
    with _undisturbed():
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what is left of it; its store follows by itself
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Puts off Ctrl-C and its like to the end of the block."""
    seen: list[int] = []
    before = {number: signal.signal(number, lambda number, _: seen.append(number)) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if seen:
        signal.raise_signal(seen[0])


def _leaderboard() -> str:
    return str(Path(sys.executable).with_name("leaderboard"))


def _env(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment with these settings of the service, and none of the caller's own."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    # Nobody is to be told that a worker ends.
    return others | {PREFIX + name: value for name, value in {"DRAIN_SECONDS": "0", **settings}.items()}
