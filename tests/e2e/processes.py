"""Running the real thing: `leaderboard` as a person would, each process in a group of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

COMMAND = [sys.executable, "-m", "leaderboard.cli.main"]
READY_SECONDS = 60


def run(data_dir: Path, *args: str, check: bool = True, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    done = subprocess.run(
        [*COMMAND, *args], env=_env(data_dir), input=stdin, capture_output=True, timeout=120, check=False
    )
    result = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert not check or result.returncode == 0, result.stderr
    return result


def begin(data_dir: Path, *args: str, drain_seconds: float = 0) -> subprocess.Popen[str]:
    """One command, left running."""
    return subprocess.Popen(
        [*COMMAND, *args],
        env={**_env(data_dir), "LEADERBOARD_DRAIN_SECONDS": str(drain_seconds)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def serving(data_dir: Path, *args: str, drain_seconds: float = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`leaderboard serve` on a free port: the process and its address, once it is ready."""
    process = begin(data_dir, "serve", "--port", "0", *args, drain_seconds=drain_seconds)
    try:
        yield process, await_ready(process)
    finally:
        end(process)


def await_ready(process: subprocess.Popen[str]) -> str:
    """Reads what `serve` says until it says where it listens."""
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith("Ready: "):
            return line.removeprefix("Ready: ").strip()
    raise AssertionError("serve ended: " + "".join(said))


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
    """Ends a process and all it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    try:
        process.wait(30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdout is not None:
            process.stdout.close()


def _env(data_dir: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LEADERBOARD_")}
    return {**clean, "LEADERBOARD_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
