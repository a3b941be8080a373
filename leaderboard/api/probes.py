"""Whether the process lives and whether it can serve."""

from typing import Any

from flask import Blueprint, Response

from leaderboard import jsontext
from leaderboard.api import problems
from leaderboard.api.operations import services
from leaderboard.errors import Unavailable

blueprint = Blueprint("probes", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process lives, whatever the stores do."""
    return _json({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Both stores answer; warnings tell what would lose data."""
    wired = services()
    checks: dict[str, str] = {}
    for name, check in (("store", wired.store.ping), ("database", wired.database.ping)):
        try:
            check()
            checks[name] = "ok"
        except Unavailable as error:
            checks[name] = error.detail
    ready = all(answer == "ok" for answer in checks.values())
    if ready:
        return _json({"status": "ok", "checks": checks, "warnings": wired.store.risks()})
    response = problems.problem(503, "not_ready", "A store does not answer.", more={"checks": checks})
    response.headers["Retry-After"] = "1"
    return response


def _json(document: Any) -> Response:
    response = Response(jsontext.dumps(document), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
