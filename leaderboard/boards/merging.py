"""The reading scripts once more, over the parts of a board: the same questions, answered in the same shape.

Each function here is the twin of the script of its name in store/lua, as those in cold.py are, and asks every part at
once. What they say is of slightly different moments; but a player is in one part only, so nobody is seen twice, and
ranks are counted along the rows that are shown. Whatever takes a second round names the versions of the first, so an
answer is never taken for newer than it is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from leaderboard.boards.gathering import Answer, Ask, Row, Whole, flat, outermost, rows_of
from leaderboard.boards.partitioning import part_of
from leaderboard.boards.selecting import Range, Samples, Selection
from leaderboard.boards.views import Stamp, View, call, key_text
from leaderboard.errors import StoreUnavailable
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps

_SAMPLES = 256  # of all parts in a round, which leaves about one of a hundred keys to look at in the next
_FEWEST_SAMPLES = 32  # of each part
_MOST_ROUNDS = 30  # some five are enough where nothing changes


def answered(ask: Ask, view: View, asked: Call) -> Steps[Answer]:
    """What a script would answer, were all in one place."""
    views = [replace(view, board=part) for part in view.board.parts]
    return _TWINS[asked.script](Whole(ask, view, views, view.board.definition["max_entries"]), asked.args)


def _top(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    ties, count, flag, *after = args
    answers, rows = yield from _pages(whole, int(count), lambda n: ("top", ties, n, flag, *after))
    index = sum(answer[1] for answer in answers)
    rank = index + 1
    if ties == "shared" and after and rows and rows[0].key == float(after[0]):
        rank = sum(answer[5] for answer in answers) + 1
    return _paged(whole, answers, index, rank, rows, flag)


def _range(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    ties, count, flag, first, last = args
    answers, rows = yield from _pages(whole, int(count), lambda n: ("range", ties, n, flag, first, last))
    index = sum(answer[1] for answer in answers)
    inside = sum(answer[5] for answer in answers)
    if whole.most is not None:
        inside = max(0, min(whole.most - index, inside))
    return (*_paged(whole, answers, index, index + 1, rows, flag), inside)


def _pages(whole: Whole, count: int, asked: Callable[[int], Sequence[Any]]) -> Steps[tuple[list[Answer], list[Row]]]:
    """The parts' answers to what is `asked` for a number of rows, and of their rows together the first ones.

    Players are spread evenly, so a little more than its share is asked of each part; then, of those that had all of
    theirs among the first and may have more, as many as could be.
    """
    share = count / len(whole.views)
    few = min(count, math.ceil(share + 3 * math.sqrt(share)) + 3)
    answers = yield from whole.all(*asked(few))
    asked_for = [few] * len(answers)
    while True:
        lists = [rows_of(answer[3], answer[4]) for answer in answers]
        rows = sorted(row for one in lists for row in one)[:count]
        lacking = [
            n
            for n, one in enumerate(lists)
            if len(one) == asked_for[n] < count and (len(rows) < count or one[-1] <= rows[-1])
        ]
        if not lacking:
            return answers, rows
        script, *args = asked(count)
        views = [whole.views[n] for n in lacking]
        more = yield from whole.ask([(part, call(script, part, *args)) for part in views])
        for n, answer in zip(lacking, more, strict=True):
            stamp = replace(answer[0], version=answers[n][0].version)
            answers[n], asked_for[n] = (stamp, *answer[1:]), count


def _paged(
    whole: Whole, answers: Sequence[Answer], index: int, rank: int, rows: list[Row], flag: str
) -> tuple[Stamp, int, int, list[bytes], list[bytes | None]]:
    shown = whole.cut(index, rows)
    stamp = whole.stamp([answer[0] for answer in answers])
    return stamp, index, rank, flat(shown), [row.metadata for row in shown] if flag == "1" else []


def _player(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    ties, time_bits, side, flag, player = args
    number = part_of(str(player), len(whole.views))
    own = whole.views[number]
    (mine,) = yield from whole.ask([(own, call("place", own, player, "", time_bits, side, flag))])
    if len(mine) == 1:
        return mine
    # Where they stand is known from their own part, so they may go elsewhere while the others are asked.
    others = [part for part in whole.views if part is not own]
    key = mine[1]
    asked = [(part, call("place", part, player, key, time_bits, side, flag)) for part in others]
    places = yield from whole.ask(asked)
    places.insert(number, mine)
    below, index, better = (sum(place[n] for place in places) for n in (2, 3, 4))
    stamp = whole.stamp([place[0] for place in places])
    if whole.most is not None and index >= whole.most:
        return (stamp,)
    rank = index + 1 if ties == "unique" else below + 1
    return (stamp, key, rank, better, mine[5], *_around(whole, places, index, stamp.total, int(side), ties))


def _around(whole: Whole, places: Sequence[Answer], index: int, total: int, count: int, ties: str) -> Answer:
    """The rows around an index of which each part gave as many on either side."""
    if not count:
        return 0, 0, [], []
    start = max(0, min(index - (count - 1) // 2, total - count))
    lists = [rows_of(place[8], place[9]) for place in places]
    rows = sorted(row for one in lists for row in one)
    first = sum(place[6] for place in places)  # the index of the first of these
    shown = whole.cut(start, rows[start - first : start - first + count])
    rank = start + 1
    if ties == "shared" and shown:
        rank = sum(_below(place, one, shown[0].key) for place, one in zip(places, lists, strict=True)) + 1
    metadata = [row.metadata for row in shown] if any(place[9] for place in places) else []
    return start, rank, flat(shown), metadata


def _below(place: Answer, rows: Sequence[Row], key: float) -> int:
    """How many of a part have a smaller key: one at which, or behind which, the part's rows begin, if it has more."""
    smaller = sum(row.key < key for row in rows)
    if rows and not smaller and rows[0].key == key:
        return int(place[7])
    return int(place[6]) + smaller


