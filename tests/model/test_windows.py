"""The model's rolling windows against examples worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .periods import Calendar
from .reference import ModelGame
from .windows import window_at

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def in_window(definition: dict[str, Any], *scores: int | None, name: str = "7d") -> list[tuple[str, int, str]]:
    """What ada has after these scores, one a day, the last one today: with the day of the metadata."""
    game = ModelGame()
    game.put_board("cup", {"rolling": [name], **definition})
    for day, score in enumerate(scores, start=1 - len(scores)):
        if score is not None:
            item = {"player": "ada", "score": str(score), "metadata": {"day": str(day)}}
            game.submit("cup", item, NOON + timedelta(days=day))
    rules = game.boards["cup"].rules
    rows, _ = game.top("cup", window_at(rules.calendar, name, NOON), 10)
    return [(row.player, int(row.values[0]), (row.metadata or {})["day"]) for row in rows]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({}, (9, "-2")),
        ({"ties": "first"}, (9, "-2")),
        ({"ties": "last"}, (9, "-2")),
        ({"order": "asc"}, (3, "-1")),
        ({"operator": "last"}, (9, "0")),
        ({"operator": "sum"}, (21, "0")),
        ({"operator": "sum", "periods": ["hour"], "score": {"type": "integer", "min": 0, "max": 10}}, (21, "0")),
        ({"operator": "sum", "periods": ["hour"], "ties": "last", "score": {"min": 0, "max": 10}}, (10, "0")),
    ],
    ids=str,
)
def test_every_operator_has_its_rule(definition: dict[str, Any], expected: tuple[int, str]) -> None:
    assert in_window(definition, 9, 3, 9) == [("ada", *expected)]


def test_what_is_before_the_window_is_not_in_it() -> None:
    assert in_window({}, 9, None, None, None, None, None, 3) == [("ada", 9, "-6")]
    assert in_window({}, 9, None, None, None, None, None, None, 3) == [("ada", 3, "0")]
    assert in_window({}, 9, None, name="24h") == []


def test_the_hours_of_a_day_that_has_one_twice() -> None:
    window = window_at(Calendar("Europe/Berlin"), "24h", datetime(2031, 10, 26, 12, 30, tzinfo=UTC))
    assert [bucket.id for bucket in window.buckets][11:15] == ["2031-10-26T02", "2031-10-26T02b"] + [
        f"2031-10-26T{hour:02}" for hour in (3, 4)
    ]
    assert (window.starts_at, window.ends_at) == (
        datetime(2031, 10, 25, 13, tzinfo=UTC),
        datetime(2031, 10, 26, 13, tzinfo=UTC),
    )


def test_a_day_that_nobody_can_read_counts_all_the_same() -> None:
    game = ModelGame()
    game.put_board("cup", {"periods": ["hour"], "rolling": ["7d"]})
    item = {"player": "ada", "score": "1", "at": (NOON - timedelta(hours=3)).isoformat()}
    outcome = game.submit("cup", item, NOON)
    assert (outcome.updated, outcome.counted_in_longest, [*outcome.periods]) == (True, False, ["day"])
