"""Submitting scores, one or many, and forgetting players."""

from typing import Any

from leaderboard import jsontext
from leaderboard.api import bodies
from leaderboard.api.operations import Answer, Call, Operation
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
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.submissions import Result
from leaderboard.errors import Conflict, Forbidden, InvalidInput, UnknownBoard, UnknownPlayer
from leaderboard.reports import Marking, Refusal, Report
from leaderboard.store.idempotency import Plan, check_digest, digest_of, request_name

_LONGEST_KEY = 200


def submit(call: Call) -> Answer:
    media_type, body = call.read_body()
    submission = items.read_submission(jsontext.loads(body))
    board = call.services.registry.get(call.game, call.path["board"])
    ranks = _ranks(call.query.get("ranks"), board)
    context = Context(call.now, ranks=ranks, by_client=call.identity.role != "server")
    marking = None
    if (name := _request_name(call)) is not None:
        digest = digest_of(media_type.encode(), body, call.request.query_string)
        marking = Marking(name, digest, call.services.plans.lifetime_ms, mark_refused=False)
    result = call.services.submissions.submit(board, submission, context, marking)
    if marking is not None and result.replayed_digest is not None:
        check_digest(result.replayed_digest, marking.digest)
        if result.born != board.born:
            raise Conflict("This was answered on a board of that name that is gone.", code="board_replaced")
    if result.refusal is not None:
        _raise(result.refusal, board)
    replayed = {"Idempotency-Replayed": "true"} if result.replayed_digest is not None else {}
    return Answer(_submit_document(submission, result), headers=replayed)


def submit_many(call: Call) -> Answer:
    settings, plans = call.services.settings, call.services.plans
    media_type, body = call.read_body(settings.max_body_bytes, (bodies.JSON, bodies.NDJSON))
    by_client = call.identity.role != "server"
    if call.query["backfill"] and by_client:
        raise Forbidden("A backfill needs a server key.")
    read = items.read_lines if media_type == bodies.NDJSON else items.read_json_items
    received, good, rejected = read(body, settings.max_bulk_items)
    plan = Plan(digest_of(media_type.encode(), body, call.request.query_string), call.now, settings.chunk_items)
    name, marking = _request_name(call), None
    if name is not None:
        plan = plans.begin(name, plan)
        if plan.answer is not None:
            return Answer(plan.answer, headers={"Idempotency-Replayed": "true"})
        marking = Marking(name, plan.digest, plans.lifetime_ms)
    context = Context(plan.at, backfill=call.query["backfill"], by_client=by_client)
    report = call.services.submissions.submit_many(
        call.game, good, context, chunk_items=plan.chunk_items, marking=marking
    )
    report.received = received
    report.rejected = sorted([*report.rejected, *rejected], key=lambda one: one.index)
    answer = jsontext.dumps(_report_document(report))
    if name is not None:
        plans.finish(name, plan, answer)
    return Answer(answer)


def forget_on_board(call: Call) -> Answer:
    board = call.services.registry.fresh(call.game, call.path["board"])
    if not call.services.removal.forget(board, call.path["player"]):
        raise UnknownPlayer(call.path["player"])
    return Answer(status=204)


def forget_everywhere(call: Call) -> Answer:
    counts = call.services.removal.forget_everywhere(call.game, call.path["player"])
    return Answer({"player": call.path["player"], "boards": counts})


def _request_name(call: Call) -> str | None:
    key = call.request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise InvalidInput(f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.", code="invalid_idempotency_key")
    return request_name((call.identity.key_id, call.request.method, call.request.path, key))


def _ranks(given: str | None, board: Board) -> frozenset[str]:
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


def _submit_document(submission: Submission, result: Result) -> dict[str, Any]:
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


def _report_document(report: Report) -> dict[str, Any]:
    return {
        "received": report.received,
        "applied": report.applied,
        "unchanged": report.unchanged,
        "rejected": [
            {"index": one.index, "code": one.refusal.code, "detail": one.refusal.detail} for one in report.rejected
        ],
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
        bulk=True,
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
