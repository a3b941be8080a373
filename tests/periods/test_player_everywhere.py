"""A player on every board, in periods that are in the archive."""

from datetime import timedelta

import sqlalchemy as sa

from tests.conftest import START, Service
from tests.periods.running import FreeRun

BOARDS = 12


def test_boards_whose_archive_has_the_player_are_found_with_one_query(service: Service) -> None:
    for number in range(BOARDS):
        service.put_board(f"b{number}", retention={"day": 0})
        service.submit("ada" if number % 3 == 0 else "bob", 5, board=f"b{number}")
    service.clock.set(START + timedelta(days=1))
    service.services.sealing.run(service.clock.now(), FreeRun())
    statements: list[str] = []
    listening = (service.services.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    sa.event.listen(*listening)
    answer = service.get("/players/ada?period=day&id=2026-11-23")
    assert {row["board"] for row in answer["boards"]} == {"b0", "b3", "b6", "b9"}
    assert all(row["period"]["state"] == "archived" and row["rank"] == 1 for row in answer["boards"])
    statements.clear()
    assert service.get("/players/eve?period=day&id=2026-11-23")["boards"] == []
    sa.event.remove(*listening)
    assert len(statements) <= 3


def test_a_board_whose_standings_were_pruned_is_left_out(service: Service) -> None:
    for name in ("kept", "pruned"):
        service.put_board(name, retention={"day": 0})
        service.submit("ada", 5, board=name)
    service.clock.set(START + timedelta(days=1))
    service.services.sealing.run(service.clock.now(), FreeRun())
    tables = "archived_periods SET pruned = true WHERE board = 'pruned' AND game = :game"
    with service.services.database.begin() as connection:
        rows = (
            "DELETE FROM archived_standings WHERE archive IN (SELECT id FROM archived_periods WHERE board = 'pruned')"
        )
        connection.execute(sa.text(rows))
        connection.execute(sa.text(f"UPDATE {tables}"), {"game": service.game})
    answer = service.get("/players/ada?period=day&id=2026-11-23")
    assert [row["board"] for row in answer["boards"]] == ["kept"]
    reply = service.request("GET", "/v1/boards/pruned/top?period=day&id=2026-11-23")
    assert (reply.status, reply.json["code"]) == (404, "period_gone")
