"""Who plays, and what they submit."""

import itertools
from collections import Counter

import pytest
from benchlib.cases import Requests
from benchlib.players import Players
from benchlib.zipf import Zipf


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.4])
def test_zipf_draws_each_number_as_often_as_its_law_says(exponent: float) -> None:
    count, draws = 40, 60_000
    zipf = Zipf(count, exponent, seed=3)
    seen = Counter(zipf.draw() for _ in range(draws))
    total = sum(k**-exponent for k in range(1, count + 1))
    expected = {k: draws * k**-exponent / total for k in range(1, count + 1)}
    chi_square = sum((seen[k] - expected[k]) ** 2 / expected[k] for k in expected)
    assert set(seen) <= set(expected)
    assert chi_square < 80  # 39 degrees of freedom: 72.1 is exceeded once in a thousand; the seed is fixed


def test_zipf_of_one_and_of_many() -> None:
    assert {Zipf(1).draw() for _ in range(10)} == {1}
    zipf = Zipf(10_000_000)
    drawn = [zipf.draw() for _ in range(2000)]
    assert 1 <= min(drawn) <= max(drawn) <= 10_000_000
    assert 0.03 < drawn.count(1) / 2000 < 0.1  # 1 / H(10,000,000) is 0.06
    with pytest.raises(ValueError, match="above 0"):
        Zipf(0)


def test_players_by_zipf_are_few_but_not_the_first_ones() -> None:
    counts = Counter(itertools.islice(Players(1000).draws("zipf"), 20_000))
    often = [player for player, _ in counts.most_common(10)]
    assert sum(counts[player] for player in often) > 0.3 * 20_000
    assert max(often) > 500
    assert max(counts) < 1000


@pytest.mark.parametrize(("drawn", "improving"), [("uniform", 0.1), ("zipf", 0.1), ("uniform", 1.0)])
def test_bests_are_what_a_board_would_hold(drawn: str, improving: float) -> None:
    players = Players(200)
    board = dict(enumerate(players.best))
    moved = 0
    for player, score in itertools.islice(players.attempts(drawn, improving), 3000):
        moved += score > board[player]
        board[player] = max(board[player], score)
    assert board == dict(enumerate(players.best))
    assert moved == 3000 if improving == 1 else 200 < moved < 400


@pytest.mark.parametrize(("drawn", "improving"), [("uniform", 0.1), ("zipf", 0.3), ("uniform", 1.0)])
def test_bulks_are_patched_in_place_and_improve_as_often_as_they_should(drawn: str, improving: float) -> None:
    players = Players(400)
    board = dict(enumerate(players.best))
    requests = Requests("host", "key", "main")
    bulks = players.bulks(requests.line, 50, drawn=drawn, improving=improving)
    width = len(requests.line(0, players.best[0]))
    for body in itertools.islice(bulks, 40):  # several times round the pool
        lines = [body[at : at + width] for at in range(0, len(body), width)]
        pairs = [(int(line.split(b"player-")[1][:7]), int(line.split(b":")[-1].rstrip(b"}\n"))) for line in lines]
        assert all(line == requests.line(*pair) for line, pair in zip(lines, pairs, strict=True))
        moved = 0
        for player, score in pairs:
            moved += score > board[player]
            board[player] = max(board[player], score)
        assert moved == 50 * improving
    assert board == dict(enumerate(players.best))
