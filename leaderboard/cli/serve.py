"""`leaderboard serve`: the store, the scheduler, the web workers and, when it is ready, one line that says where."""

import multiprocessing
import os
import signal
import threading
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import structlog
from gunicorn.app.base import BaseApplication

from leaderboard import logs, metrics, tracing
from leaderboard.config import Settings
from leaderboard.errors import Unavailable
from leaderboard.store.embedded import EmbeddedStore
from leaderboard.store.folder import EmbeddedStoreError
from leaderboard.store.folding import fold

_READY_SECONDS = 330.0
_POLL_SECONDS = 0.05
_WATCH_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0  # between two attempts to start a store that cannot be
_log = structlog.get_logger(__name__)


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="0 for any that is free.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 256), help="Web processes.  [default: one a core]")
@click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the embedded store and SQLite."
)
@click.option(
    "--store", help="URL of a Valkey or Redis, or 'memory'; by default an embedded Valkey in the data folder."
)
@click.option("--database-url", help="SQLAlchemy URL to use instead of SQLite in the data folder.")
@click.option("--demo", is_flag=True, help="Load the sample results once it is ready, and print what to try.")
@click.option("--no-scheduler", is_flag=True, help="Run no jobs here; 'python -m scheduler' does it elsewhere.")
def serve(
    host: str | None,
    port: int | None,
    workers: int | None,
    data_dir: Path | None,
    store: str | None,
    database_url: str | None,
    demo: bool,
    no_scheduler: bool,
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
    tracing.check(settings)
    if settings.redis_url is not None:
        _run(settings, demo=demo, scheduler=not no_scheduler)
        return
    with _Kept(settings.data_dir) as url:
        _run(settings.with_changes(redis_url=url), demo=demo, scheduler=not no_scheduler)


class _Kept:
    """The embedded store, started again should it die on its own."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._ending = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> str:
        self._store = EmbeddedStore.start(self._data_dir, owner="leaderboard serve", meanwhile=_import_app)
        self._starter = os.getpid()
        threading.Thread(target=self._watch, daemon=True).start()
        return self._store.url

    def __exit__(self, *_: object) -> None:
        if os.getpid() == self._starter:  # a worker leaves this block too, on its way out
            self._ending.set()
            with self._lock:
                if self._store.is_running():
                    fold(self._store.url)
                self._store.stop()

    def _watch(self) -> None:
        pause = _WATCH_SECONDS
        while not self._ending.wait(pause):
            with self._lock:
                if not self._ending.is_set():
                    pause = _WATCH_SECONDS if self._is_there() else min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _is_there(self) -> bool:
        """Whether it runs, if need be anew."""
        try:
            if not self._store.is_running():
                _log.error("the store died; starting it again")
                self._store.stop()
                self._store = EmbeddedStore.start(self._data_dir, owner="leaderboard serve")
        except (EmbeddedStoreError, OSError) as error:  # whatever it is, it may be over the next time
            _log.error("the store cannot be started", reason=str(error))
            return False
        return True


def _import_app() -> None:
    """What the workers need, imported before they are forked, while the store reads its data."""
    metrics.prepare_processes()
    import_module("leaderboard.app")
    import_module("leaderboard.serving.worker")
    import_module("leaderboard.cli.children")


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn in this process, configured from our settings; the app is made in each worker."""

    def __init__(self, settings: Settings, *, demo: bool, jobs: Any = None) -> None:
        self._settings = settings
        self._demo = demo
        self._jobs = jobs
        super().__init__()

    def load_config(self) -> None:
        from leaderboard.serving import options  # noqa: PLC0415

        for name, value in options.of(self._settings).items():
            self.cfg.set(name, value)
        self.cfg.set("when_ready", _end_gracefully_on_ctrl_c)
        self.cfg.set("post_worker_init", partial(_begin_worker, demo=self._demo, jobs=self._jobs))
        self.cfg.set("worker_exit", partial(_end_worker, jobs=self._jobs))

    def load(self) -> Any:
        from leaderboard.app import create_app  # noqa: PLC0415 - in the worker, after the fork

        return create_app(self._settings)


def _run(settings: Settings, *, demo: bool, scheduler: bool) -> None:
    from leaderboard.archive.database import Database  # noqa: PLC0415 - the store is to be started first
    from leaderboard.cli.children import SchedulerProcess, SchedulerThreads  # noqa: PLC0415

    Database.connect(settings).close()  # migrated once, before the workers come
    if not scheduler:
        _Gunicorn(settings, demo=demo).run()
    elif settings.in_memory:
        _Gunicorn(settings, demo=demo, jobs=SchedulerThreads()).run()
    else:
        with SchedulerProcess(settings):
            _Gunicorn(settings, demo=demo).run()


def _end_gracefully_on_ctrl_c(_arbiter: Any) -> None:
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def _begin_worker(worker: Any, *, demo: bool, jobs: Any) -> None:
    # A terminal sends Ctrl-C to every process; the workers end when the arbiter says so, their requests finished. Then
    # nobody else is to take over, so there is nothing to wait for.
    signal.signal(signal.SIGINT, lambda *_: setattr(worker, "drain_seconds", 0.0))
    if jobs is not None:
        jobs.begin(worker.wsgi.extensions["leaderboard"])
    if worker.age == 1:
        threading.Thread(target=_announce, args=(worker, demo), daemon=True).start()


def _end_worker(_arbiter: Any, _worker: Any, *, jobs: Any) -> None:
    if jobs is not None:
        jobs.end()


def _announce(worker: Any, demo: bool) -> None:
    """Says the one line as soon as both stores answer."""
    address = worker.sockets[0].getsockname()
    host = "127.0.0.1" if address[0] in ("0.0.0.0", "::") else address[0]  # noqa: S104 - compared, not bound
    services = worker.wsgi.extensions["leaderboard"]
    for _ in range(int(_READY_SECONDS / _POLL_SECONDS)):
        try:
            services.store.ping()
            services.database.ping()
        except Unavailable:
            time.sleep(_POLL_SECONDS)
        else:
            url = f"http://{f'[{host}]' if ':' in host else host}:{address[1]}"
            click.echo(f"Ready: {url}")
            if demo:
                from leaderboard.cli.demo import load_sample  # noqa: PLC0415

                click.echo(load_sample(services, url))
            return
    _log.error("the stores do not answer")
