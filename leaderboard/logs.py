"""Structured logs: one JSON object a line for machines, readable lines on a terminal."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from leaderboard.config import Settings

SPARED: Final = frozenset({"unavailable"})  # what is said for every request while something is away
SPARING_SECONDS: Final = 10.0
_MOST_KINDS = 1000


def configure(settings: Settings) -> None:
    """Sets up structlog and hands the standard library's log records to it; to be called once a process."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else _untouched,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[Sparing(), *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("alembic", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Sparing:
    """A structlog processor: of lines that come by the thousand the first at once, then one every so often.

    Such a line tells how many of its kind were `left_out` since the one before.
    """

    def __init__(self, seconds: float = SPARING_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._guard = threading.Lock()
        self._said: dict[tuple[Any, ...], tuple[float, int]] = {}  # kind -> when, and how many were left out since

    def __call__(self, _logger: Any, _name: str, event: Any) -> Any:
        """The line, or structlog.DropEvent."""
        if event.get("event") not in SPARED:
            return event
        kind = tuple(event.get(name) for name in ("event", "detail"))
        with self._guard:
            at, left_out = self._said.get(kind, (None, 0))
            if at is not None and self._now() - at < self._seconds:
                self._said[kind] = at, left_out + 1
                raise structlog.DropEvent
            if len(self._said) >= _MOST_KINDS:
                self._said.clear()
            self._said[kind] = self._now(), 0
        if left_out:
            event["left_out"] = left_out
        return event


def _untouched(_logger: Any, _name: str, event: Any) -> Any:
    return event
