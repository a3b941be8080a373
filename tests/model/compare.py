"""Ask the service everything the contract lets one read, and the model the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

from .periods import Period
from .reference import ModelGame
from .rules import SPANS, RefusedError, Rules
from .standing import Position, Row, Values
from .strategies import PLAYERS, spell
from .windows import window_at
from .wire import (
    Caller,
    board_path,
    check_error,
    check_period,
    check_player,
    exact,
    player_path,
    same_edge,
    seen,
    seen_rows,
    seen_values,
    told_rows,
)

PERCENTS = ("0", "25", "33.3", "50", "75", "87.5", "99.9", "100")


@dataclass
class Comparison:
    """One round of questions, as of the caller's time; the seed picks what cannot be asked in full."""

    caller: Caller
    model: ModelGame
    seed: int

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)

    def everything(self) -> None:
        for board in self.model.boards:
            for period, query in self._periods_to_ask(board):
                _Standing(self, board, period, query).everything()
            for name in self.model.boards[board].rules.kept:
                self._known_periods(board, name, 100)
                self._known_periods(board, name, self.chance.randint(1, 2))
        for player in self.chance.sample(PLAYERS, 3):
            for name in (
                "all",
                self.chance.choice(("year", "month", "week", "day", "hour")),
                self.chance.choice([*SPANS]),
            ):
                self._player_everywhere(player, name)

    def tops(self) -> None:
        """A quick look: only the listings of the periods of now."""
        for board, held in self.model.boards.items():
            for name in held.rules.kept:
                period = held.rules.calendar.at(name, self.caller.now)
                standing = _Standing(self, board, period, {"period": name})
                standing.top()
                standing.metadata()
            for window, query in self._windows(held.rules):
                standing = _Standing(self, board, window, query)
                standing.top()
                standing.metadata()

    def _windows(self, rules: Rules) -> list[tuple[Period, dict[str, str]]]:
        return [(window_at(rules.calendar, name, self.caller.now), {"window": name}) for name in rules.rolling]

    def _periods_to_ask(self, board: str) -> list[tuple[Period, dict[str, str]]]:
        """The periods of now, those just before, and some that hold entries; each in one of its spellings."""
        rules, now = self.model.boards[board].rules, self.caller.now
        asked = self._windows(rules)
        for name in rules.kept:
            current = rules.calendar.at(name, now)
            asked.append((current, {"period": name, **self.chance.choice(({}, {"id": current.id}))}))
            if name == "all":
                continue
            ago = self.chance.randint(0, 2)
            asked.append((rules.calendar.ago(name, now, ago), {"period": name, "ago": str(ago)}))
            held = [line.period for line in self.model.periods(board, name)]
            asked += [
                (period, {"period": name, "id": period.id}) for period in self.chance.sample(held, min(2, len(held)))
            ]
        return asked

    def _known_periods(self, board: str, name: str, limit: int) -> None:
        answer = self.caller.read(board_path(board, "periods"), {"period": name, "limit": str(limit)})
        rules, lines = self.model.boards[board].rules, self.model.periods(board, name)[:limit]
        assert answer["board"] == board
        assert [line["id"] for line in answer["periods"]] == [line.period.id for line in lines]
        for told, line in zip(answer["periods"], lines, strict=True):
            check_period(told, line.period, self.caller.now, self.model.states(board, line.period, self.caller.now))
            assert told["total"] == line.total
            assert told["winner"]["player"] == line.winner.player, told
            assert seen_values(rules, told["winner"]) == line.winner.values

    def _player_everywhere(self, player: str, name: str) -> None:
        path = player_path(player, slashes=self.chance.random() < 0.5)
        answer = self.caller.send("GET", path, query={"window" if name in SPANS else "period": name})
        lines = self.model.player_on_all_boards(player, name, self.caller.now)
        if answer.status == 404 and not lines:
            assert check_error(answer, 404) == "unknown_player"
            return
        assert answer.status == 200, answer.json
        assert answer.json["player"] == player
        told = {line["board"]: line for line in answer.json["boards"]}
        assert told.keys() == lines.keys()
        for board, (period, line) in lines.items():
            check_player(self.model.boards[board].rules, told[board], line)
            if isinstance(told[board]["period"], dict):
                states = self.model.states(board, period, self.caller.now)
                check_period(told[board]["period"], period, self.caller.now, states)


