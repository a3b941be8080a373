"""Finding the k-th of keys in several lists, held against a sorted one."""

import math
import os
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.boards.selecting import Range, Samples, Selection

EXAMPLES = settings(max_examples=300 if os.environ.get("CI") else 40, deadline=None)
keys = st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False, allow_infinity=False))
lists = st.lists(st.lists(keys, max_size=60), min_size=1, max_size=8)


def between(one: Sequence[float], most: int, asked: Range) -> Samples:
    """What between.lua answers for one list, sorted."""
    low, high = asked
    upto, before = bisect_right(one, low), bisect_left(one, high)
    inside = max(0, before - upto)
    indices = range(inside) if inside <= most else [n * (inside - 1) // (most - 1) for n in range(most)]
    return Samples(
        bisect_left(one, low), upto, inside, bisect_right(one, high), [one[upto + index] for index in indices]
    )


def select(parts: Sequence[list[float]], indices: Sequence[int], most: int) -> tuple[dict[int, float], int]:
    """The keys, and how many rounds it took to find them."""
    selection, rounds = Selection(indices), 0
    while selection.ranges:
        rounds += 1
        assert rounds < 100
        selection.learn([[between(part, most, asked) for asked in selection.ranges] for part in parts])
    return selection.found, rounds


@EXAMPLES
@given(lists, st.integers(2, 9), st.data())
def test_the_kth_is_that_of_one_sorted_list(parts: list[list[float]], most: int, data: st.DataObject) -> None:
    whole = sorted(key for part in parts for key in part)
    if not whole:
        return
    indices = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=5))
    found, _ = select([sorted(part) for part in parts], indices, most)
    assert found == {index: whole[index] for index in indices}


def test_a_few_rounds_are_enough_among_many_and_among_many_equals() -> None:
    chance = random.Random(1)
    for values in (
        [chance.gauss(0, 1) for _ in range(100_000)],
        [float(chance.choice((1, 1, 1, 1, 2))) for _ in range(100_000)],
        [5.0] * 50_000 + [float(n) for n in range(50_000)],
        [0.0] * 50_000 + [5e-324] + [1.0] * 49_999,
    ):
        whole, parts = sorted(values), [sorted(values[n::16]) for n in range(16)]
        for index in (0, 49_999, 50_000, 50_001, len(whole) // 3, len(whole) - 1):
            found, rounds = select(parts, [index], 200)
            assert found == {index: whole[index]}
            assert rounds <= 5, (rounds, index)


@EXAMPLES
@given(st.integers(0, 2**32))
def test_it_ends_though_the_lists_change_all_the_time(seed: int) -> None:
    chance = random.Random(seed)
    parts = [sorted(chance.choices(range(40), k=chance.randint(1, 50))) for _ in range(4)]
    selection = Selection([chance.randint(0, 60)])
    for _ in range(60):
        if not selection.ranges:
            break
        answers = [[between([float(key) for key in part], 5, asked) for asked in selection.ranges] for part in parts]
        selection.learn(answers)
        for part in parts:
            for _ in range(chance.randint(0, 3)):
                part.append(chance.randint(0, 40))
                del part[chance.randrange(len(part))]
            part.sort()
    assert not selection.ranges
    assert all(0 <= key <= 40 and not math.isinf(key) for key in selection.found.values())
