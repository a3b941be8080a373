"""The page of keys: one is shown once, works, and is refused once it is revoked."""

import re

import pytest
from structlog.testing import capture_logs

from leaderboard.errors import Unauthenticated
from tests.conftest import Service
from tests.web.person import Person, words

_KEY = re.compile(r"lb_(?:server|client)_[A-Za-z0-9_-]{32}")


@pytest.fixture
def address(service: Service) -> str:
    return f"/games/{service.game}/keys"


@pytest.mark.parametrize("role", ["server", "client"])
def test_a_key_is_shown_once_and_works(service: Service, address: str, role: str) -> None:
    visitor = Person(service)
    with capture_logs() as logs:
        answer = visitor.post(address, {"role": role})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    (key,) = set(_KEY.findall(answer.text))
    assert service.request("GET", "/v1/boards", key=key).status == 200
    assert service.services.access.identify(key).role == role
    for _ in range(2):
        assert not _KEY.findall(visitor.get(address))
    with visitor.client.session_transaction() as session:
        assert key not in str(dict(session))
    assert key not in str(answer.headers)
    assert key not in str(logs)
    assert {"event": "api key made", "game": service.game, "role": role, "by": visitor.name}.items() <= logs[-1].items()


def test_the_list(service: Service, address: str) -> None:
    page = Person(service).get(address)
    for key in service.services.access.list_keys(service.game):
        assert f"{key.id} {key.role} 2026-11-23 12:00 UTC in use" in words(page)
    other = service.services.access.create_key("other-" + service.game[:20], "server", service.clock.now())
    assert service.services.access.identify(other).key_id not in page


def test_a_revoked_key_is_refused(service: Service, address: str) -> None:
    visitor, access = Person(service), service.services.access
    key = access.create_key(service.game, "server", service.clock.now())
    key_id = access.identify(key).key_id
    answer = visitor.post(f"{address}/{key_id}/revoke", {}, on=address)
    assert "nothing was changed" in visitor.get(answer.location)
    assert access.identify(key).key_id == key_id
    answer = visitor.post(f"{address}/{key_id}/revoke", {"confirm": "yes"}, on=address)
    assert answer.status_code == 303
    page = words(visitor.get(answer.location))
    assert f"Key {key_id} is revoked: every process refuses it within 3 seconds." in page
    assert re.search(f"{key_id} server .* UTC revoked 2026-11-23 12:00 UTC", page)
    access._cached.clear()  # what a process knows it knows for 1.5 s
    with pytest.raises(Unauthenticated):
        access.identify(key)
    again = visitor.post(f"{address}/{key_id}/revoke", {"confirm": "yes"}, on=address)
    assert "was revoked before" in visitor.get(again.location)


def test_another_games_key_cannot_be_revoked_here(service: Service, address: str) -> None:
    access = service.services.access
    key = access.create_key("other-" + service.game[:20], "server", service.clock.now())
    key_id = access.identify(key).key_id
    answer = Person(service).post(f"{address}/{key_id}/revoke", {"confirm": "yes"}, on=address)
    assert answer.status_code == 404
    access._cached.clear()
    assert access.identify(key).key_id == key_id


def test_what_is_no_role_makes_no_key(service: Service, address: str) -> None:
    before = service.services.access.list_keys(service.game)
    for role in ("", "admin", "<script>"):
        answer = Person(service).post(address, {"role": role})
        assert answer.status_code == 422
        assert "Choose server or client." in answer.text
    assert service.services.access.list_keys(service.game) == before


def test_no_game_is_made_by_the_way(service: Service, address: str) -> None:
    visitor = Person(service)
    answer = visitor.post("/games/no-such-game/keys", {"role": "server"}, on=address)
    assert answer.status_code == 404
    visitor.get("/games/no-such-game/keys", 404)
    assert not service.services.access.game_exists("no-such-game")


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_administrators_see_and_change_keys(service: Service, address: str, role: str) -> None:
    visitor = Person(service, role)
    key = service.services.access.list_keys(service.game)[0]
    visitor.get(address, 403)
    for path in (address, f"{address}/{key.id}/revoke"):
        assert visitor.post(path, {"role": "server", "confirm": "yes"}, on="/").status_code == 403
    keys = service.services.access.list_keys(service.game)
    assert len(keys) == 2
    assert all(one.revoked_at is None for one in keys)


def test_without_the_forms_token_nothing_happens(service: Service, address: str) -> None:
    visitor = Person(service)
    assert visitor.client.post(address, data={"role": "server"}).status_code == 400
    assert len(service.services.access.list_keys(service.game)) == 2
