"""Copies: begun, taken over, appended to, completed, given up, pruned, retired."""

import math
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from psycopg import IntegrityError

from leaderboard.archive.copies import Copies
from leaderboard.archive.database import Database
from leaderboard.archive.periods import ArchiveMismatch, CopyLost, Row, add_to_digest
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.archive.tables import archived_periods, archived_standings
from leaderboard.errors import Interrupted
from tests.archive.sealing import BOARD, NOW, begin, complete, count, lose, never, ranked, ref, seal, states

ROWS = ranked({"ada": -30.0, "bob": -20.0, "cyd": -20.0, "dan": -10.0, "eve": 0.0})


@pytest.fixture
def copies(database: Database) -> Copies:
    return Copies(database)


def read(database: Database, period: str = "2026-11-22", ties: str = "shared") -> list[Row]:
    archive = ArchivedStandings(database)
    archived = archive.find(*BOARD, [period])[period]
    return archive.open(archived, ties).rows(0, 10_000)


def test_what_is_copied_is_what_is_read(database: Database) -> None:
    archived = seal(database, ROWS)
    assert (archived.total, archived.winner, archived.winner_key, archived.pruned) == (5, "ada", -30.0, False)
    assert ArchivedStandings(database).find(*BOARD, ["2026-11-22", "2026-11-21"]) == {"2026-11-22": archived}
    assert read(database) == ROWS


def test_doubles_and_text_come_back_exactly(database: Database) -> None:
    keys = [-math.inf, -1.7976931348623157e308, -1e308, -(2.0**53) - 2, -(2.0**53), -(2.0**53) + 1, -0.1 - 0.2]
    keys += [-5e-324, 0.0, 5e-324, 2.2250738585072014e-308, 0.1, 0.1 + 0.2, 2.0**52, 2.0**53 - 1, 2.0**53]
    keys += [2.0**53 + 2, 2.0**63, 1.2345678901234567e300, 1e308, math.inf]
    players = ["\\N", "\\.", "a\\tb", "/a/b?c=%20", "🏆", "é", "é", "\u0130stanbul", "'; DROP TABLE x; --", "%s", "0"]
    texts = [None, "", '{"a":"\\u0000\\n"}', "tab\tnew\nline\rreturn\\", '"\\\\N"', "\\N", "\\.", "{}", "null", "🏆"]
    rows = [Row(f"{players[n % len(players)]}{n}", key, n + 1, texts[n % len(texts)]) for n, key in enumerate(keys)]
    seal(database, rows, chunk=4)
    assert read(database) == rows
    assert [key.hex() for _, key, _, _ in read(database)] == [key.hex() for key in keys]


def test_random_doubles_come_back_exactly(database: Database) -> None:
    source = random.Random(7)
    keys = {math.ldexp(source.uniform(-1, 1), source.randint(-1074, 1023)) for _ in range(2000)}
    rows = ranked({f"p{n}": key for n, key in enumerate(keys)})
    seal(database, rows, chunk=700)
    assert [row.key.hex() for row in read(database)] == [row.key.hex() for row in rows]


def test_zero_has_no_sign(database: Database) -> None:
    seal(database, [Row("a", -0.0, 1, None), Row("b", 0.0, 1, None)])
    assert [math.copysign(1, row.key) for row in read(database)] == [1, 1]


def test_an_empty_period_can_be_sealed(database: Database) -> None:
    archived = seal(database, [])
    assert (archived.total, archived.winner, archived.winner_key) == (0, None, None)
    assert read(database) == []
    assert not ArchivedStandings(database).has_any(*BOARD)


