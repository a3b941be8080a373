"""How gunicorn runs the service: for `leaderboard serve` and for `scripts/gunicorn.conf.py`."""

import multiprocessing
from typing import Any

from leaderboard import metrics
from leaderboard.config import Settings


def of(settings: Settings) -> dict[str, Any]:
    """gunicorn's settings from ours; to be asked for before any worker is there."""
    metrics.prepare_processes()
    return {
        "bind": f"{settings.host}:{settings.port}",
        "workers": settings.workers or multiprocessing.cpu_count(),
        "worker_class": "leaderboard.serving.worker.Worker",
        "asgi_lifespan": "off",
        "keepalive": 30,
        "timeout": 60,
        "graceful_timeout": int(15 + settings.drain_seconds),
        "worker_connections": 10_000,
        "loglevel": "warning",
        "limit_request_line": 8190,  # a player's id of 128 characters, percent-encoded, is up to 1.5 KB
        "control_socket_disable": True,
        "proc_name": "leaderboard",
        "child_exit": lambda _arbiter, worker: metrics.forget_process(worker.pid),
    }
