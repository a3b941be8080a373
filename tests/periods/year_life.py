"""What happens in a simulated year, and when, by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.model.periods import Period
from tests.model.strategies import PLAYERS
from tests.periods.tap import Fault
from tests.periods.year import Request, SealingRun, Year
from tests.periods.year_boards import CHANGES, DAYS, START

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_RETRIED_FOR = timedelta(hours=23)
_LONGEST_AWAY = timedelta(days=24)  # the scheduler: less than the keys of what is unsealed are sure to live
_END = START + DAYS * _DAY


class Life:
    """Plays a year, operation by operation."""

    def __init__(self, year: Year, operations: int) -> None:
        self.year, self.chance = year, year.chance
        self.operations = operations
        self.unanswered: list[Request] = []
        self.answered: list[Request] = []
        self.places: list[tuple[str, datetime]] = []  # of earlier scores: where it is worth to write again
        self.sealed_at = START
        self.number = 0

    def steps(self) -> Iterator[int]:
        """Every operation; the year is over after the last."""
        for number in range(self.operations):
            self._let_time_pass(number)
            self._do_something()
            yield number
        self._go_to(_END)
        self._retry_all()

    def _let_time_pass(self, number: int) -> None:
        year, chance = self.year, self.chance
        share = START + (_END - START) * ((number + 1) / self.operations)
        kind = chance.random()
        if kind < 0.3:
            then = year.now + timedelta(seconds=chance.choice((0, 0.001, 1, 59, 601, 3700)))
        elif kind < 0.5:
            then = self._edge(year.now)
        elif kind < 0.6:
            coming = [at for at in CHANGES if at > year.now][:1]
            then = min([*coming, share]) + chance.randint(-7200, 7200) * _SECOND
        else:
            then = share if chance.random() < 0.6 else year.now + chance.random() * 3 * _DAY
        self._go_to(max(then, year.now))

    def _edge(self, now: datetime) -> datetime:
        """The end of a period that is current, or of its grace, or nearly."""
        board = self.chance.choice(sorted(self.year.definitions))
        rules = self.year.rules(board)
        name = self.chance.choice([name for name in rules.kept if name not in ("all", "year", "month")])
        end = rules.calendar.at(name, now).ends_at
        assert end is not None
        edge = end + self.chance.choice((timedelta(0), rules.grace))
        return edge + self.chance.choice((-1, -0.001, 0, 0.001, 1)) * _SECOND

    def _go_to(self, then: datetime) -> None:
        """In strides no longer than clients retry, or the scheduler may be away."""
        year = self.year
        while year.now < then:
            stride = then
            if self.unanswered:
                assert self.unanswered[0].began is not None
                stride = min(stride, self.unanswered[0].began + _RETRIED_FOR)
            stride = min(stride, self.sealed_at + _LONGEST_AWAY)
            year.move_to(stride)
            if self.unanswered and stride < then:
                self._retry_all()
            if year.now - self.sealed_at >= _LONGEST_AWAY:
                self._seal(SealingRun())

    def _retry_all(self) -> None:
        for request in self.unanswered:
            assert self.year.send(request)
        self.answered += self.unanswered
        self.unanswered = []

    def _do_something(self) -> None:
        chance, year = self.chance, self.year
        kind = chance.random()
        if kind < 0.36:
            self._submit(self._request())
        elif kind < 0.42 and self.answered:
            self._send_again()
        elif kind < 0.47:
            self._forget(self._fault(kills=False))
        elif kind < 0.57:
            self._seal(SealingRun())
        elif kind < 0.67:
            self._seal(self._bad_run())
        else:
            self._together()
        if self.unanswered and chance.random() < 0.5:
            self._retry_all()
        for _ in range(2):
            year.read(*self._some_period())

    def _submit(self, request: Request, fault: Fault | None = None) -> None:
        if fault is None and self.chance.random() < 0.25:
            fault = self._fault(kills=False)
        sent = self.year.send(request, fault)
        if request.key is not None:
            (self.answered if sent else self.unanswered).append(request)

    def _send_again(self) -> None:
        """What was answered within the last day, as a client does that has not seen the answer."""
        request = self.chance.choice(self.answered[-6:])
        assert request.began is not None
        if self.year.now - request.began <= _RETRIED_FOR:
            self.year.send(request)

    def _forget(self, fault: Fault | None) -> None:
        board = self.chance.choice((*self.year.definitions, None))
        player = self.chance.choice(PLAYERS)
        if not self.year.forget(board, player, fault if self.chance.random() < 0.3 else None):
            assert self.year.forget(board, player)

    def _seal(self, how: SealingRun) -> None:
        if self.year.seal(how) is not None:
            self.sealed_at = self.year.now

    def _bad_run(self) -> SealingRun:
        if self.chance.random() < 0.4:
            return SealingRun(doomed_at=self.chance.randint(1, 12))
        return SealingRun(fault=self._fault(kills=self.chance.random() < 0.5))

    def _fault(self, *, kills: bool) -> Fault:
        return Fault(self.chance.randint(1, 25), self.chance.choice(("before", "part", "after")), kills)

    def _together(self) -> None:
        """Sealing runs at the same time, and others who write, forget and read between their steps."""
        chance, year = self.chance, self.year
        if chance.random() < 0.6:
            for _ in range(chance.randint(1, 3)):
                self._submit(self._request(backfill=True, crowd=True))
        if chance.random() < 0.7:
            self._go_to(year.now + chance.choice((1, 24, 24 * 7)) * timedelta(hours=1, seconds=601))
        works: dict[str, Callable[[], object]] = {}
        for number in range(chance.choice((1, 2, 2, 3))):
            run = SealingRun() if chance.random() < 0.8 else self._bad_run()
            works[f"seal{number}"] = lambda run=run: year.seal(run, alone=False)
        forgotten = chance.choice(PLAYERS) if chance.random() < 0.5 else None
        board = chance.choice((*year.definitions, None))
        if forgotten is not None:  # it may give up, where periods keep coming and going
            works["forget"] = lambda: year.forget(board, forgotten, alone=False)
        if chance.random() < 0.7:
            requests = [
                self._request(backfill=chance.random() < 0.8, but=forgotten, here=chance.random() < 0.7)
                for _ in range(chance.randint(1, 4))
            ]
            works["write"] = lambda: [self._submit_plainly(request) for request in requests]
        if chance.random() < 0.4:
            asked = [self._some_period() for _ in range(4)]
            works["read"] = lambda: [year.read(*one) for one in asked]
        year.together(works)
        if year.forgetting is not None:
            assert forgotten is not None
            assert year.forget(board, forgotten)

    def _submit_plainly(self, request: Request) -> None:
        assert self.year.send(request)
        if request.key is not None:
            self.answered.append(request)

    def _some_period(self) -> tuple[str, Period]:
        board = self.chance.choice(sorted(self.year.definitions))
        known = list(self.year.model.boards[board].standings)
        rules = self.year.rules(board)
        if not known or self.chance.random() < 0.1:
            return board, rules.calendar.at(rules.kept[-1], self.year.now)
        return board, self.chance.choice(known[-40:] if self.chance.random() < 0.7 else known)

    def _request(
        self, *, backfill: bool | None = None, crowd: bool = False, here: bool = False, but: str | None = None
    ) -> Request:
        chance = self.chance
        backfill = chance.random() < 0.3 if backfill is None else backfill
        single = not backfill and chance.random() < 0.4
        players = [player for player in PLAYERS if player != but]
        count = 1 if single or crowd else chance.randint(1, 6)
        items = [self._item(backfill=backfill, players=players) for _ in range(count)]
        if crowd:  # many in one place
            items = [{**items[0], "player": player} for player in chance.sample(players, chance.randint(1, 7))]
        if here and self.places:  # where others are, and are being sealed
            board, at = chance.choice(self.places[-4:])
            items = [self._item(backfill=backfill, players=players, place=(board, at)) for _ in items]
        self.number += 1
        key = f"request {self.number}" if chance.random() < 0.6 else None
        return Request(items, single, backfill, key)

    def _item(self, *, backfill: bool, players: list[str], place: tuple[str, datetime] | None = None) -> dict[str, Any]:
        chance = self.chance
        board = place[0] if place else chance.choice(sorted(self.year.definitions))
        at = place[1] if place else self._time(board, backfill=backfill)
        item: dict[str, Any] = {"board": board, "player": chance.choice(players), "score": self._score(board)}
        if at is not None:
            zone = timezone(timedelta(minutes=chance.choice((-300, 0, 0, 345))))
            item["at"] = at.astimezone(zone).isoformat(timespec="milliseconds")
            self.places.append((board, at))
        if board in self.year.metadata and chance.random() < 0.4:
            item["metadata"] = {"n": str(chance.randint(1, 3))}
        return item

    def _score(self, board: str) -> str:
        chance, field = self.chance, self.year.rules(board).fields[0]
        if self.year.rules(board).operator == "sum":
            return str(chance.choice((-4, -1, 0, 1, 2, 5, 9, 2000)))
        whole = chance.choice((-6, -1, 0, 0, 1, 2, 2, 3)) if chance.random() < 0.96 else 7
        return f"{whole}.5" if field.decimals and chance.random() < 0.3 else str(whole)

    def _time(self, board: str, *, backfill: bool) -> datetime | None:
        """Now, late within the grace or beyond, ahead; for a backfill from any time, and from where others were."""
        chance, now, rules = self.chance, self.year.now, self.year.rules(board)
        if not backfill and chance.random() < 0.4:
            return None
        if self.places and chance.random() < (0.6 if backfill else 0.1):
            return chance.choice(self.places[-30:] if chance.random() < 0.6 else self.places)[1]
        if backfill:
            return now - chance.choice((0.1, 3, 40, 420)) * chance.random() * _DAY + chance.choice((0, 0, 0, 5)) * _DAY
        name = chance.choice([name for name in rules.kept if name != "all"])
        start = rules.calendar.at(name, now).starts_at
        assert start is not None
        return chance.choice(
            (
                now + chance.choice((1, 59, 60, 61)) * _SECOND,
                now - chance.random() * rules.grace,
                start - chance.choice((0.001, 1)) * _SECOND,
                now - rules.grace - chance.choice((0, 0.001, 3600)) * _SECOND,
                now - chance.random() * 10 * _DAY,
            )
        )