def test_the_digest_does_not_know_the_chunks() -> None:
    whole = add_to_digest("0" * 32, 0, ROWS)
    pieces = "0" * 32
    for start, end in ((0, 1), (1, 1), (1, 4), (4, 5)):
        pieces = add_to_digest(pieces, start, ROWS[start:end])
    assert pieces == whole
    assert len(whole) == 32
    changed = [ROWS[0]._replace(player="adb"), ROWS[0]._replace(key=math.nextafter(-30.0, 0)), ROWS[0]._replace(rank=2)]
    changed += [ROWS[0]._replace(metadata=text) for text in ("", "{}")]
    assert len({add_to_digest("0" * 32, 0, [row, *ROWS[1:]]) for row in (ROWS[0], *changed)}) == 6
    assert add_to_digest("0" * 32, 1, ROWS) != whole


def test_a_copy_goes_on_where_it_ended(copies: Copies, database: Database) -> None:
    copies.append(begin(copies), ROWS[:2])
    again = begin(copies, holder="h2")
    assert (again.copied, again.holder) == (2, "h2")
    done = complete(copies, copies.append(again, ROWS[2:]), 5, NOW)
    assert done.total == 5
    assert read(database) == ROWS
    assert states(database) == ["complete"]


def test_the_former_holder_can_do_nothing(copies: Copies, database: Database) -> None:
    first = copies.append(begin(copies), ROWS[:2])
    second = begin(copies, holder="h2")
    for act in (lambda: copies.append(first, ROWS[2:]), lambda: complete(copies, first, 2, NOW)):
        with pytest.raises(CopyLost) as caught:
            act()
        assert isinstance(caught.value, Interrupted)
    copies.abandon(first)
    assert states(database) == ["copying"]
    assert count(database) == (2, 0)
    copies.append(second, ROWS[2:])


def test_a_chunk_is_appended_once(copies: Copies, database: Database) -> None:
    copy = begin(copies)
    copies.append(copy, ROWS[:2])
    with pytest.raises(CopyLost):
        copies.append(copy, ROWS[:2])
    assert count(database) == (2, 0)


def test_rows_that_cannot_be_written_do_not_move_the_copy(copies: Copies, database: Database) -> None:
    copy = begin(copies)
    in_the_way = {"archive": copy.id, "position": 1, "player": "x", "sort_key": 1.0, "rank": 1}
    with database.begin() as connection:
        connection.execute(sa.insert(archived_standings), [in_the_way])
    with pytest.raises((sa.exc.IntegrityError, IntegrityError)):
        copies.append(copy, ROWS)
    assert count(database) == (1, 0)
    assert begin(copies) == copy


def test_an_empty_chunk_is_no_trouble(copies: Copies) -> None:
    copy = begin(copies)
    assert copies.append(copy, []) == copy


def test_completing_twice_is_completing_once(copies: Copies, database: Database) -> None:
    copy = copies.append(begin(copies), ROWS)
    assert not copies.is_whole(copy)
    done = complete(copies, copy, 5, NOW)
    assert copies.is_whole(copy)
    assert complete(copies, copy, 5, NOW + timedelta(hours=1)) == done
    again = begin(copies, holder="h2")
    assert (again.id, again.copied, copies.is_whole(again)) == (copy.id, 5, True)
    assert complete(copies, again, 5, NOW) == done
    assert states(database) == ["complete"]
    with pytest.raises(CopyLost):
        copies.append(again, ROWS)


def test_many_that_begin_at_once_hold_one_copy(copies: Copies, database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda number: begin(copies, holder=f"h{number}"), range(4)))
    assert len({copy.id for copy in begun}) == 1
    assert states(database) == ["copying"]
    lost = 0
    for copy in begun:
        try:
            copies.append(copy, ROWS)
        except CopyLost:
            lost += 1
    assert lost == 3


def test_another_token_is_another_copy(copies: Copies, database: Database) -> None:
    old = copies.append(begin(copies), ROWS[:2])
    new = begin(copies, of="t2", holder="h2")
    assert (new.id != old.id, new.copied) == (True, 0)
    assert states(database) == ["gone", "copying"]
    with pytest.raises(CopyLost):
        copies.append(old, ROWS[2:])
    with pytest.raises(CopyLost):
        complete(copies, old, 2, NOW)


