"""A private PostgreSQL for a test run, from the binaries that this machine has."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def find_binaries() -> Path | None:
    """The folder of initdb and postgres, or None."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def running(binaries: Path) -> Iterator[str]:
    """A server on a Unix socket in a folder of its own; gives its URL. Root runs it as `nobody`, as it must."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="leaderboard-pg-"))
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        initdb = [binaries / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, user=user, cwd=folder, check=True, capture_output=True)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        control = [binaries / "pg_ctl", "-D", data, "-w", "-t", "30", "-l", folder / "log"]
        subprocess.run([*control, "-o", options, "start"], user=user, cwd=folder, check=True, capture_output=True)
        try:
            yield f"postgresql+psycopg://tests@/postgres?host={folder}"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"], user=user, cwd=folder, check=False, capture_output=True
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
