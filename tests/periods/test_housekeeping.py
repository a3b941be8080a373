"""What the archive need not hold any more goes, and nothing else does."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from leaderboard.archive.copies import Copies
from leaderboard.archive.tables import archived_periods, archived_standings
from leaderboard.boards.housekeeping import Housekeeping
from leaderboard.config import Settings
from leaderboard.errors import ConfigError, Interrupted
from tests.conftest import START, Service
from tests.periods.running import DoomedRun, FreeRun

LATER = START + timedelta(days=5)
MUCH_LATER = LATER + timedelta(days=2)


def fill(service: Service, board: str = "b") -> None:
    """Three days, sealed and gone from the store."""
    service.put_board(board, periods=["all", "day"], retention={"day": 0})
    for day in range(3):
        at = (START - timedelta(days=day)).isoformat()
        service.bulk([{"board": board, "player": f"p{n}", "score": n, "at": at} for n in range(4)], backfill="true")
    service.clock.set(LATER)
    service.services.sealing.run(LATER, FreeRun())


def housekeeping(service: Service, **keep_days: float) -> Housekeeping:
    services = service.services
    return Housekeeping(services.registry, services.database, Copies(services.database), keep_days)


def archived(service: Service, board: str = "b") -> dict[str, tuple[str, bool, int]]:
    """State, whether it is pruned, and how many rows there are, of every copy of a period that is left."""
    mine = sa.and_(archived_periods.c.game == service.game, archived_periods.c.board == board)
    rows = sa.select(sa.func.count()).where(archived_standings.c.archive == archived_periods.c.id).scalar_subquery()
    columns = (archived_periods.c.period, archived_periods.c.state, archived_periods.c.pruned)
    with service.services.database.begin() as connection:
        found = connection.execute(sa.select(*columns, rows.label("rows")).where(mine)).all()
    return {row.period: (row.state, row.pruned, row.rows) for row in found}


def test_what_belongs_to_a_board_stays(service: Service) -> None:
    fill(service)
    before = archived(service)
    assert len(before) == 3
    housekeeping(service).prune(MUCH_LATER, FreeRun())
    assert archived(service) == before
    counts = service.services.housekeeping.prune(MUCH_LATER, FreeRun())
    assert counts == {"given_up": 0, "retired": 0, "rows": 0, "runs": 0}


def test_rows_older_than_the_archive_keeps_go_and_their_totals_stay(service: Service) -> None:
    fill(service)
    days = (MUCH_LATER - START).total_seconds() / 86_400
    counts = housekeeping(service, hour=1, day=days).prune(MUCH_LATER, FreeRun())
    assert counts["retired"] >= 2  # of this game, and of those before it
    assert archived(service) == {
        "2026-11-23": ("complete", False, 4),
        "2026-11-22": ("complete", True, 0),
        "2026-11-21": ("complete", True, 0),
    }
    reply = service.request("GET", "/v1/boards/b/top?period=day&id=2026-11-22")
    assert (reply.status, reply.json["code"]) == (404, "period_gone")
    past = service.get("/boards/b/periods?period=day")["periods"]
    assert [(one["id"], one["total"]) for one in past[1:]] == [("2026-11-22", 4), ("2026-11-21", 4)]


def test_a_deleted_board_leaves_nothing(service: Service) -> None:
    fill(service)
    service.services.registry.delete(service.game, "b")
    assert housekeeping(service).prune(LATER, FreeRun())["rows"] >= 12
    assert archived(service) == {}


@pytest.mark.parametrize("how", ["born", "board", "name"])
def test_what_no_board_keeps_goes_when_it_is_a_day_old(service: Service, how: str) -> None:
    fill(service)
    fill(service, "other")
    wrong = {"born": "0" * 16, "board": "gone", "name": "hour"}[how]
    change = sa.update(archived_periods).where(archived_periods.c.game == service.game, archived_periods.c.board == "b")
    with service.services.database.begin() as connection:
        connection.execute(change.values({how: wrong}))
    board = wrong if how == "board" else "b"
    # It might be of a board that is only just being made.
    assert housekeeping(service).prune(LATER + timedelta(hours=23), FreeRun())["given_up"] == 0
    assert len(archived(service, board)) == 3
    counts = housekeeping(service).prune(LATER + timedelta(hours=24), FreeRun())
    assert counts["given_up"] >= 3
    assert counts["rows"] >= 12
    assert archived(service, board) == {}
    assert len(archived(service, "other")) == 3


def test_a_run_that_is_killed_anywhere_goes_on(service: Service) -> None:
    fill(service)
    service.services.registry.delete(service.game, "b")
    fill(service, "other")
    tidy = housekeeping(service, day=1)
    last = 1
    while True:
        try:
            tidy.prune(MUCH_LATER, DoomedRun(last))
        except Interrupted:
            last += 1
            assert last < 20
        else:
            break
    assert archived(service) == {}
    assert set(archived(service, "other").values()) == {("complete", True, 0)}


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", {}), ("hour=90,day=1100", {"hour": 90, "day": 1100}), (" week = 0.5 , ", {"week": 0.5})],
)
def test_how_long_the_archive_keeps_is_a_setting(text: str, kept: dict[str, float]) -> None:
    assert Settings.from_env({"LEADERBOARD_ARCHIVE_KEEP_DAYS": text}).archive_kept == kept


@pytest.mark.parametrize(
    "text", ["day", "day=", "day=x", "day=-1", "day=0", "all=3", "day=1,day=2", "day=nan", "d=1e3"]
)
def test_one_that_cannot_work_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="LEADERBOARD_ARCHIVE_KEEP_DAYS"):
        Settings.from_env({"LEADERBOARD_ARCHIVE_KEEP_DAYS": text})


def test_the_settings_of_snapshots() -> None:
    settings = Settings.from_env({"LEADERBOARD_DATA_DIR": "/srv/lb"})
    assert str(settings.resolved_snapshot_dir) == "/srv/lb/snapshots"
    settings = Settings.from_env({"LEADERBOARD_SNAPSHOT_DIR": "/backup", "LEADERBOARD_SNAPSHOT_KEEP": "3"})
    assert (str(settings.resolved_snapshot_dir), settings.snapshot_keep) == ("/backup", 3)
    with pytest.raises(ConfigError, match="SNAPSHOT_KEEP"):
        Settings.from_env({"LEADERBOARD_SNAPSHOT_KEEP": "0"})
