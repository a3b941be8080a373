"""Counts and shares over the parts of a board: the twins of counts, spread and analysis (see merging.py)."""

import math
from collections.abc import Sequence
from typing import Any

from leaderboard.boards.gathering import Answer, Whole, outermost
from leaderboard.boards.selecting import Range, Samples, Selection
from leaderboard.boards.views import key_text
from leaderboard.errors import StoreUnavailable
from leaderboard.store.steps import Steps

_SAMPLES = 256  # of all parts in a round, which leaves about one of a hundred keys to look at in the next
_FEWEST_SAMPLES = 32  # of each part
_MOST_ROUNDS = 30  # some five are enough where nothing changes


def merged_counts(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    """How many keys lie in each of some ranges, the best and the worst."""
    _, *ends = args
    if whole.most is None:
        answers = yield from whole.all("counts", "0", *ends)
        counts = [sum(some) for some in zip(*(answer[1] for answer in answers), strict=True)]
        stamp = whole.stamp([answer[0] for answer in answers])
        return (stamp, counts, *outermost([end for answer in answers for end in answer[2:]]))
    # Of the entries that are shown: those up to the last end less those before the first.
    up_to = [end for low, high in zip(ends[::2], ends[1::2], strict=True) for end in (_turned(low), high)]
    answers = yield from whole.all("counts", "0", *[part for end in up_to for part in ("-inf", end)])
    sums = [sum(some) for some in zip(*(answer[1] for answer in answers), strict=True)]
    sums = [min(one, whole.most) for one in sums]
    stamp = whole.stamp([answer[0] for answer in answers])
    best, worst = outermost([end for answer in answers for end in answer[2:]])
    if sum(answer[0].total for answer in answers) > stamp.total:
        found = yield from _selected(whole, [stamp.total - 1])
        worst = [b"", found[stamp.total - 1]]
    return stamp, [max(0, b - a) for a, b in zip(sums[::2], sums[1::2], strict=True)], best, worst


def _turned(low: Any) -> str:
    """The end of everything before a range that begins so."""
    text = str(low)
    if text == "-inf":
        return "(-inf"
    return text[1:] if text.startswith("(") else "(" + text


def merged_spread(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    """The best, the worst, and the keys next to a share."""
    stamp, _, best, worst = yield from merged_counts(whole, ["0"])
    if float(args[0]) == 0:  # at the very best nobody else is asked for
        return stamp, best, worst, 0, best
    near, rows = (yield from _near(whole, stamp.total, args))[0]
    return stamp, best, worst, near, rows


def merged_analysis(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    """Both, of several shares."""
    shares, ends = args[1 : int(args[0]) + 1], args[int(args[0]) + 1 :]
    stamp, counts, best, worst = yield from merged_counts(whole, ["0", *ends])
    near = yield from _near(whole, stamp.total, shares)
    return stamp, best, worst, near, counts


def _near(whole: Whole, total: int, shares: Sequence[Any]) -> Steps[list[tuple[int, list[bytes]]]]:
    """The index and the rows next to some shares of so many entries, as spread.lua tells them; nobody is named."""
    starts = [max(0, math.floor((total - 1) * float(share)) - 1) for share in shares]
    wanted = [list(range(start, min(start + 4, total))) for start in starts]
    found = yield from _selected(whole, [index for some in wanted for index in some])
    rows = [[part for index in some for part in (b"", found[index])] for some in wanted]
    return list(zip(starts, rows, strict=True))


def _selected(whole: Whole, indices: Sequence[int]) -> Steps[dict[int, bytes]]:
    """The keys at some indices of all entries."""
    selection, samples = Selection(indices), max(_FEWEST_SAMPLES, _SAMPLES // len(whole.views))
    for _ in range(_MOST_ROUNDS):
        ranges = selection.ranges
        if not ranges:
            return {index: key_text(key).encode() for index, key in selection.found.items()}
        answers = yield from whole.all("between", samples, *(end for one in ranges for end in _texts(one)))
        if not any(answer[0].total for answer in answers):  # the last of them have just been removed
            break
        selection.learn([[_samples(one) for one in answer[1:]] for answer in answers])
    raise StoreUnavailable("The scores keep changing; try again.")


def _samples(answer: Sequence[Any]) -> Samples:
    below, upto, inside, upto_last, keys = answer
    return Samples(below, upto, inside, upto_last, [float(key) for key in keys])


def _texts(one: Range) -> tuple[str, str]:
    """A range as between.lua takes it."""
    low, high = one
    return "-inf" if low == -math.inf else key_text(low), "+inf" if high == math.inf else key_text(high)
