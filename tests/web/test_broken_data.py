"""A game or board whose data somebody has broken spoils its own pages, not those of all others."""

from collections.abc import Iterator

import pytest

from leaderboard.store import stat_keys as names
from tests.conftest import Service
from tests.web.person import Person, words


@pytest.fixture
def broken(service: Service) -> Iterator[Service]:
    service.put_board("good")
    service.submit("ada", 7, "good")
    service.put_board("bad")
    store, board = service.services.store.client, service.services.registry.get(service.game, "bad")
    store.set(board.keys.standings("all"), "no standings")
    store.set(names.calendar(service.game), "nonsense")
    yield service
    store.delete(board.keys.standings("all"), names.calendar(service.game))


def test_the_lists_of_games_and_boards(broken: Service) -> None:
    person = Person(broken, "viewer")
    assert broken.game in words(person.get("/"))
    page = words(person.get(f"/games/{broken.game}"))
    assert "good" in page
    assert "bad" in page
    assert "ada 7" in page


def test_what_boards_cost(broken: Service) -> None:
    from leaderboard.web import operations  # noqa: PLC0415

    costs = {one.board.name for one in operations._costs(broken.services) if one.board.game == broken.game}
    assert costs == {"good", "bad"}
