"""What must hold for every period when nothing is left to seal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from leaderboard.archive.tables import archived_periods, archived_standings
from leaderboard.store.keys import BoardKeys
from tests.model.compare import Comparison, _Standing
from tests.model.periods import Period
from tests.model.standing import Standing
from tests.model.wire import board_path, check_period, seen_rows, seen_values, told_rows
from tests.periods.year import Year
from tests.periods.year_boards import first_kept, is_due

_AS_LONG_AS_THE_BOARD = {"meta", "known", "open", "closing", "loads", "all", "all:dense", "all:md"}
_MOST_RUNS = 6


def settle(year: Year) -> list[str]:
    """Seals until nothing is left to do, and answers everything that is wrong then."""
    for _ in range(_MOST_RUNS):
        counts = year.seal()
        if counts == {"sealed": 0, "entries": 0, "dropped": 0}:
            break
    else:
        return [f"there is always something left to seal: {counts}"]
    year.note("settled")
    return [fault for board in year.definitions for fault in _Settled(year, board).faults()]


class _Settled:
    """One board, everything that was due being sealed."""

    def __init__(self, year: Year, board: str) -> None:
        self.year, self.board = year, board
        self.rules, self.now = year.rules(board), year.now
        self.standings: dict[Period, Standing] = year.model.boards[board].standings
        self.keys = BoardKeys(year.service.game, board)
        services = year.service.services
        self.client = services.store.client
        self.open = {name.decode(): int(at) for name, at in self.client.zrange(self.keys.open, 0, -1, withscores=True)}
        held = self.client.zrangebyscore(self.keys.held, f"({self.now.timestamp()}", "+inf", withscores=True)
        self.held = {name.decode(): int(at) for name, at in held}  # what a backfill brought back stays for an hour
        with services.database.begin() as connection:
            columns = archived_periods.c
            query = sa.select(archived_periods).where(columns.game == year.service.game, columns.board == board)
            self.archived = connection.execute(query.where(columns.state != "gone")).all()
            ours = archived_standings.c.archive.in_([row.id for row in self.archived])
            self.counted = Counter(connection.execute(sa.select(archived_standings.c.archive).where(ours)).scalars())

    def faults(self) -> Iterator[str]:
        for fault in (*self._life(), *self._archive(), *self._standings(), *self._histories(), *self._keys()):
            yield f"{self.board}: {fault}"

    def _life(self) -> Iterator[str]:
        """Open or sealed, never both, none lost."""
        complete = Counter(row.period for row in self.archived if row.state == "complete")
        for period, standing in self.standings.items():
            if period.ends_at is None:
                continue
            if is_due(self.rules, period, self.now):
                if period.id in self.open:
                    yield f"{period.id} was due and is not sealed"
                if standing.entries and complete[period.id] != 1:
                    yield f"{period.id} is sealed and has {complete[period.id]} complete copies"
            else:
                if standing.entries and period.id not in self.open:
                    yield f"{period.id} is neither sealed nor to be sealed"
                if complete[period.id]:
                    yield f"{period.id} is not over, and in the archive"
        known = {period.id for period in self.standings}
        yield from (f"{period_id} is open, and nobody played then" for period_id in self.open.keys() - known)
        if late := [period_id for period_id, at in self.open.items() if at < self.now.timestamp()]:
            yield f"{late} are due"
        yield from self._closing()

    def _closing(self) -> Iterator[str]:
        closing = {name.decode(): token for name, token in self.client.hgetall(self.keys.closing).items()}
        # A period that is not over and lost its last players is noted there until somebody plays, or it is over.
        if left := {name: token for name, token in closing.items() if name not in self.open}:
            yield f"closing has what is not open: {left}"
        if left := {name: token for name, token in closing.items() if not token.startswith(b"emptied:")}:
            yield f"closing is not empty: {left}"

    def _archive(self) -> Iterator[str]:
        by_id = {period.id: standing for period, standing in self.standings.items()}
        for row in self.archived:
            if row.state != "complete":
                continue  # what a run that was killed leaves, and nobody reads
            expected = len(by_id[row.period].entries) if row.period in by_id else 0
            if (row.total, self.counted[row.id]) != (expected, expected):
                yield f"{row.period}: archived {row.total} with {self.counted[row.id]} rows of {expected}"

    def _standings(self) -> Iterator[str]:
        """Every standing as a client reads it, wherever it is by now."""
        for period in self.standings:
            query = {"period": period.name, "id": period.id, "limit": "1000", "metadata": "true"}
            told = self.year.caller.read(board_path(self.board, "top"), query)
            rows, _ = self.year.model.top(self.board, period, 1000)
            seen, expected = seen_rows(self.rules, told["entries"]), told_rows(rows)
            if (told["total"], seen) != (len(rows), expected):
                yield f"{period.id} reads {told['total']} {seen} instead of {expected}"
            metadata = [entry.get("metadata") or None for entry in told["entries"]]
            if seen == expected and metadata != [row.metadata or None for row in rows]:
                yield f"{period.id} reads metadata {metadata} instead of {[row.metadata for row in rows]}"
            check_period(told["period"], period, self.now)
            if rows and told["period"]["state"] != self._state(period):
                yield f"{period.id} is {told['period']['state']} instead of {self._state(period)}"

    def _state(self, period: Period) -> str:
        if period.is_open(self.now):
            return "open"
        return "archived" if is_due(self.rules, period, self.now) else "closed"

    def _histories(self) -> Iterator[str]:
        for name in self.rules.kept:
            query = {"period": name, "limit": "1000"}
            told = self.year.caller.read(board_path(self.board, "periods"), query)["periods"]
            lines = self.year.model.periods(self.board, name)
            seen = [
                (one["id"], one["total"], one["winner"]["player"], seen_values(self.rules, one["winner"]))
                for one in told
            ]
            expected = [(one.period.id, one.total, one.winner.player, one.winner.values) for one in lines]
            if seen != expected:
                yield f"the list of every {name} differs: {set(seen) ^ set(expected)}"
            states = [one["state"] for one in told]
            if seen == expected and states != [self._state(one.period) for one in lines]:
                yield f"states of every {name}: {states}"

    def _keys(self) -> Iterator[str]:
        names = list(self.client.scan_iter(match=self.keys.prefix + "*", count=5000))
        pipeline = self.client.pipeline(transaction=False)
        for name in names:
            pipeline.expiretime(name)
        there: set[str] = set()
        for name, expires in zip(names, pipeline.execute(), strict=True):
            rest = name.decode().removeprefix(self.keys.prefix)
            if rest in _AS_LONG_AS_THE_BOARD:
                if expires != -1:
                    yield f"{rest} would expire"
                continue
            if expires < 0:
                yield f"{rest} has no lifetime"
            if rest.startswith(("idem:", "new:", "lock")):
                continue
            if expires <= self.now.timestamp():
                yield f"{rest} expires at {expires}, which is before now"
            there.add(rest.removesuffix(":dense").removesuffix(":md"))
        yield from self._kept(there)

    def _kept(self, there: set[str]) -> Iterator[str]:
        """Which periods have keys."""
        retention = self.year.definitions[self.board]["retention"]
        for period in self.standings:
            if period.name == "all":
                continue
            first = first_kept(self.rules, retention, period.name, self.now)
            if period.id < first.id and period.id in there and period.id not in self.open | self.held:
                yield f"{period.id} still has keys, though {first.id} is the first to be kept"
            there.discard(period.id)
        yield from (f"{rest} has keys and no scores" for rest in there - {"all", "held"})


def look_closely(year: Year, most: int) -> None:
    """Asks everything that can be asked of some sealed standings, with the questions of the model's own test."""
    comparison: Any = Comparison(year.caller, year.model, year.chance.randint(0, 10**6))
    sealed = [
        (board, period)
        for board, held in year.model.boards.items()
        for period, standing in held.standings.items()
        if standing.entries and is_due(held.rules, period, year.now)
    ]
    for board, period in year.chance.sample(sealed, min(most, len(sealed))):
        _Standing(comparison, board, period, {"period": period.name, "id": period.id}).everything()
