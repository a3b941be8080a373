"""The scheduler as real processes: kept by `serve`, or alone; ended gently, and killed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from leaderboard.archive.database import Database
from leaderboard.archive.job_runs import JobRun, JobRuns
from tests.e2e.processes import end, serving

pytestmark = pytest.mark.long  # real processes and many combinations

SECONDS = 15
ALONE = """
from collections.abc import Mapping
from datetime import UTC
from apscheduler.triggers.interval import IntervalTrigger
from leaderboard import logs
from leaderboard.config import Settings
from scheduler import process
from scheduler.schedule import Job
import sys, time

def work(services, now, run):
    print("begun", flush=True)
    for number in range(3000):
        run.checkpoint()
        time.sleep(0.01)
    return {"pieces": 3000}

settings = Settings.from_env()
logs.configure(settings)
job = Job("slow", IntervalTrigger(seconds=1, timezone=UTC), work, "")
process.run(settings, (job,), until_eof="eof" in sys.argv)
print("ended", flush=True)
"""


def wait_for(check: Callable[[], Any]) -> Any:
    """What `check` says, as soon as it says something."""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {SECONDS} s")


def state(pid: int) -> tuple[str, int, list[str]] | None:
    """Its state, its parent and its command line; None if there is no such process, or it only waits to be reaped."""
    with suppress(FileNotFoundError, ProcessLookupError):
        rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        return None if rest[0] == "Z" else (rest[0], int(rest[1]), command)
    return None


def children(parent: int) -> dict[int, list[str]]:
    """The child processes and their command lines."""
    found = {int(entry.name): state(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return {pid: known[2] for pid, known in found.items() if known and known[1] == parent}


def scheduler_of(serve: int) -> int:
    """The process id of its scheduler, or 0."""
    return next((pid for pid, command in children(serve).items() if "--until-eof" in command), 0)


def files(pid: int) -> list[Path]:
    """What a process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(entry.readlink())
    return found


def last_runs(data_dir: Path) -> dict[str, JobRun]:
    file = data_dir / "leaderboard.sqlite3"
    if not file.exists():
        return {}
    database = Database(sa.create_engine(f"sqlite:///{file}"))
    try:
        return JobRuns(database).last()
    finally:
        database.close()


@contextmanager
def alone(data_dir: Path, url: str | None, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A scheduler with one slow job."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEADERBOARD_")}
    env |= {"LEADERBOARD_DATA_DIR": str(data_dir)} | ({"LEADERBOARD_REDIS_URL": url} if url else {})
    command = [sys.executable, "-c", ALONE, *args]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_serve_keeps_a_scheduler_and_takes_it_along(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1") as (process, _):
        first = wait_for(lambda: scheduler_of(process.pid))
        wait_for(lambda: last_runs(tmp_path))
        os.kill(first, signal.SIGKILL)
        second = wait_for(lambda: scheduler_of(process.pid) not in (0, first) and scheduler_of(process.pid))
        began = time.monotonic()
        end(process, signal.SIGTERM)
        assert time.monotonic() - began < SECONDS
        assert process.returncode == 0
        assert state(first) is None
        assert state(second) is None


def test_with_serve_killed_the_scheduler_ends(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as (process, _):
        child = wait_for(lambda: scheduler_of(process.pid))
        family = children(process.pid)
        life = Path(f"/proc/{child}/fd/0").readlink()
        assert [pid for pid in (process.pid, *family) if life in files(pid)] == [process.pid, child]
        os.kill(process.pid, signal.SIGKILL)
        process.wait(SECONDS)
        wait_for(lambda: state(child) is None)
        for pid in family:
            wait_for(lambda pid=pid: state(pid) is None)


def test_with_the_memory_store_the_worker_runs_the_jobs(tmp_path: Path) -> None:
    with serving(tmp_path, "--store", "memory") as (process, url):
        seal = wait_for(lambda: last_runs(tmp_path).get("seal"))
        assert scheduler_of(process.pid) == 0
        with urllib.request.urlopen(url + "/healthz", timeout=5) as answer:
            assert json.load(answer) == {"status": "ok"}
        (worker,) = children(process.pid)
        assert seal.runner.endswith(f":{worker}")
        end(process)
        assert process.returncode == 0


@pytest.mark.parametrize("how", ["SIGTERM", "eof"])
def test_a_scheduler_ends_between_two_pieces_of_work(tmp_path: Path, valkey_url: str, how: str) -> None:
    with alone(tmp_path, valkey_url, "eof") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "begun\n"
        if how == "eof":
            process.stdin.close()
        else:
            process.terminate()
        assert process.stdout.readline() == "ended\n"
        assert process.wait(SECONDS) == 0
    run = last_runs(tmp_path)["slow"]
    assert run.error == "interrupted: The scheduler is ending."


def test_a_scheduler_waits_for_the_store_and_finds_it(tmp_path: Path) -> None:
    with alone(tmp_path, None) as process:
        assert process.stdout is not None
        with serving(tmp_path, "--workers", "1", "--no-scheduler") as (serve, _):
            assert process.stdout.readline() == "begun\n"
            assert scheduler_of(serve.pid) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


def test_a_scheduler_that_still_waits_ends_too(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "scheduler"],
        env={**os.environ, "LEADERBOARD_DATA_DIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        assert "No store runs" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def test_the_memory_store_has_no_scheduler_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scheduler"],
        env={**os.environ, "LEADERBOARD_DATA_DIR": str(tmp_path), "LEADERBOARD_REDIS_URL": "memory"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The memory store")
