"""`public` in a board's definition: changeable at any time, and nothing else moves because of it."""

import pytest
import sqlalchemy as sa

from leaderboard import jsontext
from leaderboard.archive.tables import boards
from leaderboard.boards.definition import Board
from tests.conftest import START, Service


def test_it_is_shown_and_can_change_when_there_are_scores(service: Service) -> None:
    assert service.put_board("b")["public"] is False
    service.submit("ada", 5)
    for public in (True, False, True):
        assert service.put_board("b", public=public)["public"] is public
        assert service.get("/boards/b")["public"] is public
        assert service.get("/boards/b/top")["entries"][0]["score"] == 5


@pytest.mark.parametrize("wrong", [None, 1, 0, "true", "yes", [], {}])
def test_it_is_true_or_false(service: Service, wrong: object) -> None:
    reply = service.request("PUT", "/v1/boards/b", json={"public": wrong})
    assert (reply.status, list(reply.json["errors"])) == (422, ["public"])


def test_a_definition_from_before_is_not_public(service: Service) -> None:
    service.put_board("b")
    service.submit("ada", 5)
    board = service.services.registry.fresh(service.game, "b")
    document = jsontext.loads(board.dump())
    del document["definition"]["public"]
    text = jsontext.dumps(document).decode()
    assert Board.parse(service.game, "b", board.rev, text) == board
    where = (boards.c.game == service.game, boards.c.name == "b")
    with service.services.database.begin() as connection:
        connection.execute(sa.update(boards).where(*where).values(definition=text))
    service.services.store.client.hdel(board.keys.meta, "rev", "def")
    assert service.services.registry.fresh(service.game, "b").definition["public"] is False
    assert service.put_board("b", public=True)["public"] is True
    assert service.submit("ada", 7)["score"] == 7


def test_windows_captures_and_periods_stay(service: Service) -> None:
    service.put_board("b", periods=["all", "day"], rolling=["7d"])
    service.submit("ada", 5)
    service.get("/boards/b/top", query={"window": "7d"})
    services = service.services
    board = services.registry.fresh(service.game, "b")
    before = services.store.client.hget(board.keys.meta, "windows")
    assert before
    period = board.calendar.containing("day", START)
    standings = services.store.client.zrange(board.keys.standings(period.id), 0, -1, withscores=True)
    service.put_board("b", periods=["all", "day"], rolling=["7d"], public=True)
    changed = services.registry.fresh(service.game, "b")
    assert (changed.born, changed.added, changed.trimmed) == (board.born, board.added, board.trimmed)
    assert services.store.client.hget(board.keys.meta, "windows") == before
    assert services.store.client.zrange(board.keys.standings(period.id), 0, -1, withscores=True) == standings
