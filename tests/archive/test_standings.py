"""Reading the archive: finding periods, sheets against a list, forgotten players."""

import math
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaderboard.archive.copies import Copies
from leaderboard.archive.database import Database
from leaderboard.archive.periods import Row, StandingsGone, is_row_of
from leaderboard.archive.sheets import Sheet
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.archive.tables import archived_standings
from leaderboard.errors import Unavailable
from tests.archive.sealing import BOARD, NOW, begin, count, lose, never, ranked, ref, seal, states

ENTRIES = {"ada": -30.0, "bob": -20.0, "cyd": -20.0, "dan": -10.0, "eve": 0.0}
PLAYERS = ["a", "a/b", "B", "Z", "z", "_", "é", "e\u0301", "ß", "\uffff", "\U0001f3c6", "\U0001f3c6x", "10", "9"]
KEYS = [-math.inf, -1e308, -(2.0**53), -1.5, -5e-324, 0.0, 5e-324, 1.0, 2.0**53 - 1, 2.0**53, 1e308, math.inf]


@pytest.fixture
def archive(database: Database) -> ArchivedStandings:
    return ArchivedStandings(database)


def test_ranks_by_every_rule(database: Database, archive: ArchivedStandings) -> None:
    found = {}
    for ties in ("shared", "dense", "unique"):
        archived = seal(database, ranked(ENTRIES, ties), of=ties)
        archive.forget(*BOARD, "nobody")
        found[ties] = [[row.rank for row in archive.open(archived, ties).rows(0, 9)]]
        for player in ("bob", "cyd"):
            assert len(archive.forget(*BOARD, player)) == 1
            found[ties].append([row.rank for row in archive.open(archived, ties).rows(0, 9)])
    assert found == {
        "shared": [[1, 2, 2, 4, 5], [1, 2, 3, 4], [1, 2, 3]],
        "dense": [[1, 2, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3]],
        "unique": [[1, 2, 3, 4, 5], [1, 2, 3, 4], [1, 2, 3]],
    }


class Model:
    """The same sheet as a list."""

    def __init__(self, entries: dict[str, float], ties: str) -> None:
        self.entries, self.ties = dict(entries), ties

    def compare(self, sheet: Sheet, keys: list[float], players: list[str]) -> None:
        rows = ranked(self.entries, self.ties, "{}")
        order = [(row.key, row.player.encode()) for row in rows]
        end = len(rows)
        for start, size in ((0, 100), (0, 1), (1, 2), (end // 2, 3), (end - 1, 5), (end, 3), (end + 9, 3), (0, 0)):
            assert sheet.rows(start, size) == rows[max(start, 0) :][:size]
        assert list(chain(*sheet.stream(size=2))) == rows
        assert list(chain(*sheet.stream(after=3, size=5))) == rows[3:]
        by_player = {row.player: (index, row) for index, row in enumerate(rows)}
        for player in players[:3]:
            assert sheet.player(player) == by_player.get(player)
        assert sheet.players(players) == {name: by_player[name][1] for name in players if name in by_player}
        for key in keys:
            for inclusive in (False, True):
                better = [row.key for row in rows if row.key < key or (inclusive and row.key == key)]
                assert sheet.below(key, inclusive=inclusive) == len(better)
                if self.ties == "dense":
                    assert sheet.levels_below(key, inclusive=inclusive) == len(set(better))
            for player in players[:3]:
                place = (key, player.encode())
                assert sheet.index_after(key, player) == bisect_left(order, place) + (place in order)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), ties=st.sampled_from(["shared", "dense", "unique"]))
