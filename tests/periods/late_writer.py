"""A web worker of its own that stops itself just before it sends a batch; prints the answer to its request.

Run as `python -m tests.periods.late_writer`; stdin says what to do: {"url": ..., "data_dir": ..., "key": ...,
"now": ..., "path": ..., "body": ..., "headers": {...}, "stops": 1}, `stops` being the call of submit.lua at which it
stops.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.services import Services
from leaderboard.store.scripts import Call


def stop_before_sending(services: Services, stops: int) -> None:
    """In the place of `run_all`, which sends every batch."""
    send, count = services.store.run_all, 0

    def run_all(calls: Sequence[Call], *, resend: bool = True) -> list[Any]:
        nonlocal count
        count += calls[0].script == "submit"
        if count == stops:
            count += 1
            os.kill(os.getpid(), signal.SIGSTOP)
        return send(calls, resend=resend)

    services.store.run_all = run_all  # type: ignore[method-assign]


def main(order: dict[str, Any]) -> None:
    settings = Settings(data_dir=Path(order["data_dir"]), redis_url=order["url"])
    now = datetime.fromisoformat(order["now"])
    app = create_app(settings, clock=lambda: now)
    services = app.extensions["leaderboard"]
    stop_before_sending(services, order["stops"])
    headers = {"Authorization": f"Bearer {order['key']}", "Content-Type": "application/json", **order["headers"]}
    answer = app.test_client().open(order["path"], method="POST", data=order["body"], headers=headers)
    json.dump({"status": answer.status_code, "body": answer.get_data(as_text=True)}, sys.stdout)


if __name__ == "__main__":
    main(json.load(sys.stdin))
