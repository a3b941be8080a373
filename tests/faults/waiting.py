"""Waiting for real processes: polling, with a deadline far above what it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.02


def wait_for(check: Callable[[], T], seconds: float, what: str) -> T:
    """What `check` says, as soon as it says something."""
    limit = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < limit, f"not within {seconds} s: {what}"
        time.sleep(_POLL_SECONDS)