def test_a_sheet_is_a_list(database: Database, wipe: Callable[[], None], data: st.DataObject, ties: str) -> None:
    wipe()
    archive = ArchivedStandings(database)
    some = data.draw(st.lists(st.sampled_from(KEYS) | st.floats(allow_nan=False), min_size=1, max_size=5))
    names = st.sampled_from(PLAYERS) | st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=3)
    entries = data.draw(st.dictionaries(names, st.sampled_from(some), max_size=25))
    archived = seal(database, ranked(entries, ties, "{}"), chunk=data.draw(st.integers(1, 30)))
    model = Model(entries, ties)
    asked = data.draw(st.lists(st.sampled_from(sorted(entries) or PLAYERS) | names, min_size=1, max_size=6))
    keys = data.draw(st.lists(st.sampled_from([*some, *KEYS]), min_size=1, max_size=3))
    removed = data.draw(st.lists(st.sampled_from(sorted(entries)), unique=True)) if entries else []
    halfway = data.draw(st.integers(0, len(removed)))
    model.compare(archive.open(archived, ties), keys, asked)
    for part in (removed[:halfway], removed[halfway:]):
        for player in part:
            assert len(archive.forget(*BOARD, player)) == 1
            del model.entries[player]
        left = archive.find(*BOARD, [archived.period])[archived.period]
        first = ranked(model.entries, ties)[:1]
        assert left.total == len(model.entries)
        assert (left.winner, left.winner_key) == ((first[0].player, first[0].key) if first else (None, None))
        model.compare(archive.open(left, ties), keys, asked)


def test_many_rows_share_a_key(database: Database, archive: ArchivedStandings) -> None:
    rows = ranked({f"p{n:04}": float(n // 1000) for n in range(3000)}, "dense")
    sheet = archive.open(seal(database, rows, chunk=1000), "dense")
    assert [sheet.below(key) for key in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0)] == [0, 0, 1000, 1000, 2000, 3000]
    assert [sheet.levels_below(key, inclusive=True) for key in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0)] == [0, 1, 1, 2, 3, 3]
    assert sheet.index_after(1.0, "p1500") == 1501
    assert sheet.players([f"p{n:04}" for n in range(0, 6000, 2)]).keys() == {f"p{n:04}" for n in range(0, 3000, 2)}
    assert [len(part) for part in sheet.stream(size=1400)] == [1400, 1400, 200]


def test_sqlite_looks_players_up_in_their_index(database: Database) -> None:
    with database.begin() as connection:
        if connection.dialect.name != "sqlite":
            return
        query = sa.select(archived_standings).where(is_row_of(connection, [1, 2], ["ada", "bob"]))
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert any("ix_archived_standings_player (archive=? AND player=?)" in step for step in plan)
    assert not any("PRIMARY KEY (archive=?)" in step for step in plan)


def test_levels_are_known_of_dense_ranks_only(database: Database, archive: ArchivedStandings) -> None:
    with pytest.raises(ValueError, match="dense"):
        archive.open(seal(database, ranked(ENTRIES)), "shared").levels_below(0.0)


def test_a_sheet_says_when_its_rows_are_gone(database: Database, archive: ArchivedStandings) -> None:
    sheet = archive.open(seal(database, ranked(ENTRIES)), "shared")
    seal(database, ranked(ENTRIES), of="t2")
    with pytest.raises(StandingsGone, match="2026-11-22") as caught:
        sheet.rows(0, 1)
    assert isinstance(caught.value, Unavailable)
    Copies(database).prune(checkpoint=never)
    with pytest.raises(StandingsGone):
        sheet.player("ada")
    sheet = archive.open(archive.find(*BOARD, ["2026-11-22"])["2026-11-22"], "shared")
    stream = sheet.stream(size=2)
    assert len(next(stream)) == 2
    Copies(database).retire({"day": 0}, NOW, checkpoint=never)
    with pytest.raises(StandingsGone):
        next(stream)


def test_periods_are_found(database: Database, archive: ArchivedStandings) -> None:
    ids = ["2026-11-01T02", "2026-11-01T02b", "2026-11-01T03", "2026-10-31T23", "2026-11-02T00"]
    for period in ids:
        seal(database, ranked({"ada": 1.0}), period)
    seal(database, [], "2026-11-03T00")
    begin(Copies(database), "2026-11-04T00")
    newest = [period.period for period in archive.newest(*BOARD, "day", limit=9)]
    assert newest == sorted(ids, reverse=True)
    assert [p.period for p in archive.newest(*BOARD, "day", limit=2, before="2026-11-01T03")] == newest[2:4]
    assert archive.newest(*BOARD, "week", limit=9) == []
    assert archive.newest("chess", "blitz", "b0", "day", limit=9) == []
    found = archive.find(*BOARD, [*ids, *(f"x{n}" for n in range(2000)), "2026-11-03T00", "2026-11-04T00"])
    assert sorted(found) == sorted([*ids, "2026-11-03T00"])
    assert archive.find(*BOARD, []) == {}
    assert archive.has_any(*BOARD)
    assert not archive.has_any("chess", "blitz", "b0")


def test_a_forgotten_player_leaves_all_periods_of_the_board(
    database: Database, archive: ArchivedStandings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.archive.standings._PERIODS_AT_ONCE", 3)
    for n in range(10):
        entries = ENTRIES if n % 5 else {"bob": 1.0}
        seal(database, ranked(entries), f"2026-{n:02}")
    other = (*BOARD[:2], "b2")
    assert len(archive.forget(*other, "ada")) == 0
    assert len(archive.forget(*BOARD, "ada")) == 8
    assert len(archive.forget(*BOARD, "ada")) == 0
    assert {(p.total, p.winner, p.winner_key) for p in archive.newest(*BOARD, "day", limit=20)} == {
        (4, "bob", -20.0),
        (1, "bob", 1.0),
    }
    assert len(archive.forget(*BOARD, "bob")) == 10
    assert {(p.total, p.winner) for p in archive.newest(*BOARD, "day", limit=20)} == {(3, "cyd")}
    empty = archive.find(*BOARD, ["2026-00"])["2026-00"]
    assert (empty.total, empty.winner, empty.winner_key) == (0, None, None)


def test_players_forgotten_at_once_are_counted_one_by_one(database: Database, archive: ArchivedStandings) -> None:
    names = [f"p{n}" for n in range(12)]
    archived = seal(database, ranked(dict.fromkeys(names, 1.0) | {"zoe": 2.0}, "dense"))
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda name: len(archive.forget(*BOARD, name)), names)) == {1}
    (left,) = archive.newest(*BOARD, "day", limit=1)
    assert (left.total, left.winner) == (1, "zoe")
    assert archive.open(archived, "dense").rows(0, 9) == [Row("zoe", 2.0, 1, None)]


