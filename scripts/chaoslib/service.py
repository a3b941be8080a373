"""The service as it runs in production: gunicorn over a store of its own, its workers fair game."""

import os
import random
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from chaoslib.client import Target
from leaderboard.config import PREFIX
from tests.topologies import HOST, Guard, TopologyError, free_ports, until

GAME = "chaos"
_TRACE = 6_000  # characters
_ERROR = re.compile(r"[\w.]*(Error|Exception|Unavailable|Timeout)\b")
ROOT = Path(__file__).resolve().parents[2]


class Service:
    """gunicorn with some workers; it ends with the guard."""

    def __init__(self, guard: Guard, folder: Path, settings: Mapping[str, str], workers: int) -> None:
        """`settings` are the service's, as in the environment but without their prefix. Returns when it is ready."""
        (self.port,) = free_ports(1)
        self._log = folder / "service.log"
        data = folder / "data"
        data.mkdir()
        given = {"DATA_DIR": str(data), "HOST": HOST, "PORT": str(self.port), "WORKERS": str(workers), **settings}
        others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._env = others | {PREFIX + name: value for name, value in given.items()} | {"PYTHONPATH": str(ROOT)}
        self._workers = workers
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "scripts" / "gunicorn.conf.py"), "wsgi:app"]
        self._process = guard.start(command, self._log, cwd=ROOT, env=self._env)
        self.await_ready(60)
        self.target = Target(HOST, self.port, self._make_key())

    def await_ready(self, seconds: float) -> None:
        """Waits until it says so, with all its workers. Raises TopologyError."""
        until(lambda: self.is_ready() and len(self.workers()) == self._workers, seconds, self.tail)

    def is_ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{self.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def workers(self) -> list[int]:
        """The web processes' ids."""
        with suppress(OSError):
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("ascii")
            return [int(pid) for pid in children.split()]
        return []

    def kill_worker(self, dice: random.Random, seconds: float) -> int:
        """Kills one and waits for the next in its place; the id of the dead. Raises TopologyError."""
        until(lambda: len(self.workers()) == self._workers, seconds, self.tail)
        victim = dice.choice(self.workers())
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in self.workers() and len(self.workers()) == self._workers, seconds, self.tail)
        return victim

    def stop(self) -> None:
        """Ends it in order."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)

    def tail(self) -> str:
        """What it said last."""
        with suppress(OSError):
            return self._log.read_text("utf-8", "replace")[-3000:]
        return ""

    def complaints(self) -> list[str]:
        """The faults of its own that its log tells of: each kind once, with how often."""
        kinds: dict[str, list[str]] = {}
        with suppress(OSError):
            text = self._log.read_text("utf-8", "replace")
            for trace in text.split("Traceback (most recent call last)")[1:]:
                told = trace.replace("\\n", "\n")[:_TRACE].strip()
                errors = [line for line in told.splitlines() if _ERROR.match(line)]
                kinds.setdefault(errors[0][:200] if errors else told[:200], []).append(told)
        return [f"{len(found)} x {kind}\n{found[0]}" for kind, found in kinds.items()]

    def _make_key(self) -> str:
        made = subprocess.run(
            [sys.executable, "-m", "leaderboard.cli.main", "keys", "create", GAME],
            capture_output=True, text=True, check=False, env=self._env, cwd=ROOT, timeout=60,
        )  # fmt: skip
        if made.returncode:
            raise TopologyError(f"no key was made: {made.stderr}")
        return made.stdout.strip()
