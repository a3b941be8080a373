"""A plugin for pytest: all boards that a test makes have four parts, where nothing else is said."""

from typing import Any

import pytest

from tests.conftest import Service
from tests.front import Reply


@pytest.fixture(autouse=True)
def _spread(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Service.request

    def request(self: Service, method: str, path: str, **more: Any) -> Reply:
        body = more.get("json")
        is_board = method == "PUT" and path.startswith("/v1/boards/") and isinstance(body, dict)
        if is_board and body.get("ties") != "dense":
            more["json"] = {"partitions": 4, **body}
        return real(self, method, path, **more)

    monkeypatch.setattr(Service, "request", request)
