"""Many small periods into the archive at once: inserted, read back, and complete, in one transaction.

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
    ArchiveMismatch,
    PeriodRef,
    Row,
    add_to_digest,
    lock_period,
    writing,
)
from leaderboard.archive.tables import archived_periods, archived_standings

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
    """Puts each in the place of what the archive had of its period. All are there, or none.

    What is there already, by its token, is left as it is. Raises ArchiveMismatch if the rows that are read back are
    not those that were written.
    """
    if not wholes:
        return
    with writing(database) as connection:
        for ref in sorted({astuple(whole.ref) for whole in wholes}):  # in one order, so that nobody waits in a circle
            lock_period(connection, *ref[:3], ref[4])
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


def astuple(ref: PeriodRef) -> tuple[str, str, str, str, str]:
    """The fields of a reference, to sort by."""
    return ref.game, ref.board, ref.born, ref.name, ref.period


def _known(connection: sa.Connection, wholes: Sequence[Whole]) -> dict[int, str]:
    """The copies of these periods that are not given up: id -> token, '' for one under way."""
    found: dict[int, str] = {}
    names = sa.tuple_(_periods.game, _periods.board, _periods.born, _periods.name, _periods.period)
    for start in range(0, len(wholes), 100):
        some = names.in_([astuple(whole.ref) for whole in wholes[start : start + 100]])
        query = sa.select(_periods.id, _periods.token, _periods.state).where(some, _periods.state != "gone")
        for row in connection.execute(query):
            found[row.id] = row.token if row.state == "complete" else ""
    return found


def _values(whole: Whole, holder: str, now: datetime) -> dict[str, object]:
    first = whole.rows[0] if whole.rows else None
    return {
        **asdict(whole.ref),
        "starts_at": whole.starts_at,
        "ends_at": whole.ends_at,
        "state": "complete",
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
