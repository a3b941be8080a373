"""The scheduler that `serve` keeps: a child process, or with the memory store threads of the one web worker."""

import os
import site
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog

import scheduler
from leaderboard.config import PREFIX, Settings
from leaderboard.services import Services
from leaderboard.store.folder import close, private_fds

if TYPE_CHECKING:
    from scheduler.clockwork import Clockwork

_WATCH_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_STEADY_SECONDS = 60.0  # one that lived that long did not die of its start
_END_SECONDS = 10.0  # until a job has come to its next checkpoint
_log = structlog.get_logger(__name__)


class SchedulerProcess:
    """`python -m scheduler`, started again should it die on its own; it ends with the block, gently.

    Its stdin is a pipe that only this process can write to: when that closes, for whatever reason, it ends itself.
    It has a session of its own, so that Ctrl-C reaches this process alone, which stops its web workers first.
    """

    def __init__(self, settings: Settings) -> None:
        self._env = environment(settings)
        self._ending = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._starter = os.getpid()
        self._spawn()
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._starter:  # a worker leaves this block too, on its way out
            self._child.returncode = 0  # or subprocess would warn of a running child
            return
        self._ending.set()
        with self._lock:
            self._let_go()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_END_SECONDS)
            return
        _log.error("the scheduler does not end; killing it")
        self._child.kill()
        self._child.wait()

    def _spawn(self) -> None:
        end, self._life = os.pipe()
        private_fds.add(self._life)
        try:
            # -P: whatever is called `scheduler` in the current folder is not meant.
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "scheduler", "--until-eof"],
                stdin=end, env=self._env, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(end)
        self._since = time.monotonic()

    def _let_go(self) -> None:
        life, self._life = self._life, -1
        close(life)

    def _watch(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._ending.wait(_WATCH_SECONDS):
            if self._child.poll() is None:
                continue
            if time.monotonic() - self._since > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            _log.error("the scheduler died; starting it again", pause_seconds=pause)
            self._ending.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self._respawn()

    def _respawn(self) -> None:
        with self._lock:
            if self._ending.is_set():
                return
            self._let_go()
            try:
                self._spawn()
            except OSError as error:
                _log.error("the scheduler cannot be started", reason=str(error))


class SchedulerThreads:
    """The jobs inside the process that has the memory store."""

    def __init__(self) -> None:
        self._clockwork: Clockwork | None = None

    def begin(self, services: Services) -> None:
        """To be called in the web worker, after the fork."""
        from scheduler.clockwork import Clockwork  # noqa: PLC0415 - slow to import, seldom needed
        from scheduler.schedule import JOBS  # noqa: PLC0415

        self._clockwork = Clockwork(services, JOBS)
        self._clockwork.start()

    def end(self) -> None:
        """Returns when every job has come to its next checkpoint."""
        if self._clockwork is not None:
            self._clockwork.stop()
            self._clockwork = None


def environment(settings: Settings) -> dict[str, str]:
    """The environment for a child, in which these settings are what it reads."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value is not None:
            env[PREFIX + field.name.upper()] = str(value)
    root = str(Path(scheduler.__file__).parents[1])
    if root not in site.getsitepackages():  # a checkout that is not installed, and run from its folder
        env["PYTHONPATH"] = os.pathsep.join([*filter(None, [env.get("PYTHONPATH")]), root])
    return env
