"""A year in the life of some boards, by seed: what happens, over HTTP, and the model of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import pytest

from leaderboard.boards import copying, sealing
from leaderboard.errors import Interrupted, Unavailable
from leaderboard.store.scripts import Call
from tests.conftest import Service
from tests.model.periods import Period
from tests.model.reference import Outcome
from tests.model.rules import RefusedError
from tests.model.wire import Caller, batch_text, board_path, exact, item_text, player_path, seen_rows, told_rows
from tests.periods.running import DoomedRun, FreeRun
from tests.periods.tap import Fault, Killed, Tap
from tests.periods.turns import Turns
from tests.periods.year_boards import START, YearModel, make_definitions

_ROWS_AT_ONCE = 3
_GOES_ON = (Interrupted, Unavailable, Killed)


@dataclass(eq=False)
class Request:
    """A submission, single or bulk, and what became of it in the store so far: board -> index -> outcome."""

    items: list[dict[str, Any]]
    single: bool
    backfill: bool = False
    key: str | None = None
    counts_as: datetime | None = None  # of a bulk with a key: when it was first tried
    began: datetime | None = None
    done: dict[str, dict[int, Outcome | RefusedError]] = field(default_factory=dict)
    answer: Any = None
    ranked: bool = True  # False: somebody was being forgotten meanwhile, whom the model still knew


@dataclass(frozen=True)
class _Watch:
    year: Year
    request: Request

    def __call__(self, call: Call, answer: Any) -> None:
        self.year.take(self.request, call, answer)


@dataclass
class SealingRun:
    """One call of the scheduler's job, that may come to a bad end."""

    doomed_at: int | None = None
    fault: Fault | None = None

    @property
    def is_safe(self) -> bool:
        return self.doomed_at is None and self.fault is None


