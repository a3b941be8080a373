"""Sessions: how long they last, who sees and ends them, what ends them at once."""

import secrets
from datetime import timedelta

import pytest

from leaderboard.accounts.sessions import id_of
from leaderboard.config import Settings
from leaderboard.store import keys
from leaderboard.web import sessions
from tests.conftest import START, Service
from tests.web.person import Person, words


def cookie_of(person: Person) -> str:
    found = person.client.get_cookie(sessions.COOKIE)
    assert found is not None
    return found.value


def again(person: Person, role: str = "viewer") -> Person:
    """The same account in another browser."""
    other = Person(person.service, None)
    other.name = person.name
    other.sign_in(person.service.services.links.create(person.name, person.service.clock.now()))
    return other


def is_in(person: Person) -> bool:
    return person.client.get("/account").status_code == 200


def test_a_session_that_is_used_goes_on(service: Service) -> None:
    person = Person(service, "viewer")
    for _ in range(5):
        service.clock.advance(hours=11, minutes=59)
        answer = person.client.get("/account")
        assert answer.status_code == 200
        assert "Max-Age=43200" in answer.headers["Set-Cookie"]
    service.clock.advance(hours=12)
    assert not is_in(person)


def test_a_session_ends_after_a_month_in_any_case(service: Service) -> None:
    person = Person(service, "viewer")
    while service.clock.now() < START + timedelta(days=30) - timedelta(hours=6):
        assert is_in(person)
        service.clock.advance(hours=6)
    assert is_in(person)
    service.clock.set(START + timedelta(days=30))
    assert not is_in(person)


def test_looking_at_pages_writes_seldom(service: Service) -> None:
    person = Person(service, "viewer")
    for seconds, is_written in ((1, False), (58, False), (1, True), (1, False)):
        service.clock.advance(seconds=seconds)
        assert ("Set-Cookie" in person.client.get("/account").headers) is is_written


def test_the_store_lets_go_of_a_session_too(service: Service) -> None:
    person = Person(service, "viewer")
    store = service.services.store.client
    assert 43_000 < store.ttl(keys.session(id_of(cookie_of(person)))) <= 43_200
    assert 30 * 86_400 < store.ttl(keys.sessions_of(person.name)) <= 31 * 86_400


def test_sessions_are_listed_and_ended(service: Service) -> None:
    person = Person(service, "viewer")
    service.clock.advance(minutes=5)
    other = again(person)
    other.client.get("/account", headers={"User-Agent": "Firefox of the office"})
    service.clock.advance(minutes=2)
    other.client.get("/account", headers={"User-Agent": "Firefox of the office"})
    page = person.get("/account")
    assert "Firefox of the office 127.0.0.1 2026-11-23 12:05 UTC 2026-11-23 12:07 UTC" in words(page)
    assert words(page).count("this one") == 1
    listed = service.services.sessions.of(person.name, service.clock.now())
    assert {one.id for one in listed} == {id_of(cookie_of(one)) for one in (person, other)}
    answer = person.post("/account/sessions/end", {"session": id_of(cookie_of(other))}, on="/account")
    assert answer.status_code == 303
    assert not is_in(other)
    assert is_in(person)
    answer = person.post("/account/sessions/end", {"session": id_of(cookie_of(person))}, on="/account")
    assert answer.headers["Location"] == "/signin"
    assert not is_in(person)


def test_all_others_are_ended(service: Service) -> None:
    person = Person(service, "viewer")
    others = [again(person) for _ in range(3)]
    person.post("/account/sessions/end-all", on="/account")
    assert all(is_in(one) for one in (person, *others)), "the box was not ticked"
    person.post("/account/sessions/end-all", {"confirm": "yes"}, on="/account")
    assert [is_in(one) for one in (person, *others)] == [True, False, False, False]


def test_nobody_ends_somebody_elses(service: Service) -> None:
    person, other = Person(service, "editor"), Person(service, "viewer")
    person.post("/account/sessions/end", {"session": id_of(cookie_of(other))}, on="/account")
    assert is_in(other)


def test_an_ended_session_does_not_come_back(service: Service) -> None:
    """A request that was under way when its session was ended keeps nothing."""
    person = Person(service, "viewer")
    wired, session_id = service.services, id_of(cookie_of(person))
    document = wired.sessions.read(session_id, service.clock.now())
    assert document is not None
    wired.sessions.end_all(person.name)
    assert not wired.sessions.change(session_id, document, "agent", "address", seen=True)
    assert not is_in(person)
    assert wired.sessions.of(person.name, service.clock.now()) == []


def test_an_account_has_so_many_sessions_at_most(service: Service) -> None:
    person = Person(service, "viewer")
    for number in range(60):
        document = {
            "account": person.name,
            "stamp": "",
            "began": 1_800_000_000 + number,
            "seen": 1_800_000_000 + number,
        }
        service.services.sessions.begin(secrets.token_hex(16), document, "", "")
    assert len(service.services.sessions._listed(person.name)) == 50


def test_a_new_password_ends_the_other_sessions(service: Service) -> None:
    person = Person(service, "viewer")
    other = again(person)
    form = {"password": "a new pass phrase", "again": "a new pass phrase"}
    assert person.post("/account/password", form, on="/account").status_code == 303
    assert is_in(person)
    assert not is_in(other)
    wrong = {"old": "not the old one", **form}
    answer = person.post("/account/password", wrong, on="/account")
    assert answer.status_code == 422
    assert "This is not your password." in answer.text
    unlike = {"old": "a new pass phrase", "password": "another phrase", "again": "different phrase"}
    assert "This is not the same password." in person.post("/account/password", unlike, on="/account").text
    short = {"old": "a new pass phrase", "password": "short", "again": "short"}
    assert "at least" in person.post("/account/password", short, on="/account").text
    right = {"old": "a new pass phrase", "password": "another phrase", "again": "another phrase"}
    assert person.post("/account/password", right, on="/account").status_code == 303


def test_a_password_set_elsewhere_ends_sessions_though_the_store_was_not_told(service: Service) -> None:
    person = Person(service, "viewer")
    service.services.accounts.set_password(person.name, "set on a terminal", service.clock.now())
    assert not is_in(person)


def test_an_account_made_anew_has_no_old_sessions(service: Service) -> None:
    person = Person(service, "viewer")
    service.services.accounts.remove(person.name)
    assert not is_in(person)
    service.services.accounts.create(person.name, "admin", None, service.clock.now())
    assert not is_in(person)


def test_a_role_takes_effect_on_sessions(service: Service) -> None:
    person = Person(service, "viewer")
    person.get("/accounts", 403)
    service.services.accounts.set_role(person.name, "admin", service.clock.now())
    person.get("/accounts")


@pytest.mark.parametrize("hours", ["0", "-1", "721", "nan", "inf"])
def test_hours_that_cannot_be(hours: str) -> None:
    from leaderboard.errors import ConfigError  # noqa: PLC0415

    with pytest.raises(ConfigError, match="SESSION_HOURS"):
        Settings.from_env({"LEADERBOARD_SESSION_HOURS": hours})
