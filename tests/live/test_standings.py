"""What became of a top, and what it was before."""

from hypothesis import given
from hypothesis import strategies as st

from leaderboard.live.standings import Move, Place, Row, difference, net, passed, ranks_of, read_moves, unwound

PLAYERS = st.sampled_from([f"p{n}" for n in range(12)] + ["é", "𝔞", "z"])
KEYS = st.integers(-5, 5).map(float)
BOARDS = st.dictionaries(PLAYERS, KEYS)
TIES = st.sampled_from(["shared", "dense", "unique"])


def rows_of(board: dict[str, float]) -> list[Row]:
    return sorted((Row(key, player) for player, key in board.items()), key=lambda row: (row.key, row.player.encode()))


def moves_between(before: dict[str, float], after: dict[str, float]) -> list[Move]:
    return [
        Move(player, before.get(player), after.get(player))
        for player in sorted({*before, *after})
        if before.get(player) != after.get(player)
    ]


@given(BOARDS, BOARDS)
def test_moves_are_undone(before: dict[str, float], after: dict[str, float]) -> None:
    assert unwound(rows_of(after), moves_between(before, after)) == rows_of(before)


@given(BOARDS, BOARDS, st.integers(1, 5))
def test_as_far_down_as_is_known(before: dict[str, float], after: dict[str, float], limit: int) -> None:
    moves = moves_between(before, after)
    known = rows_of(after)[: limit + len(moves)]
    assert unwound(known, moves)[:limit] == rows_of(before)[:limit]


@given(BOARDS, BOARDS, TIES, st.integers(1, 6))
def test_a_difference_makes_the_new_top_of_the_old(
    before: dict[str, float], after: dict[str, float], ties: str, limit: int
) -> None:
    old, new = rows_of(before)[:limit], rows_of(after)[:limit]
    found = difference(old, new, ties)
    ranks = dict(zip((row.player for row in old), ranks_of(old, ties), strict=True))
    shown = {row.player: (rank, row.key) for rank, row in zip(ranks.values(), old, strict=True)}
    for player in found.left:
        del shown[player]
    for rank, row, was in found.rows:
        assert was == ranks.get(row.player)
        assert shown.get(row.player) != (rank, row.key)
        shown[row.player] = rank, row.key
    assert shown == {row.player: (rank, row.key) for rank, row in zip(ranks_of(new, ties), new, strict=True)}


@given(BOARDS, TIES)
def test_ranks_are_those_of_the_tie_rule(board: dict[str, float], ties: str) -> None:
    rows = rows_of(board)
    for number, (rank, row) in enumerate(zip(ranks_of(rows, ties), rows, strict=True)):
        ahead = [other.key for other in rows if other.key < row.key]
        expected = {"shared": len(ahead), "dense": len(set(ahead)), "unique": number}[ties] + 1
        assert rank == expected


@given(BOARDS, BOARDS, st.sampled_from(["shared", "unique"]))
def test_who_went_past_a_player(before: dict[str, float], after: dict[str, float], ties: str) -> None:
    def ahead_of(board: dict[str, float], player: str) -> set[str]:
        mark = (board[player], player if ties == "unique" else "")
        return {one for one, key in board.items() if (key, one if ties == "unique" else "") < mark} - {player}

    for player in {*before} & {*after}:
        places = [Place(1, board[player]) for board in (before, after)]
        found = passed(player, *places, moves_between(before, after), ties, 3)
        # Who is ahead only because the player fell behind did not move, and did not go past anybody.
        moved = {one for one in after if after[one] != before.get(one)}
        expected = (ahead_of(after, player) - ahead_of(before, player)) & moved
        assert found.count == len(expected)
        assert found.by == [row for row in rows_of(after) if row.player in expected][:3]


@given(st.lists(st.tuples(PLAYERS, st.none() | KEYS), max_size=20))
def test_moves_in_a_row_are_one(steps: list[tuple[str, float | None]]) -> None:
    board: dict[str, float | None] = {}
    moves = []
    for player, key in steps:
        moves.append(Move(player, board.get(player), key))
        board[player] = key
    assert {(move.player, move.old, move.new) for move in net(moves)} == {
        (player, None, key) for player, key in board.items() if key is not None
    }


def test_the_moves_of_an_entry() -> None:
    assert list(read_moves("a b\n-1.5\n3\né\n\n7\nz\n7\n")) == [
        Move("a b", -1.5, 3.0),
        Move("é", None, 7.0),
        Move("z", 7.0, None),
    ]
    assert list(read_moves("")) == []
