"""What the parts of a board answer together, held against one list of the same standings."""

import math
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaderboard.boards import merging
from tests.partitions.sheets import Spread

EXAMPLES = settings(
    max_examples=200 if os.environ.get("CI") else 15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
names = st.text("abcß日", min_size=1, max_size=3)
few_keys, any_keys = st.integers(-3, 3).map(float), st.floats(-1e9, 1e9)


@st.composite
def spreads(draw: st.DrawFn, *, max_size: int = 60) -> Spread:
    """Standings of which many are equal, or few, over any number of parts, most often a few."""
    keys = draw(st.sampled_from([few_keys, any_keys]))
    players = draw(st.dictionaries(names, keys, max_size=max_size))
    if draw(st.booleans()):  # by themselves so many are not drawn
        players |= {f"d{number}": draw(few_keys) for number in range(30)}
    ties = draw(st.sampled_from(["shared", "shared", "first", "last"]))
    most = draw(st.sampled_from([None, None, 1, 5, 20]))
    return Spread(
        [(key, player) for player, key in players.items()],
        draw(st.one_of(st.integers(2, 4), st.integers(2, 64))),
        ties,
        most,
    )


@st.composite
def players_of(draw: st.DrawFn, spread: Spread) -> str:
    there = [player.decode() for _, player in spread.whole.places]
    return draw(st.sampled_from(there) if there and draw(st.booleans()) else names)


@pytest.fixture(params=["few", "as usual"], autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows are asked of a part before it is known how many it has among the first: too few, or enough."""
    if request.param == "few":
        monkeypatch.setattr(merging, "_few", lambda count, _parts: min(count, 1))


def told(rows: list[bytes]) -> list[Any]:
    """Rows with their keys as numbers: they are spelled as whoever answers spells them."""
    return [float(part) if number % 2 else part for number, part in enumerate(rows)]


def same_page(found: list[Any], expected: list[Any]) -> None:
    index, rank, rows, metadata = found
    assert told(rows) == told(expected[2])
    assert metadata == expected[3]
    if rows:
        assert (index, rank) == tuple(expected[:2])


@EXAMPLES
@given(spreads(), st.integers(1, 12), st.data())
def test_pages(spread: Spread, limit: int, data: st.DataObject) -> None:
    after: list[str] = []
    if data.draw(st.booleans()):
        after = [repr(data.draw(few_keys)), data.draw(players_of(spread))]
    found, expected = spread.ask("top", spread.board.ties, limit, "1", *after)
    same_page(found, expected[:4])


@EXAMPLES
@given(spreads(), st.integers(1, 12))
def test_all_pages_together_are_the_board(spread: Spread, limit: int) -> None:
    seen: list[bytes] = []
    after: list[str] = []
    while True:
        (index, _, rows, _), _ = spread.ask("top", spread.board.ties, limit, "0", *after)
        if not rows:
            break
        assert index == len(seen)
        seen += rows[::2]
        after = [rows[-1].decode(), rows[-2].decode()]
    assert seen == [player for _, player in spread.whole.places]


@EXAMPLES
@given(spreads(), st.integers(0, 12), st.data())
def test_a_player_and_the_rows_around(spread: Spread, around: int, data: st.DataObject) -> None:
    player = data.draw(players_of(spread))
    found, expected = spread.ask("player", spread.board.ties, 0, around, "1", player)
    assert bool(found) == bool(expected)
    if expected:
        assert [float(found[0]), *found[1:4]] == [float(expected[0]), *expected[1:4]]
        same_page(found[4:], expected[4:])
    assert spread.rounds <= 3


@EXAMPLES
@given(spreads(), st.data())
def test_lookups_and_the_top_beside_them(spread: Spread, data: st.DataObject) -> None:
    players = list(dict.fromkeys(data.draw(st.lists(players_of(spread), min_size=1, max_size=9))))
    (keys, ranks, metadata), expected = spread.ask("lookup", spread.board.ties, "1", *players)
    assert [key and float(key) for key in keys] == [key and float(key) for key in expected[0]]
    assert ranks == expected[1]
    shown = [text for text, key in zip(metadata, keys, strict=True) if key is not None]
    assert shown == [text for text in expected[2] if text is not None]
    found, expected = spread.ask("beside", spread.board.ties, 3, "0", *players)
    same_page(found[:4], expected[:4])
    assert found[5] == expected[5]


@EXAMPLES
@given(spreads(), st.lists(st.one_of(few_keys, any_keys), min_size=2, max_size=2), st.integers(1, 9))
def test_ranges(spread: Spread, ends: list[float], limit: int) -> None:
    first, last = map(repr, sorted(ends))
    found, expected = spread.ask("range", spread.board.ties, limit, "0", first, last)
    same_page(found[:4], expected[:4])
    assert found[4] == expected[4]


@EXAMPLES
@given(spreads(), st.lists(st.tuples(few_keys, few_keys, st.sampled_from(["", "("])), max_size=4))
def test_counts(spread: Spread, ranges: list[tuple[float, float, str]]) -> None:
    ends = [text for low, high, open_ in ranges for text in (repr(low), open_ + repr(high))]
    found, expected = spread.ask("counts", "0", "-inf", "(0.0", *ends)
    assert found[0] == expected[0]
    assert [told(row)[1:] for row in found[1:]] == [told(row)[1:] for row in expected[1:]]


@EXAMPLES
@given(spreads(max_size=200), st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_rows_next_to_shares(spread: Spread, shares: list[float]) -> None:
    found, expected = spread.ask("analysis", len(shares), *map(repr, shares), "-inf", "(1.0")
    assert found[3] == expected[3]
    for (near, rows), (same_near, same_rows) in zip(found[2], expected[2], strict=True):
        assert near == same_near
        assert [float(key) for key in rows[1::2]] == [float(key) for key in same_rows[1::2]]
    (best, worst, near, rows), expected = spread.ask("spread", repr(shares[0]))
    assert [told(best)[1:], told(worst)[1:], near] == [told(row)[1:] for row in expected[:2]] + [expected[2]]
    if spread.whole.total:
        place = math.ceil(shares[0] * (spread.whole.total - 1)) - near
        assert float(rows[2 * place + 1]) == float(expected[3][2 * place + 1])


@pytest.mark.parametrize("around", [1, 2, 3, 10])
def test_pages_that_begin_among_many_equals(around: int) -> None:
    places = [(float(number // 30), f"p{number:03}") for number in range(90)]
    spread = Spread(places, 2, "shared")
    for player in ("p031", "p045", "p059", "p060", "p089"):
        found, expected = spread.ask("player", "shared", 0, around, "0", player)
        same_page(found[4:], expected[4:])
    for key, player in places[28:62:3]:
        found, expected = spread.ask("top", "shared", around, "0", repr(key), player)
        same_page(found, expected[:4])
