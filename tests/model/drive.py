"""Play an example against the service and the model side by side."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import singledispatchmethod
from typing import Any

from .changes import change
from .compare import Comparison
from .jobs import dropped_parts, run_job
from .periods import Calendar
from .plays import Bulk, Check, DeleteBoard, DeletePlayer, Job, Move, Operation, Play, PutBoard, Submit
from .reference import Item, ModelGame, Outcome
from .rules import SPANS, TIE_FROM, RefusedError, Rules, rules_of, tick_choices
from .wire import (
    Caller,
    Response,
    Service,
    batch_text,
    board_path,
    check_error,
    item_text,
    player_path,
    seen,
    seen_values,
    utc,
)

GONE = {200, 204}


class Driver:
    """One fresh game, and the model of it."""

    def __init__(self, service: Service, play: Play) -> None:
        self.caller = Caller(service, play.start)
        self.caller.move_to(play.start)
        service.new_game()
        self.model = ModelGame(follows_jobs=True)
        self.definitions = {name: dict(definition) for name, definition in play.definitions.items()}
        for name in self.definitions:
            self._put(name)

    def run(self, play: Play) -> None:
        for count, operation in enumerate(play.operations, start=1):
            self.do(operation)
            if count % 7 == 0:
                self._compare(count).tops()
        self._compare(play.seed).everything()

    def _compare(self, seed: int) -> Comparison:
        return Comparison(self.caller, self.model, seed)

    @singledispatchmethod
    def do(self, operation: Operation) -> None:
        raise TypeError(operation)

    @do.register
    def _(self, operation: Check) -> None:
        self._compare(operation.seed).everything()

    @do.register
    def _(self, operation: Move) -> None:
        since = self.caller.now
        if operation.after is not None:
            # Of any board, or of none: all that matters is that something ends there.
            calendars = [board.rules.calendar for board in self.model.boards.values()]
            since = next(iter(calendars), Calendar()).at(operation.after, since).ends_at or since
        then = since + timedelta(milliseconds=operation.milliseconds)
        self.caller.move_to(max(then, self.caller.now))

    @do.register
    def _(self, operation: Job) -> None:
        run_job(self.caller, operation)
        if operation.name == "sealing":
            self.model.seal(self.caller.now, whole=operation.last is None)
            for board in self.model.boards:
                self._forget_what_is_dropped(board)

    def _forget_what_is_dropped(self, board: str) -> None:
        """Buckets that only windows read are in no archive: once the job takes the old ones, they are gone."""
        held = self.model.boards[board]
        for period in [*held.standings]:
            if period.name in held.rules.kept or period.ends_at is None:
                continue
            first = held.rules.calendar.ago(period.name, self.caller.now, held.rules.span(period.name)).starts_at
            if first and period.ends_at <= first:
                for part in dropped_parts(self.caller.service, board, period.id):
                    standing = held.standings[period]
                    gone = [player for player in standing.entries if held.rules.partition(player) == part]
                    for player in gone:
                        del standing.entries[player]

    @do.register
    def _(self, operation: PutBoard) -> None:
        change(self.definitions[operation.board], operation)
        self._put(operation.board)

    @do.register
    def _(self, operation: DeleteBoard) -> None:
        answer = self.caller.send("DELETE", board_path(operation.board))
        if operation.board in self.model.boards:
            assert answer.status in GONE, answer.json
            self.model.delete_board(operation.board)
        else:
            assert check_error(answer, 404) == "unknown_board"
        if operation.remake:
            self._put(operation.board)

    @do.register
    def _(self, operation: DeletePlayer) -> None:
        board, player = operation.board, operation.player
        answer = self.caller.send("DELETE", player_path(player, board))
        if board is not None and board not in self.model.boards:
            assert check_error(answer, 404) == "unknown_board"
            return
        if board is None:
            found = self.model.delete_player_everywhere(player)
        else:
            found = self.model.delete_player(board, player)
        # Whether forgetting somebody unknown succeeds is left open.
        assert answer.status in (GONE if found else GONE | {404}), answer.json

    @do.register
    def _(self, operation: Submit) -> None:
        item = operation.draft.item(self.caller.now)
        board = item.pop("board")
        asked = self._names_to_rank(board, operation.ranks)
        query = None if asked is None else {"ranks": ",".join(asked) or "none"}
        path = board_path(board, "scores")
        answer = self.caller.send("POST", path, body=item_text(item), query=query)
        outcome = self._submit_to_model(board, item)
        if isinstance(outcome, RefusedError):
            code = check_error(answer, 422 if board in self.model.boards else 404)
            assert outcome.allows(code), (code, outcome.codes, item)
            return
        assert 200 <= answer.status < 300, (item, answer.status, answer.json)
        rules = self.model.boards[board].rules
        self._check_outcome(rules, answer.json, outcome, item, asked)

    def _submit_to_model(self, board: str, item: Item) -> Outcome | RefusedError:
        try:
            return self.model.submit(board, item, self.caller.now)
        except RefusedError as refusal:
            return refusal

    def _names_to_rank(self, board: str, ranks: str | None) -> list[str] | None:
        if ranks is None or board not in self.model.boards:
            return None
        return [] if ranks == "none" else list(self.model.boards[board].rules.kept[::2])

    def _check_outcome(self, rules: Rules, answer: Any, outcome: Outcome, item: Item, asked: list[str] | None) -> None:
        assert answer["player"] == item["player"]
        assert answer["updated"] is outcome.updated, (item, answer)
        if outcome.counted_in_longest:
            assert seen_values(rules, answer) == outcome.values
        shown = rules.kept if asked is None else asked
        wanted = {name: one for name, one in outcome.periods.items() if name in shown}
        must = {name for name, one in wanted.items() if one.period.is_open(self.caller.now)}
        told = answer["periods"]
        # A period that is closed but within the grace may be told of as well.
        assert must <= told.keys() <= wanted.keys(), (told, must)
        for name, line in told.items():
            one = wanted[name]
            score = None if line["score"] is None else seen(rules.fields[0], line["score"])
            assert line["id"] == one.period.id
            assert score == (one.values[0] if one.values else None), (item, line, one)
            assert (line["rank"], line["previous_rank"]) == (one.rank, one.previous_rank), (item, line, one)
            assert line["updated"] is one.updated, (item, line, one)

    @do.register
    def _(self, operation: Bulk) -> None:
        items = [draft.item(self.caller.now) for draft in operation.drafts]
        body, kind = batch_text(items, ndjson=operation.ndjson)
        query = {"backfill": "true"} if operation.backfill else None
        answer = self.caller.send("POST", "/v1/scores", body=body, kind=kind, query=query)
        assert answer.status == 200, (answer.status, answer.json)
        report = self.model.bulk(items, self.caller.now, backfill=operation.backfill)
        told = answer.json
        rejected = {line["index"]: line["code"] for line in told["rejected"]}
        assert rejected.keys() == report.rejected.keys(), (items, told)
        for index, code in rejected.items():
            assert report.rejected[index].allows(code), (items[index], code, report.rejected[index].codes)
        assert all(line["detail"] for line in told["rejected"])
        counts = (told["received"], told["applied"], told["unchanged"])
        assert counts == (report.received, report.applied, report.unchanged), (items, told)

    def _put(self, board: str) -> None:
        definition = self.definitions[board]
        answer = self.put(board, definition)
        known = board in self.model.boards
        assert answer.status == (200 if known else 201), (definition, answer.status, answer.json)
        tick_ms = _told_tick(rules_of(definition), answer.json)
        self.model.put_board(board, definition, tick_ms)
        told = self.caller.read(board_path(board))
        for name in definition.keys() - {"score", "subscore", "periods", "rolling", "retention"}:
            assert told[name] == definition[name], (name, told)
        assert set(told["periods"]) == set(definition["periods"])
        assert told["rolling"] == sorted(definition.get("rolling", []), key=[*SPANS].index)

    def put(self, board: str, definition: dict[str, Any]) -> Response:
        return self.caller.send("PUT", board_path(board), body=json.dumps(definition))


def _told_tick(rules: Rules, answer: Any) -> int | None:
    """The resolution of ties the service chose, None where ties do not look at the time."""
    if not rules.unique:
        return None
    tick_ms = answer["tie_resolution_ms"]
    assert tick_ms in tick_choices(rules.fields), answer
    assert utc(answer["tie_from"]) == TIE_FROM
    assert isinstance(tick_ms, int)
    return tick_ms
