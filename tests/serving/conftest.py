"""A gateway over the app of this run, and requests of a game of its own."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.conftest import Service
from tests.serving.harness import Gate


@pytest.fixture(scope="session")
def gate(app: Flask) -> Iterator[Gate]:
    """Without a memory for tops."""
    gate = Gate(app, read_staleness_ms=0)
    yield gate
    gate.close()


@pytest.fixture
def plain(service: Service) -> Service:
    """A fresh game whose requests all go to Flask alone."""
    service.one_thread = True
    return service
