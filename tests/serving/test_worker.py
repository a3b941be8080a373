"""The door of a worker, where connections come in."""

import errno
import socket
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from leaderboard.serving.worker import Door


class FakeLoop:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}
        self.later: list[Callable[[], None]] = []

    def add_reader(self, number: int, callback: Callable[[], None], *_: Any) -> None:
        self.readers[number] = callback

    def remove_reader(self, number: int) -> bool:
        return self.readers.pop(number, None) is not None

    def call_later(self, _seconds: float, callback: Callable[..., None], *args: Any) -> Any:
        self.later.append(lambda: callback(*args))
        return mock.Mock()


def door(error: OSError) -> tuple[Door, FakeLoop]:
    loop, listener = FakeLoop(), mock.Mock(spec=socket.socket)
    listener.fileno.return_value = 3
    listener.accept.side_effect = error
    return Door(mock.Mock(loop=loop, worker_connections=99, nr_conns=0), listener, None), loop


@pytest.mark.parametrize("error", [BlockingIOError(), ConnectionAbortedError()])
def test_whom_another_worker_took_is_forgotten(error: OSError) -> None:
    _, loop = door(error)
    loop.readers[3]()
    assert list(loop.readers) == [3]


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_with_too_many_files_open_it_looks_again_after_a_while(code: int) -> None:
    """The listener stays readable: to look at once would take all of the processor from those who are connected."""
    _, loop = door(OSError(code, "too many"))
    loop.readers[3]()
    assert loop.readers == {}
    for callback in loop.later:
        callback()
    assert list(loop.readers) == [3]


def test_a_worker_with_as_many_connections_as_it_may_have_leaves_the_others() -> None:
    accepting, loop = door(OSError(errno.EMFILE, "not asked"))
    accepting._worker.nr_conns = 99
    loop.readers[3]()
    assert loop.readers == {}
    accepting._listener.accept.assert_not_called()  # type: ignore[attr-defined]
    for callback in loop.later:
        callback()
    assert list(loop.readers) == [3]
