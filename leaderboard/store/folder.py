"""The folder of a private store: where its files are, who has taken it, and the lock that says so."""

import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from leaderboard.errors import ConfigError

SOCKET_PATH_BYTES = 100  # sun_path holds 108 bytes on Linux, 104 on macOS
private_fds: set[int] = set()  # locks and pipes, which must not live on in a forked child


class EmbeddedStoreError(ConfigError):
    """The private store cannot be had; the message is for the person who wanted it."""


@contextmanager
def explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbeddedStoreError(f"The private store cannot use its files: {error}") from error


@dataclass(frozen=True)
class Holder:
    """The text of the lock file: who took the folder. `lasting` is false if it is only for a `borrow`."""

    pid: int = 0
    owner: str = "another process"
    started: str = "just now"
    socket: str = ""
    server_pid: int = 0
    lasting: bool = False


@dataclass(frozen=True)
class EmbeddedPaths:
    """Where the private store of a data folder keeps its files, and who has taken it."""

    folder: Path
    socket: Path
    lock: Path
    log: Path

    @classmethod
    def of(cls, data_dir: Path) -> Self:
        """The absolute paths; nothing is created. A path too long for a socket is replaced by a short one."""
        folder = data_dir.resolve() / "store"
        name = f"leaderboard-{os.geteuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
        bases = (tempfile.gettempdir(), "/tmp")  # noqa: S108 - see `prepare`
        homes = (folder, *(Path(base).absolute() / name for base in bases))
        sockets = [home / "valkey.sock" for home in homes]
        usable = (path for path in sockets if len(os.fsencode(path)) <= SOCKET_PATH_BYTES)
        return cls(folder, next(usable, sockets[-1]), folder / "lock", folder / "valkey.log")

    @explained()
    def take(self) -> int | None:
        """The lock's descriptor, the file's text emptied, the folder made; None if somebody else has it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = flock(self.lock, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX)
        if lock is not None:
            os.ftruncate(lock, 0)
        return lock

    @explained()
    def holder(self) -> Holder | None:
        """Who has taken the folder; None if nobody has."""
        try:
            lock = flock(self.lock, os.O_RDONLY, fcntl.LOCK_SH)
            if lock is None:
                return Holder(**json.loads(self.lock.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # somebody is about to write it
            return Holder()
        close(lock)
        return None

    def taken(self) -> EmbeddedStoreError:
        """The error for a folder that stays somebody else's."""
        holder = self.holder() or Holder()
        return EmbeddedStoreError(
            f"The data folder {self.folder.parent} is in use by {holder.owner} "
            f"(process {holder.pid or 'unknown'}, since {holder.started}; "
            f"its store is process {holder.server_pid or 'unknown'}): end that one, or use another folder."
        )

    def prepare(self) -> None:
        """Clear the way for a server's socket."""
        home = self.socket.parent
        home.mkdir(mode=0o700, exist_ok=True)
        found = home.lstat()  # among everybody's temporary files a stranger's link could lie in wait
        theirs = not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077
        if theirs and home != self.folder:
            raise EmbeddedStoreError(f"{home} must be a folder that only you can enter: remove it first.")
        self.socket.unlink(missing_ok=True)  # left behind by a server that was killed


def flock(path: Path, flags: int, kind: int) -> int | None:
    lock = os.open(path, flags, 0o600)
    private_fds.add(lock)
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError as error:
        close(lock)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return lock


def close(*descriptors: int) -> None:
    for descriptor in private_fds.intersection(descriptors):
        private_fds.discard(descriptor)
        os.close(descriptor)


os.register_at_fork(after_in_child=lambda: close(*private_fds))  # here, so that nobody can forget it
