"""A running service and what is on it: boards with their players, and bare sorted sets like them."""

import argparse
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchlib.cases import PERIODS, Requests, applied
from benchlib.players import Drawn, Players
from benchlib.raw import Bare
from benchlib.service import BOARD, Home, Service
from benchlib.wire import Load, Sample, http

BoardName = Literal["main", "one", "many", "few", "grown"]
FEW = 10_000
SMALL_MEMBERS = 10
LOADERS = 8
_CHECKED = 1000


@dataclass(frozen=True)
class _Plan:
    board: str
    periods: tuple[str, ...]
    count: int


class Stage:
    """One data folder and the service on it. Boards are made and filled when first asked for."""

    service: Service

    def __init__(self, home: Home, options: argparse.Namespace) -> None:
        self.home = home
        self.options = options
        self.problems: list[str] = []
        self._players: dict[str, Players] = {}
        self._bare: dict[str, Bare] = {}
        self._plans: dict[BoardName, _Plan] = {
            "main": _Plan(BOARD, PERIODS, options.players),
            "one": _Plan("one", PERIODS[:1], options.players),
            "many": _Plan("many", PERIODS, options.many),
            "few": _Plan("few", PERIODS, FEW),
            "grown": _Plan("many" if options.growth == options.many else "grown", PERIODS, options.growth),
        }

    def start(self, workers: int, settings: Mapping[str, str]) -> float:
        """Starts the service, anew if one runs; the boards stay. Seconds until it was ready."""
        self.service = self.home.start(workers, {**settings, **dict(pair.split("=", 1) for pair in self.options.set)})
        return self.service.start_seconds

    @property
    def address(self) -> tuple[str, int]:
        """Of the service."""
        return self.service.host, self.service.port

    def store(self) -> Any:
        """A client of the service's own store."""
        return self.service.store()

    def drawn(self, usual: Drawn) -> Drawn:
        """How players are drawn, unless the caller of the program wants it otherwise."""
        found: Drawn = self.options.players_drawn or usual
        return found

    def count(self, name: BoardName) -> int:
        """Players on a board."""
        return self._plans[name].count

    def board(self, name: BoardName) -> tuple[Requests, Players]:
        """A board with everybody on it."""
        plan = self._plans[name]
        requests = self._requests(plan.board)
        if plan.board not in self._players:
            players = self._players[plan.board] = Players(plan.count)
            self.service.call("PUT", f"/boards/{plan.board}", {"operator": "best", "periods": list(plan.periods)})
            load = Load(self.address, LOADERS, requests.everybody(players), http, applied)
            sample = self.quietly(f"load of {plan.board}", load)
            if sample.tally != players.count:
                self.problems.append(f"load of {plan.board}: {sample.tally} of {players.count} scores were applied")
            rate = sample.tally / sample.seconds
            print(f"load: {sample.tally:,} new players in {sample.seconds:.1f} s, {rate:,.0f} scores/s", flush=True)
        return requests, self._players[plan.board]

    def bare(self, name: BoardName) -> Bare:
        """Sorted sets with what a board was filled with, in the same store."""
        plan = self._plans[name]
        if plan.board not in self._bare:
            self._bare[plan.board] = Bare(self.store(), plan.board, plan.periods, plan.count)
        return self._bare[plan.board]

    def small_boards(self, count: int) -> tuple[Iterator[int], list[Requests]]:
        """Boards of SMALL_MEMBERS players each, of whom the last score counts; and random scores."""
        chance = random.Random(1).random
        scores = (10_000_000 + int(chance() * 90_000_000) for _ in itertools.count())
        definition = json.dumps({"operator": "last", "periods": ["all"]}).encode()
        boards = [self._requests(f"small-{number:04d}") for number in range(count)]
        firsts = (board.lines(list(enumerate(itertools.islice(scores, SMALL_MEMBERS)))) for board in boards)
        self.quietly("making small boards", Load(self.address, 2, (board.put(definition) for board in boards), http))
        self.quietly("load of small boards", Load(self.address, LOADERS, firsts, http))
        return scores, boards

    def quietly(self, what: str, load: Load) -> Sample:
        """To the end of what there is to send; failures are noted."""
        sample = load.run(None)
        self.problems += [f"{what}: {count} x {why}" for why, count in sample.failures.most_common()]
        return sample

    def check(self) -> None:
        """Whether the boards hold what was submitted: a fast wrong answer is none."""
        for board, players in self._players.items():
            numbers = range(min(_CHECKED, players.count))
            names = [Players.name(number) for number in numbers]
            found = self.service.call("POST", f"/boards/{board}/lookup", {"players": names})["entries"]
            scores = {entry["player"]: entry["score"] for entry in found}
            wrong = sum(scores.get(Players.name(number)) != players.best[number] for number in numbers)
            if wrong:
                self.problems.append(f"check: {wrong} of {len(names)} players on {board} lack their best score")

    def clear(self) -> None:
        """Removes the bare sets."""
        for bare in self._bare.values():
            bare.remove()
        self._bare = {}

    def _requests(self, board: str) -> Requests:
        return Requests(f"{self.service.host}:{self.service.port}", self.service.key, board)
