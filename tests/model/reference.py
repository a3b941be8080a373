"""The game as the contract describes it, in lists and exact fractions, one submission after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

from .periods import Period
from .rules import TIE_FROM, TIE_UNTIL, RefusedError, Rules, rules_of
from .standing import Bin, Entry, PlayerAnswer, Position, Row, Standing, Values
from .states import ARCHIVED, CLOSED, States
from .windows import Window, merged, window_at

Definition = Mapping[str, Any]
# player, score, subscore?, at?, metadata?, and board in a batch; numbers stand as the text of their literals
Item = Mapping[str, Any]

AHEAD = timedelta(seconds=60)


@dataclass(frozen=True)
class PeriodOutcome:
    """What a submission did in one period; a player who is not kept has neither values nor rank."""

    period: Period
    values: Values | None
    rank: int | None
    previous_rank: int | None
    updated: bool


@dataclass(frozen=True)
class Outcome:
    """The answer to one submission; `values` are None where the longest period did not count it."""

    values: Values | None
    counted_in_longest: bool
    periods: dict[str, PeriodOutcome]
    taken: bool  # by the player's partition, though with `max_entries` the best of others may be ahead of them

    @property
    def updated(self) -> bool:
        return any(outcome.updated for outcome in self.periods.values())


@dataclass
class Report:
    """The answer to a batch."""

    received: int
    applied: int = 0
    unchanged: int = 0
    rejected: dict[int, RefusedError] = field(default_factory=dict)


@dataclass(frozen=True)
class PeriodSummary:
    """A line of a board's known periods."""

    period: Period
    total: int
    winner: Row


@dataclass
class Board:
    """A definition and the standings of the periods that were ever touched."""

    definition: Definition
    rules: Rules
    standings: dict[Period, Standing] = field(default_factory=dict)
    states: States = field(default_factory=States)

    def standing(self, period: Period) -> Standing:
        if isinstance(period, Window):
            return merged(self.rules, [self.standing(bucket) for bucket in period.buckets])
        return self.standings.get(period) or Standing(self.rules)

    def open_standing(self, period: Period) -> Standing:
        return self.standings.setdefault(period, Standing(self.rules))


