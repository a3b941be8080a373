"""How far players came, and what is kept of their times: against every possible way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.stats.funnels.paths import MOST_TIMES, Shard, Tally, furthest, is_cut, pack, tally, unpack

TIMES = st.lists(st.integers(0, 60), max_size=8).map(sorted)
FEW = st.lists(st.integers(0, 199), max_size=4, unique=True)
MANY = st.lists(st.integers(0, 199), min_size=MOST_TIMES + 1, max_size=60, unique=True)


def every_way(entries: list[int], later: list[list[int]], window: int) -> int:
    def beyond(entry: int, at: int, step: int) -> int:
        if step == len(later):
            return 0
        return max((1 + beyond(entry, to, step + 1) for to in later[step] if at <= to <= entry + window), default=0)

    return max((1 + beyond(entry, entry, 0) for entry in entries), default=0)


@given(entries=TIMES, later=st.lists(TIMES, min_size=1, max_size=4), window=st.integers(1, 40))
def test_the_earliest_times_go_furthest(entries: list[int], later: list[list[int]], window: int) -> None:
    assert furthest(entries, later, window) == every_way(entries, later, window)


@pytest.mark.parametrize(
    ("entries", "later", "reached"),
    [
        ([], [[1]], 0),
        ([5], [[]], 1),
        ([5], [[4]], 1),
        ([5], [[5], [5]], 3),
        ([5], [[15], [15]], 3),
        ([5], [[15], [16]], 2),
        ([5], [[16], [16]], 1),
        ([0, 6], [[16], [16]], 3),  # only the second try is in time
        ([0, 90], [[5], [8]], 3),  # only the first is
        ([5], [[3, 7], [6, 8]], 3),
    ],
)
def test_known_ways(entries: list[int], later: list[list[int]], reached: int) -> None:
    assert furthest(entries, later, 10) == reached


@given(st.lists(st.integers(0, 2**24 - 1), max_size=60))
def test_the_first_and_the_last_times_are_kept(times: list[int]) -> None:
    packed, different = pack(times), sorted(set(times))
    kept = different if len(different) <= MOST_TIMES else different[:11] + different[-10:]
    assert unpack(packed) == kept
    assert is_cut(packed) == (len(different) > MOST_TIMES)
    assert unpack(packed, 1000) == [1000 + at for at in kept]


def test_more_than_64_bytes_would_make_tables_of_the_hashes() -> None:
    assert len(pack(range(100))) == 64


@given(
    days=st.lists(st.tuples(FEW | MANY, FEW | MANY, FEW | MANY), min_size=1, max_size=3),
    window=st.integers(5, 300),
)
def test_cut_times_never_say_too_much_and_are_told_of(days: list[tuple[list[int], ...]], window: int) -> None:
    """Of a day of 200 seconds the times are cut; where that could change the answer, it says so."""
    steps, starts = ("a", "b", "c"), {str(number): 200 * number for number in range(len(days))}
    shard: Shard = {}
    everything: list[list[int]] = [[], [], []]
    for day, times in zip(starts, days, strict=True):
        for number, some in enumerate(times):
            everything[number] += sorted(starts[day] + at for at in some)
            if some:
                shard[steps[number], day] = {b"p": pack(some)}
    tallies = {day: Tally([0, 0, 0]) for day in starts}
    tally(shard, steps, window, starts, tallies)
    for day, found in tallies.items():
        entries = [at for at in everything[0] if starts[day] <= at < starts[day] + 200]
        reached = furthest(entries, everything[1:], window)
        told = sum(found.players)
        assert told <= reached
        assert told == reached or found.uncertain
        cut = any(len(some) > MOST_TIMES for times in days for some in times)
        assert cut or not found.uncertain


def test_cut_times_of_a_step_that_was_never_tried_are_no_matter() -> None:
    shard = {("a", "d"): {b"p": pack(range(0, 400, 10)), b"q": pack([5])}, ("b", "d"): {b"q": pack(range(0, 400, 10))}}
    tallies = {"d": Tally([0, 0, 0])}
    tally(shard, ("a", "b", "c"), 1000, {"d": 0}, tallies)
    assert tallies["d"].players == (2, 1, 0)
    assert not tallies["d"].uncertain