@dataclass
class _Standing:
    """Every question about one board in one period; `query` is how the period is named."""

    comparison: Comparison
    board: str
    period: Period
    query: dict[str, str]

    def __post_init__(self) -> None:
        self.caller, self.model = self.comparison.caller, self.comparison.model
        # Of its own, so that a play cut shorter still asks the same of what is left.
        self.chance = Random(f"{self.comparison.seed} {self.board} {self.period.id}")
        self.rules = self.model.boards[self.board].rules
        self.total = self.model.total(self.board, self.period)
        self.rows: list[Row] = self.model.top(self.board, self.period, 1000)[0]

    def everything(self) -> None:
        self.top()
        self.metadata()
        for player in self.chance.sample(PLAYERS, 2):
            self.player(player)
        self.lookup()
        self.scores()
        self.rank()
        for percent in self.chance.sample(PERCENTS, 1):
            self.percentile(percent)
        self.distribution(self.chance.randint(1, 7))

    def _ask(self, what: str, **query: object) -> Any:
        asked = {name: str(value) for name, value in query.items() if value is not None}
        answer = self.caller.read(board_path(self.board, what), {**self.query, **asked})
        return self._envelope(answer)

    def _envelope(self, answer: Any) -> Any:
        assert answer["board"] == self.board
        states = self.model.states(self.board, self.period, self.caller.now)
        check_period(answer["period"], self.period, self.caller.now, states)
        return answer

    def top(self) -> None:
        """All pages; each goes on exactly where the last one ended."""
        limit, told, cursor = self.chance.choice((1, 2, 3, 10)), [], None
        after: Position | None = None
        while True:
            rows, after = self.model.top(self.board, self.period, limit, after)
            answer = self._ask("top", limit=limit, cursor=cursor)
            assert answer["total"] == self.total
            assert seen_rows(self.rules, answer["entries"]) == told_rows(rows)
            told += answer["entries"]
            cursor = answer["next"]
            assert (cursor is None) == (after is None), "a next page is promised when there is one"
            if cursor is None:
                break
        assert seen_rows(self.rules, told) == told_rows(self.rows)

    def metadata(self) -> None:
        answer = self._ask("top", limit=1000, metadata="true")
        told = [entry.get("metadata") or None for entry in answer["entries"]]
        assert told == [row.metadata or None for row in self.rows]

    def player(self, player: str) -> None:
        line = self.model.player(self.board, self.period, player)
        count = self.chance.randint(1, 9)
        path = player_path(player, self.board, slashes=self.chance.random() < 0.5)
        for around in ({}, {"around": str(count)}):
            answer = self.caller.send("GET", path, query={**self.query, **around})
            if line is None:
                self._nobody(answer)
                continue
            assert answer.status == 200, (path, answer.json)
            self._envelope(answer.json)
            assert answer.json["player"] == player
            check_player(self.rules, answer.json, line)
            if around:
                rows = self.model.around(self.board, self.period, player, count)
                assert seen_rows(self.rules, answer.json["entries"]) == told_rows(rows)

    def _nobody(self, answer: Any) -> None:
        """A player who is not there; one who was not kept may also be told a rank of null."""
        if answer.status == 200 and self.rules.max_entries is not None:
            assert (answer.json["rank"], answer.json["score"]) == (None, None), answer.json
            return
        assert check_error(answer, 404) == "unknown_player"

    def lookup(self) -> None:
        asked = self.chance.choices((*PLAYERS, "nobody"), k=self.chance.randint(1, 12))
        path, body = board_path(self.board, "lookup"), json.dumps({"players": asked})
        answer = self.caller.send("POST", path, body=body, query=self.query)
        assert answer.status == 200, answer.json
        self._envelope(answer.json)
        rows, missing = self.model.lookup(self.board, self.period, asked)
        assert seen_rows(self.rules, answer.json["entries"]) == told_rows(rows)
        assert answer.json["missing"] == missing

    def scores(self) -> None:
        known = [row.values[0] for row in self.rows] + [Fraction(0), Fraction(2), Fraction(-1)]
        ends = sorted(self.chance.choices(known, k=2))
        low, high = (end if self.chance.random() < 0.7 else None for end in ends)
        limit = self.chance.randint(1, 9)
        answer = self._ask("scores", min=self._word(low), max=self._word(high), limit=limit)
        rows, total = self.model.scores(self.board, self.period, low, high, limit)
        assert answer["total"] == total
        assert seen_rows(self.rules, answer["entries"]) == told_rows(rows)

    def rank(self) -> None:
        values = self._hypothetical()
        words = [*map(self._word, values), None][:2]
        answer = self._ask("rank", score=words[0], subscore=words[1])
        rank, most = self.model.rank(self.board, self.period, values), self.rules.max_entries
        assert answer["rank"] == rank or (answer["rank"] is None and most is not None and rank > most)
        assert answer["total"] == self.total
        assert seen_values(self.rules, answer) == values

    def _hypothetical(self) -> Values:
        """Numbers the board takes, at or beside some that stand on it."""
        start = self.chance.choice(self.rows).values if self.rows else (Fraction(0), Fraction(0))
        values = []
        for field, base in zip(self.rules.fields, start, strict=False):
            value = base if field.low is None else max(base, field.low)
            value = value if field.high is None else min(value, field.high)
            beside = value + self.chance.choice((-1, 0, 1)) * Fraction(1, 10 ** (field.decimals or 0))
            try:
                values.append(beside if field.decimals is not None else Fraction(float(beside)))
                field.check(values[-1])
            except RefusedError:
                values[-1] = value
            values[-1] = field.held(values[-1])
        return tuple(values)

    def _word(self, value: Fraction | None) -> str | None:
        if value is None:
            return None
        doubles = self.rules.fields[0].decimals is None and value.denominator != 1
        return repr(float(value)) if doubles else spell(value)

    def percentile(self, percent: str) -> None:
        answer = self._ask("percentile", p=percent)
        score = self.model.percentile(self.board, self.period, Fraction(percent))
        assert exact(answer["p"]) == Fraction(percent)
        assert answer["total"] == self.total
        if score is None:
            assert answer["score"] is None
        elif score in {row.values[0] for row in self.rows}:
            assert seen(self.rules.fields[0], answer["score"]) == score
        else:
            size = max(abs(row.values[0]) for row in self.rows)
            assert abs(exact(answer["score"]) - score) <= size / 10**12, (percent, answer["score"], score)

    def distribution(self, bins: int) -> None:
        """Edges at the right places, and counts that agree with the edges as they are told."""
        answer = self._ask("distribution", bins=bins)["bins"]
        expected = self.model.distribution(self.board, self.period, bins)
        assert len(answer) == len(expected)
        for told, bar in zip(answer, expected, strict=True):
            assert same_edge(told["from"], bar.low), (told, bar)
            assert same_edge(told["to"], bar.high), (told, bar)
        counts = [told["count"] for told in answer]
        assert sum(counts) == self.total
        if answer:
            edges = [exact(told["from"]) for told in answer] + [exact(answer[-1]["to"])]
            readings = (self._counts(edges), self._counts([Fraction(float(edge)) for edge in edges]))
            allowed = [reading for reading in readings if reading is not None]
            assert not allowed or counts in allowed, (answer, allowed)

    def _counts(self, edges: list[Fraction]) -> list[int] | None:
        """How many scores lie between one edge and the next, None where rounding has made edges fall together."""
        if len(edges) == 2:
            return [self.total]
        if any(low >= high for low, high in pairwise(edges)):
            return None
        below = [sum(row.values[0] < edge for row in self.rows) for edge in edges[1:-1]]
        return [after - before for before, after in pairwise((0, *below, self.total))]
