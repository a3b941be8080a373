"""A check-up from end to end: what `leaderboard doctor` and the page of operations show.

It comes in two halves, so that whoever has to be quick can wait for each by itself: what the database knows, and what
the store knows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from redis.exceptions import RedisError

from leaderboard.archive.database import HEAD, Database
from leaderboard.archive.job_runs import JobRun, JobRuns
from leaderboard.archive.tables import boards, games
from leaderboard.boards.definition import Board
from leaderboard.checkup import database as databases
from leaderboard.checkup import work
from leaderboard.config import Settings
from leaderboard.errors import DatabaseUnavailable
from leaderboard.store.checkup.check import Wanted, check
from leaderboard.store.checkup.findings import Finding, fail, unknown, warn
from leaderboard.store.checkup.keys import orphans


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What it holds, as far as a check-up is interested."""

    games: frozenset[str]
    boards: Mapping[tuple[str, str], Sequence[str]]  # each with its lists of periods that are not sealed
    runs: Mapping[str, JobRun]


def contents_of(known: Iterable[str], some: Iterable[Board], runs: Mapping[str, JobRun]) -> Contents:
    """Of these games and boards."""
    lists = {(board.game, board.name): [part.keys.open for part in board.parts] for board in some}
    return Contents(games=frozenset(known), boards=lists, runs=runs)


def look(settings: Settings) -> tuple[list[Finding], Contents | None]:
    """The findings about the database that is configured, and what it holds where it has all its tables.

    Changes nothing, and makes none.
    """
    try:
        database = databases.connect(settings)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        return [_no_answer(str(error))], None
    if database is None:
        seen = "there is no database yet"
        return [warn("database", seen, "The first start of the service makes it; see LEADERBOARD_DATA_DIR.")], None
    try:
        return look_at(database, settings.workers, lambda: _read(database))
    finally:
        database.close()


def look_at(database: Database, workers: int, read: Callable[[], Contents]) -> tuple[list[Finding], Contents | None]:
    """The same of a database that is connected; `read` reads what it holds, and may raise DatabaseUnavailable."""
    try:
        told = databases.ask(database)
        findings = list(databases.judge(told, workers))
        return findings, read() if told.revision == HEAD else None
    except DatabaseUnavailable as error:
        return [_no_answer(error.detail)], None
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        return [_no_answer(str(error))], None


def of_work(contents: Contents, settings: Settings, now: datetime) -> Iterator[Finding]:
    """Whether the jobs run, and what came of the nightly one."""
    yield work.jobs(contents.runs, work.INTERVALS, now)
    newest = work.newest_snapshots(settings.resolved_snapshot_dir)
    yield work.snapshots(newest, sorted({game for game, _ in contents.boards}), now)


def of_store(client: Callable[[], Any], wanted: Wanted, contents: Contents | None, now: datetime) -> Iterator[Finding]:
    """All about the store behind a client. Without `contents` nobody knows what is to be in it."""
    done = check(client, wanted)
    yield from done.findings
    if contents is None:
        return
    if done.keys is None:
        yield unknown("sealing", "what waits to be sealed")
        return
    yield orphans(done.keys, contents.games, contents.boards)
    try:
        yield work.sealing(work.oldest_open(client(), contents.boards), now)
    except RedisError as error:
        yield unknown("sealing", f"what waits to be sealed: {error}")


def _read(database: Database) -> Contents:
    with database.begin() as connection:
        known = list(connection.execute(sa.select(games.c.name)).scalars())
        found = [
            Board.parse(row.game, row.name, row.rev, row.definition) for row in connection.execute(sa.select(boards))
        ]
    return contents_of(known, found, JobRuns(database).last())


def _no_answer(reason: str) -> Finding:
    remedy = "Start it, see its log, and the address in LEADERBOARD_DATABASE_URL."
    return fail("database", f"it does not answer: {reason}", remedy)
