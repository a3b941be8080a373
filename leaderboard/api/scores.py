"""Submitting scores, one or many, and forgetting players."""

from datetime import datetime
from typing import Any

from leaderboard.api import bulk
from leaderboard.api.operations import Call, Operation
from leaderboard.api.replies import Answer
from leaderboard.api.schemas import (
    BulkAnswer,
    BulkQuery,
    NoQuery,
    RemovedAnswer,
    SubmitAnswer,
    SubmitQuery,
)
from leaderboard.boards import items
from leaderboard.boards.batches import Context, Submission
from leaderboard.boards.chunks import Item
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.submissions import Result
from leaderboard.errors import Conflict, Forbidden, InvalidInput, UnknownBoard, UnknownPlayer
from leaderboard.reports import Marking, Refusal, Rejection
from leaderboard.store.idempotency import Plan, check_digest

_Items = tuple[int, list[Item], list[Rejection]]


def submit(call: Call) -> Answer:
    submission = items.read_submission(call.read_json())
    board = call.services.registry.get(call.game, call.path["board"])
    ranks = ranks_of(call.query.get("ranks"), board)
    context = Context(call.now, ranks=ranks, by_client=call.is_client)
    marking = bulk.single_marking(call)
    result = call.services.submissions.submit(board, submission, context, marking)
    if marking is not None and result.replayed_digest is not None:
        check_digest(result.replayed_digest, marking.digest)
        if result.born != board.born:
            raise Conflict("This was answered on a board of that name that is gone.", code="board_replaced")
    if result.refusal is not None:
        _raise(result.refusal, board)
    replayed = {"Idempotency-Replayed": "true"} if result.replayed_digest is not None else {}
    return Answer(submit_document(submission, result), headers=replayed)


def submit_many(call: Call) -> Answer:
    def parse(body: bulk.Body, _at: datetime) -> _Items:
        read = items.read_lines if body.is_lines else items.read_json_items
        return read(body.data, call.services.settings.max_bulk_items)

    def run(parsed: _Items, plan: Plan, marking: Marking | None) -> dict[str, Any]:
        received, good, rejected = parsed
        context = Context(plan.at, backfill=call.query["backfill"], by_client=call.is_client)
        report = call.services.submissions.submit_many(
            call.game, good, context, chunk_items=plan.chunk_items, marking=marking
        )
        report.received = received
        report.rejected = sorted([*report.rejected, *rejected], key=lambda one: one.index)
        return bulk.report_document(report)

    return bulk.carry_out(call, parse, run)


def forget_on_board(call: Call) -> Answer:
    board = call.services.registry.fresh(call.game, call.path["board"])
    if not call.services.removal.forget(board, call.path["player"]):
        raise UnknownPlayer(call.path["player"])
    return Answer(status=204)


def forget_everywhere(call: Call) -> Answer:
    services, player = call.services, call.path["player"]
    counts = services.removal.forget_everywhere(call.game, player)
    services.activity.forget(call.game, player)
    services.funnels.forget(call.game, player)
    return Answer({"player": player, "boards": counts})


def ranks_of(given: str | None, board: Board) -> frozenset[str]:
    """The periods whose ranks a submission answers. Raises InvalidInput."""
    if given is None:
        return frozenset(PERIOD_NAMES)
    if given == "none":
        return frozenset()
    names = given.split(",")
    unknown = [name for name in names if name not in PERIOD_NAMES]
    if unknown:
        raise InvalidInput("No such period.", fields={"ranks": [f"{name!r} is no period." for name in unknown]})
    missing = [name for name in names if name not in board.periods]
    if missing:
        raise InvalidInput(
            f"This board keeps no {', '.join(missing)}.", code="period_not_kept", fields={"ranks": ["Not kept."]}
        )
    return frozenset(names)


def _raise(refusal: Refusal, board: Board) -> None:
    if refusal.code == "forbidden":
        raise Forbidden(refusal.detail)
    if refusal.code == "unknown_board":
        raise UnknownBoard(board.name)
    raise InvalidInput(refusal.detail, code=refusal.code, fields={refusal.field: [refusal.detail]})


def submit_document(submission: Submission, result: Result) -> dict[str, Any]:
    """What a submission is answered."""
    with_subscore = result.board is not None and result.board.definition["subscore"] is not None
    periods = {}
    for outcome in reversed(result.periods):
        if outcome.ranked:
            periods[outcome.name] = {
                "id": outcome.id,
                "score": outcome.score,
                **({"subscore": outcome.subscore} if with_subscore else {}),
                "rank": outcome.rank,
                "previous_rank": outcome.previous_rank,
                "updated": outcome.updated,
            }
    widest = result.periods[-1] if result.periods else None  # it may count in rolling windows alone
    return {
        "player": submission.player,
        "score": widest and widest.score,
        "subscore": widest and widest.subscore,
        "updated": result.updated,
        "periods": periods,
    }


OPERATIONS = [
    Operation(
        submit,
        "POST",
        "/boards/{board}/scores",
        "Submit one score",
        {200: SubmitAnswer},
        SubmitQuery,
        body=items.SubmissionBody,
        refusals=(403, 404),
    ),
    Operation(
        submit_many,
        "POST",
        "/scores",
        "Submit many scores, for any boards of the game",
        {200: BulkAnswer},
        BulkQuery,
        body=items.BulkBody,
        line=items.BulkItem,
        refusals=(403,),
    ),
    Operation(
        forget_on_board,
        "DELETE",
        "/boards/{board}/players/{player}",
        "Take a player off a board",
        {204: None},
        NoQuery,
        server_only=True,
        refusals=(404,),
    ),
    Operation(
        forget_everywhere,
        "DELETE",
        "/players/{player}",
        "Forget a player everywhere",
        {200: RemovedAnswer},
        NoQuery,
        server_only=True,
    ),
]
