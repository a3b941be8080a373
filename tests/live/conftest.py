"""Fixtures of the streams."""

import pytest

from leaderboard.live import hub, topics
from tests.conftest import Service


@pytest.fixture
def quick_rounds(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hubs that ask and beat often, from their beginning."""
    monkeypatch.setattr(hub, "_ROUND_SECONDS", 0.05)
    monkeypatch.setattr(hub, "_HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(topics, "_LOOK_SECONDS", 0.05)
    front = service.app.extensions.pop("test_front", None)
    if front is not None:
        front.close()
    service.services.live.close()
