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

from leaderboard.boards.counting import merged_analysis, merged_counts, merged_spread
from leaderboard.boards.gathering import Answer, Ask, Row, Whole, flat, rows_of
from leaderboard.boards.partitioning import part_of
from leaderboard.boards.views import Stamp, View, call
from leaderboard.store.scripts import Call
from leaderboard.store.steps import Steps


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
    few = _few(count, len(whole.views))
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
            answers[n], asked_for[n] = _of_first(answers[n], answer), count


def _few(count: int, parts: int) -> int:
    """How many rows of a part are most likely all that it has of so many."""
    share = count / parts
    return min(count, math.ceil(share + 3 * math.sqrt(share)) + 3)


def _of_first(first: Answer, second: Answer) -> Answer:
    """What a part answers when it is asked once more, as if it were no newer."""
    return replace(second[0], version=first[0].version), *second[1:]


def _paged(
    whole: Whole, answers: Sequence[Answer], index: int, rank: int, rows: list[Row], flag: str
) -> tuple[Stamp, int, int, list[bytes], list[bytes | None]]:
    shown = whole.cut(index, rows)
    stamp = whole.stamp([answer[0] for answer in answers])
    return stamp, index, rank, flat(shown), [row.metadata for row in shown] if flag == "1" else []


def _player(whole: Whole, args: Sequence[Any]) -> Steps[Answer]:
    ties, time_bits, count, flag, player = args
    number = part_of(str(player), len(whole.views))
    own = whole.views[number]
    (mine,) = yield from whole.ask([(own, call("place", own, player, "", time_bits, count, flag))])
    if len(mine) == 1:
        return mine
    # Where they stand is known from their own part, so they may go elsewhere while the others are asked.
    key, few = mine[1], _few(int(count), len(whole.views))
    others = [part for part in whole.views if part is not own]
    places = yield from whole.ask([(part, call("place", part, player, key, time_bits, few, flag)) for part in others])
    places.insert(number, mine)
    asked_for = [int(count) if part is own else few for part in whole.views]
    while lacking := _lacking(whole, places, int(count), asked_for):
        views = [whole.views[n] for n in lacking]
        more = yield from whole.ask(
            [(part, call("place", part, player, key, time_bits, count, flag)) for part in views]
        )
        for n, place in zip(lacking, more, strict=True):
            places[n], asked_for[n] = _of_first(places[n], place), int(count)
    below, index, better = (sum(place[n] for place in places) for n in (2, 3, 4))
    stamp = whole.stamp([place[0] for place in places])
    if whole.most is not None and index >= whole.most:
        return (stamp,)
    rank = index + 1 if ties == "unique" else below + 1
    return (stamp, key, rank, better, mine[5], *_around(whole, places, int(count), ties))


def _lacking(whole: Whole, places: Sequence[Answer], count: int, asked_for: Sequence[int]) -> list[int]:
    """The parts all of whose rows on one side are among those around, and that may have more of them."""
    if not count:
        return []
    _, _, shown = _window(whole, places, count)
    found = []
    for n, (place, asked) in enumerate(zip(places, asked_for, strict=True)):
        rows, ahead = rows_of(place[8], place[9]), place[3] - place[6]
        begins = place[6] > 0 and (not shown or rows[0] >= shown[0])
        ends = len(rows) - ahead == asked and (not shown or rows[-1] <= shown[-1])
        if asked < count and (begins or ends):
            found.append(n)
    return found


def _window(whole: Whole, places: Sequence[Answer], count: int) -> tuple[int, list[list[Row]], list[Row]]:
    """The index of the first row around a place that all parts told of, each part's rows, and those that are shown."""
    index = sum(place[3] for place in places)
    total = whole.stamp([place[0] for place in places]).total
    start = max(0, min(index - (count - 1) // 2, total - count))
    lists = [rows_of(place[8], place[9]) for place in places]
    rows = sorted(row for one in lists for row in one)
    first = index - sum(place[3] - place[6] for place in places)
    begin = max(0, start - first)
    return start, lists, whole.cut(start, rows[begin : begin + count])


def _around(whole: Whole, places: Sequence[Answer], count: int, ties: str) -> Answer:
    """The rows around, of which every part told those it has."""
    if not count:
        return 0, 0, [], []
    start, lists, shown = _window(whole, places, count)
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


_TWINS: dict[str, Callable[[Whole, Sequence[Any]], Steps[Answer]]] = {
    "top": _top,
    "player": _player,
    "lookup": _lookup,
    "range": _range,
    "counts": merged_counts,
    "spread": merged_spread,
    "beside": _beside,
    "analysis": merged_analysis,
}
