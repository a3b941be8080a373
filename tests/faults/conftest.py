"""One service a test, in front of a store of its own; between them a proxy."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy
from tests.faults.service import Client, Serving
from tests.faults.stores import StoreServer


@dataclass
class Rig:
    """Everything that can fail."""

    store: StoreServer
    proxy: Proxy
    serving: Serving
    client: Client


class Rigs:
    """Puts them together."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def start(
        self, *options: str, args: tuple[str, ...] = ("--no-scheduler",), workers: int = 2, **settings: object
    ) -> Rig:
        """`options` of valkey-server, `args` of `leaderboard serve`, settings of the service in lower case."""
        store = self._stack.enter_context(StoreServer(self._folder / "store", *options))
        proxy = self._stack.enter_context(Proxy(store.port))
        given = {f"LEADERBOARD_{name.upper()}": str(value) for name, value in settings.items()}
        url = f"redis://127.0.0.1:{proxy.port}/0"
        command = ("--workers", str(workers), "--store", url, *args)
        serving = self._stack.enter_context(Serving(self._folder / "data", command, given))
        return Rig(store, proxy, serving, serving.client())


@pytest.fixture
def rigs(tmp_path: Path) -> Iterator[Rigs]:
    with ExitStack() as stack:
        yield Rigs(tmp_path, stack)


@pytest.fixture
def rig(rigs: Rigs) -> Rig:
    """With default settings."""
    return rigs.start()
