"""Counting players: the sketches of some series and buckets, merged."""

import secrets
from collections.abc import Sequence

from leaderboard.stats.grouping import Cell
from leaderboard.stats.pieces import bounded
from leaderboard.stats.points import Point
from leaderboard.store.connection import Store, translated
from leaderboard.store.stat_keys import StatKeys

SKETCHES_AT_ONCE = 1000  # merged by one command, or counted in one round trip: bounds how long the store is busy
_MERGED_SECONDS = 60


def with_players(store: Store, keys: StatKeys, cells: Sequence[Cell]) -> list[Point]:
    """The points of these cells, with their players. Raises StoreUnavailable.

    To be called after the figures were read. That is no seam: rolling up copies sketches and takes nothing away.
    """
    points = [cell.point for cell in cells]
    asked = [number for number, cell in enumerate(cells) if cell.sketches and cell.point.players is not None]
    few = [number for number in asked if len(cells[number].sketches) <= SKETCHES_AT_ONCE]
    names = {number: _names(keys, cells[number]) for number in few}
    done = iter(few)
    for some in bounded(list(names.values()), SKETCHES_AT_ONCE):
        numbers = [next(done) for _ in some]
        with translated():
            pipeline = store.client.pipeline(transaction=False)
            for number, sketches in zip(numbers, some, strict=True):
                pipeline.pfcount(*sketches)
                if old := _may_be_gone(keys, cells[number]):
                    pipeline.exists(*old)
            answers = iter(pipeline.execute())
        for number in numbers:
            count, old = int(next(answers)), _may_be_gone(keys, cells[number])
            is_complete = not old or int(next(answers)) == len(old)
            points[number] = cells[number].counted(count, is_complete=is_complete)
    for number in asked:
        if number not in names:
            points[number] = _count_many(store, keys, cells[number])
    return points


def _count_many(store: Store, keys: StatKeys, cell: Cell) -> Point:
    """A cell of very many sketches: merged into one for a minute, some at a time, so that no command takes long."""
    names, merged = _names(keys, cell), keys.merged(secrets.token_hex(8))
    there = 0
    with translated():
        for start in range(0, len(names), SKETCHES_AT_ONCE):
            pipeline = store.client.pipeline(transaction=True)
            pipeline.pfmerge(merged, merged, *names[start : start + SKETCHES_AT_ONCE])
            pipeline.expire(merged, _MERGED_SECONDS)
            pipeline.execute()
        old = _may_be_gone(keys, cell)
        for start in range(0, len(old), SKETCHES_AT_ONCE):
            there += int(store.client.exists(*old[start : start + SKETCHES_AT_ONCE]))
        count = int(store.client.pfcount(merged))
        store.client.unlink(merged)
    return cell.counted(count, is_complete=there == len(old))


def _names(keys: StatKeys, cell: Cell) -> list[str]:
    return [keys.players(sketch.bucket_id, sketch.series) for sketch in cell.sketches]


def _may_be_gone(keys: StatKeys, cell: Cell) -> list[str]:
    return [keys.players(sketch.bucket_id, sketch.series) for sketch in cell.sketches if sketch.known]