def test_forgetting_leaves_copies_under_way_alone(database: Database, archive: ArchivedStandings) -> None:
    copies = Copies(database)
    seal(database, ranked(ENTRIES))
    copies.append(begin(copies, "2026-11-21"), ranked(ENTRIES))
    assert archive.forget(*BOARD, "ada") == {"2026-11-22"}
    assert states(database) == ["complete", "copying"]


def test_forgetting_reaches_the_winners_of_pruned_periods(database: Database, archive: ArchivedStandings) -> None:
    seal(database, ranked(ENTRIES))
    Copies(database).retire({"day": 0}, NOW, checkpoint=never)
    assert len(archive.forget(*BOARD, "bob")) == 0
    assert len(archive.forget(*BOARD, "ada")) == 1
    (left,) = archive.newest(*BOARD, "day", limit=1)
    assert (left.total, left.winner, left.winner_key, left.pruned) == (4, None, None, True)


def test_a_player_forgotten_before_a_new_copy_is_in_it_again_if_it_has_him(
    database: Database, archive: ArchivedStandings
) -> None:
    seal(database, ranked(ENTRIES))
    archive.forget(*BOARD, "ada")
    archived = seal(database, ranked(ENTRIES), of="t2")
    assert [row.rank for row in archive.open(archived, "shared").rows(0, 9)] == [1, 2, 2, 4, 5]
    lose(database, ref())
    Copies(database).prune(checkpoint=never)
    assert count(database) == (0, 0)


def test_rows_are_as_they_were(database: Database, archive: ArchivedStandings) -> None:
    sheet = archive.open(seal(database, [Row("ada", -1.0, 1, '{"a": 1}'), Row("bob", 2.5, 2, None)]), "unique")
    assert sheet.total == 2
    assert sheet.player("ada") == (0, Row("ada", -1.0, 1, '{"a": 1}'))
    assert sheet.player("bob") == (1, Row("bob", 2.5, 2, None))
    assert sheet.player("cyd") is None