class Year:
    """One game, its boards, the model, and everything that can be done to them."""

    def __init__(self, service: Service, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.service, self.chance, self.journal = service, Random(seed), list[str]()
        self.caller = Caller(service, START)
        self.caller.move_to(START)
        self.model = YearModel()
        self.definitions = make_definitions(self.chance)
        self.metadata = set(self.chance.sample(sorted(self.definitions), 2))
        for name, definition in self.definitions.items():
            answer = self.caller.send("PUT", board_path(name), body=json.dumps(definition))
            assert answer.status == 201, answer.json
            tick_ms = answer.json.get("tie_resolution_ms")
            self.model.put_board(name, definition, tick_ms)
            self.note(f"{name} {definition} metadata={name in self.metadata}")
        self.forgetting: str | None = None
        self.changes = 0
        monkeypatch.setattr(copying, "ROWS_AT_ONCE", _ROWS_AT_ONCE)
        monkeypatch.setattr(sealing, "ROWS_AT_ONCE", _ROWS_AT_ONCE)
        services = service.services
        game = service.game
        monkeypatch.setattr(services.registry, "everywhere", lambda: services.registry.all(game))
        begin = services.plans.begin
        monkeypatch.setattr(services.plans, "begin", lambda name, plan: self._plan(begin(name, plan)))
        for name in self.metadata:  # from now on it is known that metadata comes, so nobody waits for a lock
            registry = services.registry
            registry.keep_metadata(registry.get(game, name), START)
        self.turns = Turns(self.chance)
        self.tap = Tap(services, self.turns, monkeypatch)

    @property
    def now(self) -> datetime:
        return self.caller.now

    def end(self) -> None:
        """Leaves nothing in the store, which all years share."""
        client = self.service.services.store.client
        if names := list(client.scan_iter(match=f"lb:{{{self.service.game}:*", count=5000)):
            client.delete(*names)
        for board in self.definitions:
            self.service.request("DELETE", board_path(board))

    def note(self, text: str) -> None:
        self.journal.append(f"{self.now.isoformat(timespec='milliseconds')} {text}")

    def rules(self, board: str) -> Any:
        return self.model.boards[board].rules

    def move_to(self, now: datetime) -> None:
        """Time passes, and takes the keys along whose lives are over."""
        self.caller.move_to(max(now, self.now))
        client = self.service.services.store.client
        names = list(client.scan_iter(match=f"lb:{{{self.service.game}:*", count=5000))
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.expiretime(name)
        over = [n for n, at in zip(names, pipeline.execute(), strict=True) if START.timestamp() < at <= now.timestamp()]
        if over:
            self.note(f"expired {[name.decode().rsplit('}:', 1)[1] for name in over]}")
            client.delete(*over)

    def send(self, request: Request, fault: Fault | None = None) -> bool:
        """Sends it once; whether it was answered, and not with a 503."""
        request.began = request.began or self.now
        headers = {"Idempotency-Key": request.key} if request.key else {}
        if request.single:
            item = dict(request.items[0])
            path, body, kind = board_path(item.pop("board"), "scores"), item_text(item), {}
        else:
            path = "/v1/scores"
            body, kind = batch_text(request.items, ndjson=False)
        query = {"backfill": "true"} if request.backfill else None
        with self.tap.set(fault=fault, watch=_Watch(self, request)):
            answer = self.service.request(
                "POST",
                path,
                data=body,
                query=query,
                headers={"Content-Type": "application/json", **kind, **headers},
            )
        self.note(f"{self._told(request)} -> {answer.status} {answer.body.decode()[:300]} {fault or ''}")
        if answer.status == 503:
            assert _struck(fault), (request, answer.json)
            return False
        if request.single:
            self._check_single(request, answer)
        else:
            self._check_bulk(request, answer)
        return True

    def _told(self, request: Request) -> str:
        return ("single" if request.single else "bulk") + f" {request.items} backfill={request.backfill} {request.key}"

    def _plan(self, plan: Any) -> Any:
        watch = self.tap.watch
        assert isinstance(watch, _Watch)
        request = watch.request
        assert request.counts_as in (None, plan.at), "a plan changed its time"
        request.counts_as = plan.at
        return plan

    def take(self, request: Request, call: Call, answer: Any) -> None:
        """What the store has taken, the model takes in the same moment."""
        if call.script != "submit" or answer[0] not in (b"done", b"replay"):
            return
        board = call.keys[0].partition("}")[0].partition(":{")[2].partition(":")[2]
        if answer[0] == b"replay":
            assert board in request.done, ("a replay of what was never applied", request)
            return
        indexes = [index for index, item in enumerate(request.items) if item["board"] == board]
        again = board in request.done and not all(isinstance(o, RefusedError) for o in request.done[board].values())
        assert not again, ("applied twice", request)
        closed = self.service.services.store.client.hget(call.keys[0], "closed")
        self.model.closed_ms = int(closed or 0)
        request.done[board] = {index: self._offer(request, request.items[index]) for index in indexes}
        request.ranked = self.forgetting is None
        self.changes += 1

    def _offer(self, request: Request, item: dict[str, Any]) -> Outcome | RefusedError:
        now = self.now if request.single or request.counts_as is None else request.counts_as
        try:
            return self.model.submit(item["board"], item, now, backfill=request.backfill)
        except RefusedError as refusal:
            return refusal

    def _check_single(self, request: Request, answer: Any) -> None:
        outcome = request.done[request.items[0]["board"]][0]
        if isinstance(outcome, RefusedError):
            assert answer.status == 422, (request, answer.status, answer.json)
            assert outcome.allows(answer.json["code"]), (outcome, answer.json)
            return
        assert answer.status == 200, (request, answer.status, answer.json)
        told = answer.json
        assert told["updated"] is outcome.updated, (request, told, outcome)
        assert told["periods"].keys() == outcome.periods.keys(), (request, told, outcome)
        for name, line in told["periods"].items():
            one = outcome.periods[name]
            assert (line["id"], line["updated"]) == (one.period.id, one.updated), (request, told, one)
            assert exact(line["score"]) == one.values[0], (request, told, one)
            if request.ranked:
                assert (line["rank"], line["previous_rank"]) == (one.rank, one.previous_rank), (request, told, one)

    def _check_bulk(self, request: Request, answer: Any) -> None:
        assert answer.status == 200, (request, answer.status, answer.json)
        outcomes = {index: outcome for done in request.done.values() for index, outcome in done.items()}
        for index, item in enumerate(request.items):
            if index not in outcomes:
                assert item["board"] not in self.definitions, ("never applied", request, answer.json)
                outcomes[index] = RefusedError({"unknown_board"})
        told = answer.json
        refused = {index: one for index, one in outcomes.items() if isinstance(one, RefusedError)}
        taken = [one for one in outcomes.values() if isinstance(one, Outcome)]
        assert {line["index"] for line in told["rejected"]} == refused.keys(), (request, told, refused)
        assert all(refused[line["index"]].allows(line["code"]) for line in told["rejected"]), (told, refused)
        applied = sum(one.updated for one in taken)
        assert (told["applied"], told["unchanged"]) == (applied, len(taken) - applied), (request, told)
        if request.answer is not None:
            assert request.answer == told, (request, told)
        request.answer = told

    def forget(self, board: str | None, player: str, fault: Fault | None = None, *, alone: bool = True) -> bool:
        """Whether the player is forgotten by now; until then the model knows the player, and nobody should look."""
        self.forgetting = player
        with self.tap.set(fault=fault):
            answer = self.service.request("DELETE", player_path(player, board))
        self.note(f"forget {player!r} {board} -> {answer.status} {fault or ''}")
        if answer.status == 503:
            assert _struck(fault) or not alone, answer.json
            return False
        assert answer.status in (200, 204, 404), (answer.status, answer.json)
        self.model.delete_player(board, player) if board else self.model.delete_player_everywhere(player)
        self.forgetting = None
        self.changes += 1
        return True

    def seal(self, how: SealingRun = SealingRun(), *, alone: bool = True) -> dict[str, int] | None:  # noqa: B008
        """One sealing run; None for one that came to a bad end."""
        run = self._run(how.doomed_at)
        try:
            with self.tap.set(fault=how.fault):
                counts = self.service.services.sealing.run(self.now, run)
        except _GOES_ON as error:
            self.note(f"seal {how} -> {error!r}")
            if alone and how.is_safe:
                raise
            return None
        self.note(f"seal {how} -> {counts}")
        return counts

    def _run(self, doomed_at: int | None) -> FreeRun:
        run = FreeRun() if doomed_at is None else DoomedRun(doomed_at)
        checkpoint = run.checkpoint

        def switch() -> None:
            self.turns.switch()
            checkpoint()

        run.checkpoint = switch  # type: ignore[method-assign]
        return run

    def read(self, board: str, period: Period) -> None:
        """Reads one standing while others write; judges it only if nothing changed meanwhile."""
        before = self.changes
        told = self.caller.read(board_path(board, "top"), {"period": period.name, "id": period.id, "limit": "1000"})
        if self.forgetting is None and before == self.changes:
            rows, _ = self.model.top(board, period, 1000)
            assert seen_rows(self.rules(board), told["entries"]) == told_rows(rows), ("read", board, period.id, told)

    def together(self, works: dict[str, Callable[[], object]]) -> None:
        """Some at a time; a sealing run may lose its copy to another one, all else must succeed."""
        self.note(f"together {list(works)}:")
        for name, error in self.turns.run(works).items():
            if error is not None:
                raise AssertionError(f"{name} failed: {error!r}") from error
        self.note("together: done")


def _struck(fault: Fault | None) -> bool:
    return fault is not None and fault.struck


def fail_with(year: Year, seed: int, faults: list[str]) -> None:
    """Ends the test, telling how it came to this."""
    told = "\n".join(year.journal)
    pytest.fail(f"Seed {seed}:\n{told}\nSeed {seed} ends with:\n" + "\n".join(faults), pytrace=False)
