"""Submitting scores, one or many, and forgetting players."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leaderboard import jsontext
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
from leaderboard.errors import Conflict, Forbidden, InvalidInput, TooManyRequests, UnknownBoard, UnknownPlayer
from leaderboard.reports import Marking, Refusal, Rejection
from leaderboard.store.idempotency import Limited, Plan, check_digest

_REPLAYED = {"Idempotency-Replayed": "true"}
_Items = tuple[int, list[Item], list[Rejection]]


def submit(call: Call) -> Answer:
    submission = items.read_submission(call.read_json())
    board = call.services.registry.get(call.game, call.path["board"])
    ranks = ranks_of(call.query.get("ranks"), board)
    context = Context(call.now, ranks=ranks, by_client=call.is_client)
    marking = bulk.single_marking(call)
    if may_write(call, board):  # else it is refused, and must not use up what others have
        call.check_limits(submission.player)
    if marking is not None and len(board.parts) > 1:
        return _submit_to_parts(call, board, submission, context, marking)
    document, is_replay = _submitted(call, board, submission, context, marking)
    return Answer(document, headers=_REPLAYED if is_replay else {})


def _submit_to_parts(call: Call, board: Board, submission: Submission, context: Context, marking: Marking) -> Answer:
    """A submission that may come again: it must get the same answer then, though the marker knows but one part.

    So its answer is kept, with the board that it was given on, once it is made. Until then the marker sees to it that
    it is applied once.
    """
    plans = call.services.plans
    kept = plans.find(marking.request)
    is_replay = kept is not None
    if kept is None:
        document, is_replay = _submitted(call, board, submission, context, marking)
        answer = board.born.encode() + b"\n" + jsontext.dumps(document)
        kept = plans.begin(marking.request, Plan(marking.digest, call.now, 1, answer))
    check_digest(kept.digest, marking.digest)
    born, _, body = (kept.answer or b"").partition(b"\n")
    if born != board.born.encode():
        raise _replaced()
    return Answer(body, headers=_REPLAYED if is_replay else {})


def _submitted(
    call: Call, board: Board, submission: Submission, context: Context, marking: Marking | None
) -> tuple[dict[str, Any], bool]:
    """What a submission is answered, and whether it was applied before."""
    result = call.services.submissions.submit(board, submission, context, marking)
    if marking is not None and result.replayed_digest is not None:
        check_digest(result.replayed_digest, marking.digest)
        if result.born != board.born:
            raise _replaced()
    if result.refusal is not None:
        _raise(result.refusal, board)
    return submit_document(submission, result), result.replayed_digest is not None


def _replaced() -> Conflict:
    return Conflict("This was answered on a board of that name that is gone.", code="board_replaced")


def submit_many(call: Call) -> Answer:
    def parse(body: bulk.Body, _at: datetime) -> _Items:
        read = items.read_lines if body.is_lines else items.read_json_items
        return read(body.data, call.services.settings.max_bulk_items)

    def limit(parsed: _Items) -> Limited:
        return {} if call.query["backfill"] else _over_limits(call, parsed[1])

    def run(parsed: _Items, plan: Plan, marking: Marking | None) -> dict[str, Any]:
        received, good, rejected = _without(plan.limited, parsed)
        context = Context(plan.at, backfill=call.query["backfill"], by_client=call.is_client)
        report = call.services.submissions.submit_many(
            call.game, good, context, chunk_items=plan.chunk_items, marking=marking
        )
        report.received = received
        report.rejected = sorted([*report.rejected, *rejected], key=lambda one: one.index)
        return bulk.report_document(report)

    return bulk.carry_out(call, parse, run, limit)


def _over_limits(call: Call, good: Sequence[Item]) -> Limited:
    boards = {name: _may_write_to(call, name) for name in {item.board for item in good}} if call.is_limited else {}
    counting = [item for item in good if boards.get(item.board)]
    places = call.over_limits([item.submission.player for item in counting])
    return {why: [counting[place].index for place in found] for why, found in places.items()}


def _may_write_to(call: Call, name: str) -> bool:
    try:
        return may_write(call, call.services.registry.get(call.game, name))
    except UnknownBoard:
        return False


def _without(limited: Limited, parsed: _Items) -> _Items:
    """The items, those that are over a limit among the rejected."""
    received, good, rejected = parsed
    over = {index: Refusal(TooManyRequests.code, why) for why, found in limited.items() for index in found}
    more = [Rejection(index, refusal) for index, refusal in over.items()]
    return received, [item for item in good if item.index not in over] if over else good, [*rejected, *more]


def may_write(call: Call, board: Board) -> bool:
    """Whether the caller may submit to a board, as far as this process knows it."""
    return not call.is_client or board.definition["writes"] == "client"


def forget_on_board(call: Call) -> Answer:
    board = call.services.registry.fresh(call.game, call.path["board"])
    if not call.services.removal.forget(board, call.path["player"]):
        raise UnknownPlayer(call.path["player"])
    return Answer(status=204)


def forget_everywhere(call: Call) -> Answer:
    player = call.path["player"]
    forgotten = call.services.forget_player(call.game, player)
    return Answer({"player": player, "boards": forgotten.boards})


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