def test_the_old_copy_is_read_until_the_new_one_is_complete(copies: Copies, database: Database) -> None:
    seal(database, ROWS)
    copy = copies.append(begin(copies, of="t2"), ROWS[:3])
    assert read(database) == ROWS
    complete(copies, copy, 3, NOW)
    assert read(database) == ROWS[:3]
    assert states(database) == ["gone", "complete"]


def test_periods_and_boards_do_not_touch_each_other(copies: Copies, database: Database) -> None:
    begin(copies, "2026-11-21")
    seal(database, ROWS)
    begin(copies, "2026-11-20", of="t3")
    assert states(database) == ["copying", "complete", "copying"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE archived_standings SET player = 'mallory' WHERE position = 3", "not those that were copied"),
        (
            "UPDATE archived_standings SET sort_key = -10.000000000000002 WHERE position = 3",
            "not those that were copied",
        ),
        ("UPDATE archived_standings SET metadata = '' WHERE position = 3", "not those that were copied"),
        ("UPDATE archived_standings SET rank = 3 WHERE position = 2", "not those that were copied"),
        ("DELETE FROM archived_standings WHERE position = 4", "4 rows of 5"),
        ("DELETE FROM archived_standings WHERE position = 0", "missing at position 0"),
        ("DELETE FROM archived_standings WHERE position = 2", "missing at position 0 or a little behind"),
        ("UPDATE archived_standings SET position = 9 WHERE position = 4", "missing at position 0 or a little behind"),
    ],
)
def test_a_copy_that_was_tampered_with_is_given_up(copies: Copies, database: Database, change: str, said: str) -> None:
    copy = copies.append(begin(copies), ROWS)
    with database.begin() as connection:
        connection.execute(sa.text(change))
    with pytest.raises(ArchiveMismatch, match=said):
        complete(copies, copy, 5, NOW)
    assert states(database) == ["gone"]
    assert begin(copies).id != copy.id


def test_a_bad_copy_does_not_replace_the_one_before(copies: Copies, database: Database) -> None:
    seal(database, ROWS)
    copy = copies.append(begin(copies, of="t2"), ROWS[:3])
    with pytest.raises(ArchiveMismatch, match="3 rows were copied of 4"):
        complete(copies, copy, 4, NOW)
    assert read(database) == ROWS


@pytest.mark.parametrize("rows", [[ROWS[1], ROWS[0]], [ROWS[2], ROWS[1]], [ROWS[1], ROWS[1]]])
def test_rows_out_of_order_are_refused(database: Database, rows: list[Row]) -> None:
    for chunk in (1, 2):
        with pytest.raises(ArchiveMismatch, match="not in order"):
            seal(database, rows, chunk=chunk)


