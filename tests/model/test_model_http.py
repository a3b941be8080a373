"""The service against the model: whole random games, and the definitions and numerals it must refuse."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from .drive import Driver
from .plays import Play
from .shrink import smallest
from .strategies import plays
from .wire import Caller, Service, board_path, check_error, exact

START = datetime(2031, 6, 4, 12, 0, tzinfo=UTC)
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "30" if os.environ.get("CI") else "5"))
SHRINK_SECONDS = float(os.environ.get("MODEL_SHRINK_SECONDS", "60"))

SUBSCORE = {"order": "asc", "min": 0, "max": 9}
BOUNDED = {"type": "integer", "min": 0, "max": 99}
WIDE = {"type": "integer", "min": 0, "max": 2**40}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # `smallest` shrinks, and much faster
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,  # every example starts a game of its own
    ],
)
@given(play=plays())
def test_the_service_answers_as_the_model_does(service: Service, play: Play) -> None:
    if failure_of(service, play) is None:
        return
    play = smallest(play, lambda candidate: failure_of(service, candidate) is not None, SHRINK_SECONDS)
    note(f"The smallest play that fails:\n{play.written()}")
    Driver(service, play).run(play)
    pytest.fail("failed before, and now it does not")


def failure_of(service: Service, play: Play) -> Exception | None:
    """What goes wrong in a play, an answer of an unexpected shape included."""
    try:
        Driver(service, play).run(play)
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as failure:
        return failure
    return None


@pytest.fixture
def caller(service: Service) -> Caller:
    caller = Caller(service, START)
    caller.move_to(START)
    service.new_game()
    return caller


def put(caller: Caller, definition: dict[str, Any], status: int = 201) -> Any:
    answer = caller.send("PUT", board_path("cup"), body=json.dumps(definition))
    assert answer.status == status, (definition, answer.json)
    return answer


def submit(caller: Caller, score: str) -> Any:
    body = f'{{"player": "ada", "score": {score}}}'
    return caller.send("POST", board_path("cup", "scores"), body=body)


@pytest.mark.parametrize(
    "definition",
    [
        {"operator": "last", "max_entries": 3},
        {"operator": "sum", "max_entries": 3},
        {"max_entries": 3, "rolling": ["7d"]},
        {"ties": "dense", "partitions": 2},
        {"score": BOUNDED, "subscore": {"order": "asc"}},
        {"score": BOUNDED, "subscore": {"order": "asc", "min": 0}},
        {"score": {"type": "integer", "max": 2**60}},
        {"score": {"type": "integer", "min": -(2**60)}},
        {"order": "up"},
        {"operator": "most"},
        {"ties": "random"},
        {"periods": ["decade"]},
        {"rolling": ["90d"]},
        {"time_zone": "Europe/Atlantis"},
        {"week_start": "someday"},
        {"day_start": "25:00"},
        {"max_entries": 0},
        {"partitions": 0},
        {"score": {"type": "integer", "min": 9, "max": 3}},
    ],
    ids=json.dumps,
)
def test_a_definition_that_does_not_go_together_is_refused(caller: Caller, definition: dict[str, Any]) -> None:
    check_error(put(caller, definition, 422), 422)
    assert caller.send("GET", board_path("cup")).status == 404


@pytest.mark.parametrize(
    "definition",
    [
        {"score": {"type": "integer", "min": 0, "max": 2**64}},
        {"score": WIDE, "ties": "first"},
        {"score": {"type": "number", "decimals": 2, "min": -(10**9), "max": 10**9}, "ties": "last"},
        {"score": WIDE, "subscore": {"order": "desc", "min": 0, "max": 2**40}},
    ],
    ids=json.dumps,
)
def test_fields_that_do_not_fit_are_refused(caller: Caller, definition: dict[str, Any]) -> None:
    assert check_error(put(caller, definition, 422), 422) == "board_does_not_fit"


NUMBER, INTEGER, CENTS = {"type": "number"}, {"type": "integer"}, {"type": "number", "decimals": 2}
BIG = {"type": "integer", "min": 0, "max": 2**61}


@pytest.mark.parametrize(
    ("score", "literal", "is_held"),
    [
        (NUMBER, "9007199254740992", True),
        (NUMBER, "9007199254740993", False),
        (NUMBER, "9007199254740993.0", False),
        (NUMBER, "1e17", True),
        (NUMBER, "1e23", False),
        (NUMBER, "1.7976931348623157e308", False),
        (NUMBER, "0.1", True),
        (NUMBER, "5e-324", True),
        (INTEGER, "12.0", True),
        (INTEGER, "120e-1", True),
        (INTEGER, "1.5", False),
        (INTEGER, "1e-400", False),
        (CENTS, "1.25", True),
        (CENTS, "1.250", True),
        (CENTS, "1.255", False),
        (CENTS, "90071992547409.91", True),
        (BIG, "1009651914519660511", True),
        (BIG, "1009651914519660511.0", True),
        (BIG, "1e17", True),
    ],
)
def test_a_numeral_is_held_as_it_is_or_refused(
    caller: Caller, score: dict[str, Any], literal: str, is_held: bool
) -> None:
    put(caller, {"score": score})
    answer = submit(caller, literal)
    entries = caller.read(board_path("cup", "top"))["entries"]
    if not is_held:
        assert check_error(answer, 422) == "score_not_exact"
        assert entries == []
        return
    assert exact(answer.json["score"]) == Fraction(literal)
    assert [exact(entry["score"]) for entry in entries] == [Fraction(literal)]


@pytest.mark.parametrize("score", ['"12"', "true", "null", "NaN", "Infinity", "1e400", "[]"])
def test_what_is_no_number_is_refused(caller: Caller, score: str) -> None:
    put(caller, {})
    answer = submit(caller, score)
    assert answer.status in {400, 422}
    check_error(answer, answer.status)
    assert caller.read(board_path("cup", "top"))["total"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"order": "asc"},
        {"operator": "sum"},
        {"ties": "dense"},
        {"score": {"type": "integer"}},
        {"subscore": SUBSCORE, "score": BOUNDED},
        {"time_zone": "Europe/Vienna"},
        {"week_start": "sunday"},
        {"day_start": "04:00"},
    ],
    ids=json.dumps,
)
def test_what_scores_rest_on_cannot_be_changed(caller: Caller, change: dict[str, Any]) -> None:
    put(caller, {})
    put(caller, change, 200)
    put(caller, {}, 200)
    submit(caller, "3")
    check_error(put(caller, change, 409), 409)
    put(caller, {"periods": ["all", "year"], "late_grace_seconds": 0}, 200)
    assert caller.read(board_path("cup", "top"))["total"] == 1
    year = caller.read(board_path("cup", "top"), {"period": "year"})
    assert (year["total"], year["period"]["id"]) == (0, "2031")


@pytest.mark.parametrize("name", ["week", "hour"])
def test_a_period_that_is_not_kept_cannot_be_read(caller: Caller, name: str) -> None:
    put(caller, {"periods": ["all", "day"]})
    assert caller.send("GET", board_path("cup", "top"), query={"period": name}).status in {404, 422}
