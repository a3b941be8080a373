"""How the service is: health, the store's servers, slow commands, what boards cost, and the jobs of the schedulers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from flask import Blueprint, Response, current_app, flash, url_for

from leaderboard.archive.job_runs import JobRuns
from leaderboard.boards.usage import BoardUsage, Usage
from leaderboard.errors import NotFound
from leaderboard.services import Services
from leaderboard.store.checkup.findings import Finding, in_order, size
from leaderboard.store.job_requests import TOLD_SECONDS, WANTED_SECONDS, JobRequests
from leaderboard.web import checking, jobstates, processfigures, storefigures
from leaderboard.web.guard import account, signed_in
from leaderboard.web.panels import Panels, Part
from leaderboard.web.rendering import back_to, render, services
from leaderboard.web.standings import Place

Page = str | tuple[str, int] | Response

_WAIT_SECONDS: Final = 2.0  # for all parts of a page together
_LONG_WAIT_SECONDS: Final = 4.0
_CHECK_UP_SECONDS: Final = 60.0  # for which one will do
_USAGE_SECONDS: Final = 300.0
_MOST_BOARDS: Final = 50
_MOST_RUNS: Final = 100
_LEVELS: Final = {"ok": "good", "warn": "warn", "fail": "bad", "unknown": "muted"}
_log = structlog.get_logger(__name__)
blueprint = Blueprint("operations_pages", __name__)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a board costs, in bytes and in words."""

    board: BoardUsage
    entries: int
    periods: int

    @property
    def size(self) -> str:
        return "not known" if self.board.size is None else size(self.board.size)


@blueprint.get("/operations")
@signed_in("viewer")
def show() -> Page:
    """All of it, as far as it can be had within two seconds."""
    return render("operations/show.html", **_shown())


@blueprint.get("/operations/parts")
@signed_in("viewer")
def show_parts() -> Page:
    """The same without the page around it, for the script that keeps it up to date."""
    return render("operations/_parts.html", **_shown())


@blueprint.get("/operations/checkup")
@signed_in("viewer")
def check_up() -> Page:
    """All that `leaderboard doctor` finds, and what to do about it; as far as it is there within four seconds."""
    wired = services()
    parts = {
        "The database": Part(lambda: checking.of_database(wired), _CHECK_UP_SECONDS),
        "The store": Part(lambda: checking.of_store(wired), _CHECK_UP_SECONDS),
    }
    readings = _panels().read(parts, _LONG_WAIT_SECONDS)
    found: list[Finding] = in_order(finding for reading in readings.values() for finding in reading.value or [])
    counts = {level: sum(one.level == level for one in found) for level in _LEVELS}
    return render(
        "operations/checkup.html", readings=readings, findings=found, counts=counts, kinds=_LEVELS,
        age_seconds=max(reading.age_seconds for reading in readings.values()), kept_seconds=int(_CHECK_UP_SECONDS),
    )  # fmt: skip


@blueprint.get("/operations/boards")
@signed_in("viewer")
def show_boards() -> Page:
    """Which boards take most of the store's memory."""
    wired = services()
    reading = _panels().read({"usage": Part(lambda: _costs(wired), _USAGE_SECONDS)}, _LONG_WAIT_SECONDS)["usage"]
    costs: list[Cost] = reading.value or []
    total = sum(cost.board.size or 0 for cost in costs)
    return render(
        "operations/boards.html", reading=reading, costs=costs[:_MOST_BOARDS], count=len(costs), total=size(total),
        board_url=lambda game, board: Place(game, board).url(),
    )  # fmt: skip


@blueprint.get("/operations/jobs/<job>")
@signed_in("viewer")
def show_job(job: str) -> Page:
    """The last runs of a job."""
    wired = services()
    states = {state.job.id: state for state in jobstates.read(wired).states}
    if job not in states:
        raise NotFound(f"There is no job {job!r}.", code="unknown_job")
    runs = JobRuns(wired.database).recent(job, _MOST_RUNS)
    rows = [(run, jobstates.seconds_of(run), jobstates.detail_of(run)) for run in runs]
    return render("operations/job.html", state=states[job], rows=rows)


@blueprint.post("/operations/jobs/<job>/run")
@signed_in("admin")
def run_job(job: str) -> Response:
    """Leaves word that a job is wanted now; a scheduler runs it, under the same claim as ever."""
    wired = services()
    requests = JobRequests(wired.store)
    told = requests.told()
    if told is None:
        flash(
            f"No scheduler has been heard of for {TOLD_SECONDS} seconds, so nobody would run it. Start one: "
            "“leaderboard serve” has its own, “python -m scheduler” is one.",
            "error",
        )
    elif job not in {one.id for one in told.jobs}:
        raise NotFound(f"There is no job {job!r}.", code="unknown_job")
    elif requests.ask(job, account().name, wired.clock()):
        _log.info("job asked for", job=job, by=account().name)
        flash(f"A scheduler will run {job} within a few seconds.", "success")
    else:
        flash(f"{job} is asked for already, and waits for a scheduler.", "error")
    _panels().forget("jobs")
    return back_to(url_for(".show") + "#jobs")


def _shown() -> dict[str, Any]:
    wired = services()
    return {
        "parts": _panels().read(_parts(wired), _WAIT_SECONDS),
        "own_kept": processfigures.kept(wired),
        "own_limited": processfigures.limited(wired),
        "now": wired.clock(),
        "told_seconds": TOLD_SECONDS,
        "wanted_minutes": WANTED_SECONDS // 60,
        "size": size,
    }


def _parts(wired: Services) -> Mapping[str, Part]:
    return {
        "store": Part(wired.store.ping),
        "database": Part(wired.database.ping),
        "risks": Part(wired.store.risks, 10.0),
        "servers": Part(lambda: _servers(wired)),
        "slow": Part(lambda: _slow_commands(wired)),
        "processes": Part(processfigures.processes),
        "jobs": Part(lambda: jobstates.read(wired), 0.5),
    }


def _servers(wired: Services) -> list[storefigures.Server]:
    return [] if wired.settings.in_memory else storefigures.servers(wired.store)


def _slow_commands(wired: Services) -> list[storefigures.SlowCommand]:
    return [] if wired.settings.in_memory else storefigures.slow_commands(wired.store)


def _panels() -> Panels:
    found: Panels = current_app.extensions.setdefault("leaderboard.panels", Panels())
    return found


def _costs(wired: Services) -> list[Cost]:
    """Every board, the largest first."""
    found = [
        Cost(board, sum(period.entries for period in board.periods.values()), len(board.periods))
        for board in Usage(wired.store, wired.registry).boards(None, None, wired.clock())
    ]
    return sorted(found, key=lambda cost: (-(cost.board.size or 0), -cost.entries, cost.board.game, cost.board.name))