def test_pieces_are_put_together(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaderboard.archive.copies._PIECE", 2)
    assert seal(database, ROWS).total == 5
    with pytest.raises(ArchiveMismatch, match="not in order"):
        seal(database, [*ROWS[1:3], ROWS[0]], of="t2")


def test_giving_up(copies: Copies, database: Database) -> None:
    copies.abandon(begin(copies))
    assert states(database) == ["gone"]
    seal(database, ROWS)
    begin(copies, of="t2")
    lose(database, ref("2026-11-21"))
    assert states(database) == ["gone", "complete", "copying"]
    lose(database, ref())
    assert states(database) == ["gone", "gone", "gone"]
    assert ArchivedStandings(database).find(*BOARD, ["2026-11-22"]) == {}


def test_boards_are_dropped_whole_or_in_part(copies: Copies, database: Database) -> None:
    game, board, born = BOARD
    for period in ("2026-11-22", "2026-11-21"):
        seal(database, ROWS, period)
    week = copies.begin(ref("2026-W47", "week"), NOW, NOW, token=BOARD[0], holder="h", now=NOW)
    assert copies.drop_board(game, board, born="b0") == 0
    assert copies.drop_board(game, "bullet") == 0
    assert copies.drop_board(game, board, names=[]) == 0
    assert copies.drop_board(game, board, names=["week", "month"], born=born) == 1
    with pytest.raises(CopyLost):
        copies.append(week, ROWS)
    assert copies.drop_board(game, board) == 2
    assert states(database) == ["gone"] * 3


def test_what_is_gone_is_pruned_in_small_steps(copies: Copies, database: Database) -> None:
    steps: list[int] = []
    kept = seal(database, ROWS, "2026-11-20")
    for period in ("2026-11-21", "2026-11-22"):
        seal(database, ROWS, period)
        lose(database, ref(period))
    begin(copies, "2026-11-19")
    lose(database, ref("2026-11-19"))
    assert copies.prune(rows_at_once=3, checkpoint=lambda: steps.append(count(database)[0])) == 10
    assert steps == [12, 9, 6, 5]
    assert ArchivedStandings(database).find(*BOARD, ["2026-11-20"]) == {"2026-11-20": kept}
    assert states(database) == ["complete"]
    assert copies.prune(checkpoint=never) == 0


def test_pruning_that_was_interrupted_goes_on(copies: Copies, database: Database) -> None:
    seal(database, ROWS)
    ArchivedStandings(database).forget(*BOARD, "cyd")
    lose(database, ref())

    def stop() -> None:
        raise Interrupted("enough")

    left = []
    for _ in range(3):
        with pytest.raises(Interrupted):
            copies.prune(rows_at_once=2, checkpoint=stop)
        left.append((count(database), states(database)))
    assert left == [((2, 1), ["gone"]), ((0, 1), ["gone"]), ((0, 0), [])]
    assert copies.prune(checkpoint=never) == 0


def test_old_periods_keep_their_totals_and_winners_only(copies: Copies, database: Database) -> None:
    archive = ArchivedStandings(database)
    for days in (1, 10, 11, 30):
        seal(database, ROWS, f"2026-{days:02}", ended=NOW - timedelta(days=days))
    begin(copies, "2026-99", ended=NOW - timedelta(days=99))
    assert copies.retire({"week": 1, "day": 1e300}, NOW, checkpoint=never) == 0
    assert copies.retire({"week": 1, "day": 1e9}, NOW, checkpoint=never) == 0
    assert copies.retire({"week": 1, "day": 10}, NOW, checkpoint=never) == 2
    assert [(p.period, p.pruned, p.total, p.winner) for p in archive.newest(*BOARD, "day", limit=9)] == [
        ("2026-30", True, 5, "ada"),
        ("2026-11", True, 5, "ada"),
        ("2026-10", False, 5, "ada"),
        ("2026-01", False, 5, "ada"),
    ]
    assert count(database) == (10, 0)
    assert copies.retire({"day": 10}, NOW, checkpoint=never) == 0
    assert copies.retire({"day": 9.5}, NOW, checkpoint=never) == 1
    assert count(database) == (5, 0)


def test_retiring_that_was_interrupted_goes_on(
    copies: Copies, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.archive.pruning._ROWS_AT_ONCE", 2)
    seal(database, ROWS)
    ArchivedStandings(database).forget(*BOARD, "cyd")

    def stop() -> None:
        raise Interrupted("enough")

    with pytest.raises(Interrupted):
        copies.retire({"day": 0}, NOW, checkpoint=stop)
    assert count(database) == (2, 1)
    assert copies.retire({"day": 0}, NOW, checkpoint=never) == 0
    assert count(database) == (0, 0)
    assert states(database) == ["complete"]


def test_times_are_kept(copies: Copies, database: Database) -> None:
    end = NOW - timedelta(microseconds=1)
    copy = begin(copies, ended=end)
    complete(copies, copy, 0, NOW + timedelta(seconds=1))
    with database.begin() as connection:
        row = connection.execute(sa.select(archived_periods)).one()
        assert connection.execute(sa.select(archived_standings)).all() == []
    assert (row.starts_at, row.ends_at, row.changed_at) == (end - timedelta(days=1), end, NOW + timedelta(seconds=1))
