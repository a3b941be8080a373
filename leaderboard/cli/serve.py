"""`leaderboard serve`: the store, the web workers and, when it is ready, one line that says where."""

import multiprocessing
import os
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click
from gunicorn.app.base import BaseApplication

from leaderboard import gunicorn_options, logs
from leaderboard.archive.database import Database
from leaderboard.cli.context import say
from leaderboard.config import PREFIX, Settings
from leaderboard.store.embedded import EmbeddedStore

_READY_SECONDS = 330.0
_POLL_SECONDS = 0.05


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="0 for any that is free.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 256), help="Web processes.  [default: one a core]")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the embedded store and SQLite.")
@click.option("--store", help="URL of a Valkey or Redis, or 'memory'; by default an embedded Valkey in the data folder.")
@click.option("--database-url", help="SQLAlchemy URL to use instead of SQLite in the data folder.")
def serve(
    host: str | None,
    port: int | None,
    workers: int | None,
    data_dir: Path | None,
    store: str | None,
    database_url: str | None,
) -> None:
    """Run the service until Ctrl-C."""
    settings = Settings.from_env().with_changes(
        host=host, port=port, workers=workers, data_dir=data_dir, redis_url=store, database_url=database_url
    )
    if settings.in_memory:
        settings = settings.with_changes(workers=1)  # there is one memory, so one process
    elif settings.workers == 0:
        settings = settings.with_changes(workers=multiprocessing.cpu_count())
    logs.configure(settings)
    if settings.redis_url is not None:
        _run(settings)
        return
    with EmbeddedStore.start(settings.data_dir, owner="leaderboard serve") as embedded:
        _run(settings.with_changes(redis_url=embedded.url))


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn in this process, configured from our settings; the app is made in each worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in gunicorn_options.of(self._settings).items():
            self.cfg.set(name, value)
        self.cfg.set("when_ready", lambda arbiter: _announce_when_ready(arbiter))

    def load(self) -> Any:
        from leaderboard.app import create_app  # noqa: PLC0415 - in the worker, after the fork

        return create_app(self._settings)


def _run(settings: Settings) -> None:
    Database.connect(settings).close()  # migrated once, before the workers come
    os.environ[PREFIX + "DATA_DIR"] = str(settings.data_dir)
    _Gunicorn(settings).run()


def _announce_when_ready(arbiter: Any) -> None:
    """Says the one line as soon as a worker answers that both stores do."""
    address = arbiter.LISTENERS[0].sock.getsockname()
    host = "127.0.0.1" if address[0] in ("0.0.0.0", "::") else address[0]  # noqa: S104 - compared, not bound
    url = f"http://{f'[{host}]' if ':' in host else host}:{address[1]}"

    def wait() -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
                    if answer.status == 200:
                        click.echo(f"Ready: {url}")
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(_POLL_SECONDS)
        say(f"Listening at {url}, but the stores do not answer; see the log.")

    threading.Thread(target=wait, daemon=True).start()
