"""Whether the process lives and whether it can serve."""

from typing import Any, cast

from flask import Blueprint, Response, current_app, g

from leaderboard import jsontext
from leaderboard.api import problems, replies
from leaderboard.api.operations import services
from leaderboard.api.vitals import Vitals
from leaderboard.errors import Unavailable
from leaderboard.metrics import exposition

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
    reply = replies.problem(503, "not_ready", "A store does not answer.", g.request_id, more={"checks": checks})
    response = problems.response_of(reply)
    response.headers["Retry-After"] = "1"
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    """For Prometheus."""
    text, content_type = exposition(_vitals().metrics())
    response = Response(text, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response


def _vitals() -> Vitals:
    wired = services()
    found = current_app.extensions.setdefault("vitals", Vitals(wired))
    return cast("Vitals", found)


def _json(document: Any) -> Response:
    response = Response(jsontext.dumps(document), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
