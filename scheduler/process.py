"""A scheduler as a process of its own."""

import os
import signal
import threading
import time
from collections.abc import Sequence

import structlog

from leaderboard import tracing
from leaderboard.config import Settings
from leaderboard.errors import ConfigError, Unavailable
from leaderboard.services import Services, build
from leaderboard.store.embedded import running_url
from scheduler.clockwork import Clockwork
from scheduler.schedule import Job

_ENDING = (signal.SIGTERM, signal.SIGINT)
_PAUSE_SECONDS = 0.5
_ORPHAN_SECONDS = 30.0
_log = structlog.get_logger(__name__)


def run(settings: Settings, jobs: Sequence[Job], *, until_eof: bool = False) -> None:
    """Runs the jobs until SIGTERM or SIGINT, or until stdin closes; to be called in the main thread.

    Waits for the stores at the start. Raises ConfigError.
    """
    if settings.in_memory:
        raise ConfigError("The memory store lives in the web process, where 'leaderboard serve' runs the jobs too.")
    tracing.begin(settings, "scheduler")
    ending = threading.Event()
    # No handlers: one that sets an event can meet the main thread inside it, and wait for itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # in every thread begun from here on
    threading.Thread(target=_end_on_signal, args=(ending,), daemon=True).start()
    if until_eof:
        threading.Thread(target=_end_on_eof, args=(ending,), daemon=True).start()
    services = _connected(settings, ending)
    if services is None:
        return
    clockwork = Clockwork(services, jobs)
    clockwork.start()
    ending.wait()
    clockwork.stop()
    services.close()
    tracing.end()


def _connected(settings: Settings, ending: threading.Event) -> Services | None:
    """The services, as soon as they can be had; None if the end comes first."""
    said = ""
    while not ending.is_set():
        reason = "No store runs in the data folder yet."
        try:
            url = settings.redis_url or running_url(settings.data_dir)
            if url is not None:
                return build(settings.with_changes(redis_url=url))
        except Unavailable as error:
            reason = error.detail
        if reason != said:
            _log.warning("waiting", reason=reason)
            said = reason
        ending.wait(_PAUSE_SECONDS)
    return None


def _end_on_signal(ending: threading.Event) -> None:
    signal.sigwait(_ENDING)
    ending.set()


def _end_on_eof(ending: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    ending.set()
    time.sleep(_ORPHAN_SECONDS)  # with its parent gone, nobody would end a job that hangs
    os._exit(1)
