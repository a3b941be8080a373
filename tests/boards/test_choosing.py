"""Which period or window is read: by id, by distance, by the page that somebody is on."""

from datetime import datetime, timedelta

import pytest

from leaderboard.boards import cursors
from leaderboard.boards.choosing import chosen_period, chosen_window
from leaderboard.boards.definition import new_board, read_definition
from leaderboard.boards.periods import InvalidPeriodId, TimeOutOfRange
from leaderboard.errors import InvalidInput
from tests.conftest import START

BOARD = new_board("g", "b", read_definition({"periods": ["all", "day"], "rolling": ["7d"]}))
NEXT_DAY = START + timedelta(days=1)


def of_page(at: datetime) -> str:
    return cursors.write(BOARD.born, chosen_period(BOARD, "day", at), b"1", b"ada")


def test_a_period() -> None:
    assert chosen_period(BOARD, "day", START).id == "2026-11-23"
    assert chosen_period(BOARD, "day", START, ago=2).id == "2026-11-21"
    assert chosen_period(BOARD, "day", START, id="2026-01-31", cursor=of_page(START)).id == "2026-01-31"
    assert chosen_period(BOARD, "all", START).end is None


def test_a_page_goes_on_in_its_period() -> None:
    cursor = of_page(START)
    assert chosen_period(BOARD, "day", NEXT_DAY, cursor=cursor).id == "2026-11-23"
    assert chosen_period(BOARD, "day", NEXT_DAY, cursor=cursor, ago=0).id == "2026-11-24"
    assert chosen_period(BOARD, "all", NEXT_DAY, cursor=cursor).id == "all"


def test_a_page_goes_on_in_its_window_while_that_is_there() -> None:
    cursor = cursors.write(BOARD.born, chosen_window(BOARD, "7d", START), b"1", b"ada")
    found = [chosen_window(BOARD, "7d", START + timedelta(days=days), cursor).id for days in (0, 1, 2)]
    assert found == ["2026-11-23", "2026-11-23", "2026-11-25"]
    assert chosen_window(BOARD, "7d", NEXT_DAY).id == "2026-11-24"


def test_what_there_is_not() -> None:
    for wrong in ("", "2026-02-30", "yesterday"):
        with pytest.raises(InvalidPeriodId):
            chosen_period(BOARD, "day", START, id=wrong)
    with pytest.raises(TimeOutOfRange):
        chosen_period(BOARD, "day", START, ago=1_000_000)
    with pytest.raises(InvalidInput):
        chosen_period(BOARD, "day", START, cursor="!")
    with pytest.raises(InvalidInput):
        chosen_window(BOARD, "7d", START, "!")