class ModelGame:
    """All boards of one game.

    `late_rule` says what an item does that is too late for one of its periods: "item", it counts in no closed
    period at all; "period", it still counts in those that closed within the grace. One that counts nowhere is
    refused. `follows_jobs`: somebody tells it of every run of the job that seals periods.
    """

    def __init__(self, late_rule: Literal["item", "period"] = "period", *, follows_jobs: bool = False) -> None:
        self.boards: dict[str, Board] = {}
        self.late_rule = late_rule
        self.follows_jobs = follows_jobs

    def put_board(self, name: str, definition: Definition, tick_ms: int | None = None) -> bool:
        """Create or change a board; True when it is new."""
        rules = rules_of(definition, tick_ms)
        old = self.boards.get(name)
        if old is None:
            self.boards[name] = Board(definition, rules)
            return True
        old.definition, old.rules = definition, rules
        old.standings = {period: s for period, s in old.standings.items() if period.name in rules.counted}
        old.states.keep(rules.kept)
        for standing in old.standings.values():
            standing.rules = rules
        return False

    def delete_board(self, name: str) -> None:
        del self.boards[name]

    def delete_player(self, board: str, player: str) -> bool:
        """Forget a player on one board; whether there was anything to forget."""
        gone = [s.entries.pop(player, None) for s in self.boards[board].standings.values()]
        return any(gone)

    def delete_player_everywhere(self, player: str) -> bool:
        gone = [self.delete_player(board, player) for board in self.boards]
        return any(gone)

    def submit(self, board: str, item: Item, now: datetime, *, backfill: bool = False) -> Outcome:
        """One submission, whole or not at all."""
        if board not in self.boards:
            raise RefusedError({"unknown_board"})
        rules = self.boards[board].rules
        at = datetime.fromisoformat(item["at"]).astimezone(UTC) if item.get("at") else now
        codes = _faults_of_time(rules, at, now, backfill=backfill)
        try:
            values = rules.read(item)
        except RefusedError as refusal:
            codes |= refusal.codes
        if codes:
            raise RefusedError(codes)
        touched = self._touched(rules, at, now, backfill=backfill)
        if not touched:
            raise RefusedError({"period_closed"})
        return self._apply(board, touched, Entry(item["player"], values, at, item.get("metadata")))

    def bulk(self, items: Iterable[Item], now: datetime, *, backfill: bool = False) -> Report:
        """Many submissions, in their order; each names its board."""
        listed = list(items)
        report = Report(len(listed))
        for index, item in enumerate(listed):
            try:
                outcome = self.submit(item["board"], item, now, backfill=backfill)
            except RefusedError as refusal:
                report.rejected[index] = refusal
            else:
                report.applied += outcome.taken
                report.unchanged += not outcome.taken
        return report

    def _touched(self, rules: Rules, at: datetime, now: datetime, *, backfill: bool) -> list[Period]:
        """The periods an item counts in, longest first."""
        periods = [rules.calendar.at(name, at) for name in rules.counted]
        late = [period for period in periods if period.is_late(now, rules.grace)]
        if backfill or not late:
            return periods
        if self.late_rule == "item":
            return [period for period in periods if period.is_open(now)]
        return [period for period in periods if period not in late]

    def _apply(self, board: str, touched: list[Period], entry: Entry) -> Outcome:
        target = self.boards[board]
        standings = {period: target.open_standing(period) for period in touched}
        for period in touched:
            target.states.touched(period)
        for standing in standings.values():
            target.rules.check(standing.after(entry.player, entry.values))
        outcomes, taken = {}, False
        for period, standing in standings.items():
            before = standing.player(entry.player)
            updated = standing.offer(entry)
            taken = taken or updated
            if updated:
                target.states.reopened(period)
            after = standing.player(entry.player)
            outcomes[period.name] = PeriodOutcome(
                period=period,
                values=after.row.values if after else None,
                rank=after.row.rank if after else None,
                previous_rank=before.row.rank if before else None,
                updated=updated and after is not None,
            )
        longest = outcomes.get(target.rules.longest)
        return Outcome(longest.values if longest else None, longest is not None, outcomes, taken)

    def seal(self, now: datetime, *, whole: bool = True) -> None:
        """What is closed for good goes to the archive; some of it, where the job was not whole."""
        for board in self.boards.values():
            rules = board.rules
            late = [p for p, s in board.standings.items() if p.name in rules.kept and p.is_late(now, rules.grace)]
            board.states.sealed([p for p in late if board.standings[p].entries], whole=whole)

    def states(self, board: str, period: Period, now: datetime) -> frozenset[str]:
        """What may be said of a period."""
        if period.is_open(now):
            return frozenset({"open"})
        return self.boards[board].states.of(period) if self.follows_jobs else CLOSED | ARCHIVED

    def _standing(self, board: str, period: Period) -> Standing:
        return self.boards[board].standing(period)

    def top(
        self, board: str, period: Period, limit: int, after: Position | None = None
    ) -> tuple[list[Row], Position | None]:
        return self._standing(board, period).top(limit, after)

    def player(self, board: str, period: Period, player: str) -> PlayerAnswer | None:
        return self._standing(board, period).player(player)

    def around(self, board: str, period: Period, player: str, count: int) -> list[Row]:
        return self._standing(board, period).around(player, count)

    def lookup(self, board: str, period: Period, players: Iterable[str]) -> tuple[list[Row], list[str]]:
        return self._standing(board, period).lookup(players)

    def scores(
        self, board: str, period: Period, low: Fraction | None, high: Fraction | None, limit: int
    ) -> tuple[list[Row], int]:
        return self._standing(board, period).scores(low, high, limit)

    def rank(self, board: str, period: Period, values: Values) -> int:
        return self._standing(board, period).rank(values)

    def percentile(self, board: str, period: Period, percent: Fraction) -> Fraction | None:
        return self._standing(board, period).percentile(percent)

    def distribution(self, board: str, period: Period, bins: int) -> list[Bin]:
        return self._standing(board, period).distribution(bins)

    def total(self, board: str, period: Period) -> int:
        return len(self._standing(board, period).shown)

    def periods(self, board: str, name: str) -> list[PeriodSummary]:
        """Periods of that name that hold entries, newest first; the name is one that is kept."""
        held = [
            PeriodSummary(period, len(standing.shown), standing.rows()[0])
            for period, standing in self.boards[board].standings.items()
            if period.name == name and standing.entries
        ]
        return sorted(held, key=lambda summary: summary.period.starts_at or TIE_FROM, reverse=True)

    def player_on_all_boards(
        self, player: str, name: str, now: datetime, ago: int = 0
    ) -> dict[str, tuple[Period, PlayerAnswer]]:
        """The player's line on every board that keeps such a period or window and has the player in it."""
        lines = {}
        for board, target in self.boards.items():
            if name in target.rules.rolling:
                period: Period = window_at(target.rules.calendar, name, now)
            elif name in target.rules.kept:
                period = target.rules.calendar.ago(name, now, ago)
            else:
                continue
            answer = target.standing(period).player(player)
            if answer is not None:
                lines[board] = period, answer
        return lines


def _faults_of_time(rules: Rules, at: datetime, now: datetime, *, backfill: bool) -> set[str]:
    codes = set()
    if not backfill and at - now > AHEAD:
        codes.add("time_in_future")
    if rules.unique and not TIE_FROM <= at < TIE_UNTIL:
        codes.add("time_out_of_range")
    return codes