def _lookup(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    ties, flag, *players = args
    groups = whole.split([str(player) for player in players])
    asking = [(part, group) for part, group in zip(whole.views, groups, strict=True) if group]
    first = yield from whole.ask([(part, call("lookup", part, ties, flag, *group)) for part, group in asking])
    stamps, found, kept = dict[str, Stamp](), dict[str, tuple[bytes, int]](), dict[str, bytes | None]()
    for (part, group), (stamp, keys, ranks, metadata) in zip(asking, first, strict=True):
        stamps[part.board.name] = stamp
        found |= {one: (key, rank) for one, key, rank in zip(group, keys, ranks, strict=True) if key is not None}
        kept |= dict(zip(group, metadata, strict=True)) if metadata else {}
    stamp, ranked = yield from _ranked(whole, ties, found, stamps)
    keys = [ranked[str(player)][0] if str(player) in ranked else None for player in players]
    ranks = [ranked[str(player)][1] if str(player) in ranked else 0 for player in players]
    return stamp, keys, ranks, [kept[str(player)] for player in players] if flag == "1" else []


def _beside(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    ties, count, flag, *players = args
    groups = whole.split([str(player) for player in players])
    pairs = list(zip(whole.views, groups, strict=True))
    answers = yield from whole.ask([(part, call("beside", part, ties, count, flag, *group)) for part, group in pairs])
    rows = sorted(row for answer in answers for row in rows_of(answer[3], answer[4]))[: int(count)]
    page = _paged(whole, answers, 0, 1, rows, flag)
    stamps = {part.board.name: answer[0] for part, answer in zip(whole.views, answers, strict=True)}
    found: dict[str, tuple[bytes, int]] = {}
    for group, answer in zip(groups, answers, strict=True):
        of_part = zip(group, answer[5], answer[6], strict=True)
        found |= {one: (key, rank) for one, key, rank in of_part if key is not None}
    ranked: dict[str, tuple[bytes, int]] = {}
    if found:
        _, ranked = yield from _ranked(whole, ties, found, stamps)
    keys = [ranked[str(player)][0] if str(player) in ranked else None for player in players]
    ranks = [ranked[str(player)][1] if str(player) in ranked else 0 for player in players]
    return (*page, keys, ranks)


def _ranked(
    whole: Whole, ties: str, found: dict[str, tuple[bytes, int]], stamps: dict[str, Stamp]
) -> Steps[tuple[Stamp, dict[str, tuple[bytes, int]]]]:
    """Players with their keys and their ranks among all, by those within their parts; and the stamp of all.

    `stamps`: of the parts that were asked for them.
    """
    pairs = [part for player, (key, _) in found.items() for part in (key, player)]
    by_id = ties == "unique" or whole.most is not None
    answers = yield from whole.all("before", "1" if by_id else "0", *pairs)
    ranked: dict[str, tuple[bytes, int]] = {}
    for n, (player, (key, within)) in enumerate(found.items()):
        own = part_of(player, len(answers))
        if whole.most is not None and sum(before[n] for _, _, before in answers) >= whole.most:
            continue
        counts = (answer[2 if ties == "unique" else 1][n] for number, answer in enumerate(answers) if number != own)
        ranked[player] = key, within + sum(counts)
    latest = {part.board.name: answer[0] for part, answer in zip(whole.views, answers, strict=True)}
    return whole.stamp(list((latest | stamps).values())), ranked


def _counts(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
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


def _spread(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    stamp, _, best, worst = yield from _counts(whole, ["0"])
    if float(args[0]) == 0:  # at the very best nobody else is asked for
        return stamp, best, worst, 0, best
    near, rows = (yield from _near(whole, stamp.total, args))[0]
    return stamp, best, worst, near, rows


def _analysis(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    shares, ends = args[1 : int(args[0]) + 1], args[int(args[0]) + 1 :]
    stamp, counts, best, worst = yield from _counts(whole, ["0", *ends])
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


_TWINS: dict[str, Callable[[Whole, Sequence[Any]], Steps[Answer]]] = {
    "top": _top,
    "player": _player,
    "lookup": _lookup,
    "range": _range,
    "counts": _counts,
    "spread": _spread,
    "beside": _beside,
    "analysis": _analysis,
}
