"""Many periods of the archive at once: small ones copied in one transaction, copies of any size made complete.

Most periods of most boards have few entries; made one by one, their copies would cost several transactions each.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from leaderboard.archive.copies import EMPTY, set_gone, write_rows
from leaderboard.archive.database import Database
from leaderboard.archive.periods import (
    IN_ONE_QUERY,
    IS_COMPLETE,
    IS_WHOLE,
    ArchiveMismatch,
    PeriodRef,
    Row,
    add_to_digest,
    lock_period,
    writing,
)
from leaderboard.archive.tables import archived_periods, archived_standings

_PERIODS_AT_ONCE = 100
_periods = archived_periods.c
_standings = archived_standings.c


@dataclass(frozen=True, slots=True)
class Whole:
    """All standings of one period, best first, as named by their token."""

    ref: PeriodRef
    starts_at: datetime
    ends_at: datetime
    token: str
    rows: Sequence[Row]


def store(database: Database, wholes: Sequence[Whole], *, holder: str, now: datetime) -> None:
    """Copies them and reads them back; they are verified then, and `complete` is what is left to do.

    All are there afterwards, or none. What is there already, by its token, is left as it is; other copies of these
    periods that are under way are given up. Raises ArchiveMismatch if the rows that are read back are not those that
    were written.
    """
    if not wholes:
        return
    with writing(database) as connection:
        _lock(connection, [whole.ref for whole in wholes])
        known = _known(connection, wholes)
        wanted = [whole for whole in wholes if whole.token not in known.values()]
        if not wanted:
            return
        tokens = {whole.token for whole in wholes}
        replaced = [number for number, token in known.items() if token not in tokens]
        for start in range(0, len(replaced), IN_ONE_QUERY):
            set_gone(connection, _periods.id.in_(replaced[start : start + IN_ONE_QUERY]))
        values = [_values(whole, holder, now) for whole in wanted]
        made = sa.insert(archived_periods).returning(_periods.id, sort_by_parameter_order=True)
        ids = connection.execute(made, values).scalars().all()
        write_rows(
            connection,
            (
                (archive, position, player, key + 0.0, rank, metadata)
                for archive, whole in zip(ids, wanted, strict=True)
                for position, (player, key, rank, metadata) in enumerate(whole.rows)
            ),
        )
        _verify(connection, dict(zip(ids, values, strict=True)))


def complete(database: Database, copies: Sequence[tuple[PeriodRef, str]], now: datetime) -> set[str]:
    """Puts verified copies, named by their tokens, in the place of what the archive had of their periods.

    To be called once the store has said that a copy is what stood there when the period was sealed. Answers the
    tokens of those that are complete now, or were already; the others have been given up by somebody meanwhile.
    """
    if not copies:
        return set()
    wanted = {(astuple(ref), token) for ref, token in copies}
    refs = [ref for ref, _ in wanted]
    found: dict[int, tuple[tuple[str, ...], str]] = {}
    with writing(database) as connection:
        _lock(connection, [ref for ref, _ in copies])
        for start in range(0, len(refs), _PERIODS_AT_ONCE):
            query = sa.select(archived_periods).where(_are(refs[start : start + _PERIODS_AT_ONCE]), IS_WHOLE)
            for row in connection.execute(query):
                found[row.id] = ((row.game, row.board, row.born, row.name, row.period), row.token)
        ours = [number for number, named in found.items() if named in wanted]
        replaced = {found[number][0] for number in ours}
        earlier = [number for number, named in found.items() if named[0] in replaced and number not in set(ours)]
        _set(connection, earlier, IS_COMPLETE, {"state": "gone"})
        _set(connection, ours, _periods.state == "verified", {"state": "complete", "changed_at": now})
    return {found[number][1] for number in ours}


def astuple(ref: PeriodRef) -> tuple[str, str, str, str, str]:
    """The fields of a reference, to sort by."""
    return ref.game, ref.board, ref.born, ref.name, ref.period


def _known(connection: sa.Connection, wholes: Sequence[Whole]) -> dict[int, str]:
    """The copies of these periods that are whole, or under way: id -> token, '' for one that is not whole."""
    found: dict[int, str] = {}
    refs = [astuple(whole.ref) for whole in wholes]
    tokens = {whole.token for whole in wholes}
    for start in range(0, len(refs), _PERIODS_AT_ONCE):
        query = sa.select(_periods.id, _periods.token, _periods.state)
        query = query.where(_are(refs[start : start + _PERIODS_AT_ONCE]), _periods.state != "gone")
        for row in connection.execute(query):
            if row.state != "complete" or row.token in tokens:
                found[row.id] = "" if row.state == "copying" else row.token
    return found


def _set(
    connection: sa.Connection, ids: Sequence[int], which: sa.ColumnElement[bool], values: dict[str, object]
) -> None:
    for start in range(0, len(ids), IN_ONE_QUERY):
        some = _periods.id.in_(ids[start : start + IN_ONE_QUERY])
        connection.execute(sa.update(archived_periods).where(some, which).values(values))


def _are(refs: Sequence[tuple[str, ...]]) -> sa.ColumnElement[bool]:
    """The condition for every copy of these periods."""
    return sa.tuple_(_periods.game, _periods.board, _periods.born, _periods.name, _periods.period).in_(refs)


def _lock(connection: sa.Connection, refs: Sequence[PeriodRef]) -> None:
    for game, board, born, _, period in sorted(map(astuple, refs)):  # in one order, so that nobody waits in a circle
        lock_period(connection, game, board, born, period)


def _values(whole: Whole, holder: str, now: datetime) -> dict[str, object]:
    first = whole.rows[0] if whole.rows else None
    return {
        **asdict(whole.ref),
        "starts_at": whole.starts_at,
        "ends_at": whole.ends_at,
        "state": "verified",
        "token": whole.token,
        "holder": holder,
        "copied": len(whole.rows),
        "digest": add_to_digest(EMPTY, 0, whole.rows),
        "total": len(whole.rows),
        "winner": first and first.player,
        "winner_key": first and first.key,
        "pruned": False,
        "changed_at": now,
    }


def _verify(connection: sa.Connection, written: dict[int, dict[str, object]]) -> None:
    columns = (_standings.archive, _standings.player, _standings.sort_key, _standings.rank, _standings.metadata)
    rows: dict[int, list[Row]] = {archive: [] for archive in written}
    ids = list(written)
    for start in range(0, len(ids), IN_ONE_QUERY):
        query = sa.select(*columns).where(_standings.archive.in_(ids[start : start + IN_ONE_QUERY]))
        for archive, *row in connection.execute(query.order_by(_standings.archive, _standings.position)):
            rows[archive].append(Row._make(row))
    for archive, values in written.items():
        found = rows[archive]
        if len(found) != values["total"] or add_to_digest(EMPTY, 0, found) != values["digest"]:
            raise ArchiveMismatch(f"{values['period']} of board {values['board']!r} is not archived as it was written.")
