"""Attacks on the dashboard that once worked, or were tried and are to go on failing."""

import hashlib
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from leaderboard.accounts.accounts import Accounts
from leaderboard.accounts.failures import _place
from leaderboard.accounts.sessions import id_of
from leaderboard.archive.tables import api_keys
from leaderboard.errors import DatabaseUnavailable, NotFound
from leaderboard.store import keys
from leaderboard.web import errorpages, playerfacts, public, sessions
from leaderboard.web import keys as key_pages
from tests.conftest import START, Service
from tests.web.person import Person, words
from tests.web.test_signin import PASSWORD, Door

HTML = {"Accept": "text/html"}


def cookie_of(person: Person) -> str:
    found = person.client.get_cookie(sessions.COOKIE)
    assert found is not None
    return found.value


def link(service: Service, name: str) -> str:
    return "/signin/link/" + service.services.links.create(name, service.clock.now())


# Failed sign-ins are counted by address.


def test_callers_by_ipv4_are_told_apart_on_a_socket_for_both_kinds(service: Service) -> None:
    name = "ann-" + secrets.token_hex(4)
    service.services.accounts.create(name, "viewer", PASSWORD, service.clock.now())
    mine = "::ffff:198.51.100." + str(secrets.randbelow(250))
    stranger = Door(service, "::ffff:203.0.113." + str(secrets.randbelow(250)))
    for number in range(10):
        assert stranger.send(f"nobody-{number}-{name}", "wrong password").status_code == 422
    assert stranger.send(name, PASSWORD).status_code == 429
    assert Door(service, mine).send(name, PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.9", "203.0.113.9"), ("203.0.113.9:4711", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"), ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("unknown", "unknown"), ("", ""), ("1.2.3.4.5:6", "1.2.3.4.5:6"), ("[x]:1", "[x]:1"),
    ],
)  # fmt: skip
def test_a_port_makes_nobody_another_caller(address: str, place: str) -> None:
    assert _place(address) == place


# Sessions and links that are over.


def test_a_session_that_its_list_lost_is_ended_by_signing_out(service: Service) -> None:
    person = Person(service, "viewer")
    cookie, store = cookie_of(person), service.services.store.client
    store.delete(keys.sessions_of(person.name))
    assert person.post("/signout", on="/account").status_code == 303
    assert store.get(keys.session(id_of(cookie))) is None
    person.client.set_cookie(sessions.COOKIE, cookie)
    assert person.client.get("/account").status_code == 303


def test_nobody_ends_somebody_elses_session_that_its_list_lost(service: Service) -> None:
    victim, other = Person(service, "viewer"), Person(service, "viewer")
    service.services.store.client.delete(keys.sessions_of(victim.name))
    for wanted in (id_of(cookie_of(victim)), "x", "x}:session", "\0"):
        assert other.post("/account/sessions/end", {"session": wanted}, on="/account").status_code == 303
    victim.get("/account")


def test_a_worker_that_knows_an_old_stamp_ends_no_session(service: Service) -> None:
    """One's own change of password, and then a page from another worker that has not heard of it."""
    person = Person(service, "viewer")
    accounts = service.services.accounts
    before = accounts.find(person.name)
    form = {"password": PASSWORD, "again": PASSWORD}
    assert person.post("/account/password", form, on="/account").status_code == 303
    accounts._cached[person.name] = (accounts._monotonic() + 60, before)
    person.get("/account")


@pytest.mark.parametrize("how", ["password", "anew"])
def test_a_link_is_over_with_what_it_was_made_for(service: Service, how: str) -> None:
    """Who held the account for a moment keeps no way in."""
    name, accounts, now = "bob-" + secrets.token_hex(4), service.services.accounts, service.clock.now()
    accounts.create(name, "admin", PASSWORD, now)
    path, person = link(service, name), Person(service, None)
    token = person._token(path)
    if how == "password":
        accounts.set_password(name, PASSWORD + "!", now)
    else:
        accounts.remove(name)
        accounts.create(name, "admin", PASSWORD, now)
    assert person.client.post(path, data={"csrf_token": token}).status_code == 410
    person.get(path, 410)
    assert person.client.get("/account").status_code == 303
    person.sign_in(link(service, name).rpartition("/")[2])  # one that is made afterwards is good


def test_a_link_is_not_used_up_while_the_database_is_away(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    path, person = link(service, Person(service, "viewer").name), Person(service, None)
    token = person._token(path)

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("The database is away: OperationalError.")

    monkeypatch.setattr(Accounts, "_row", away)
    assert person.client.post(path, data={"csrf_token": token}).status_code == 503
    monkeypatch.undo()
    assert person.client.post(path, data={"csrf_token": token}).status_code == 303


# Who did what.


def test_the_log_tells_who_changed_accounts_and_no_secret(service: Service) -> None:
    name = "eve-" + secrets.token_hex(4)
    with capture_logs() as logs:
        admin = Person(service, "admin")
        base = f"/accounts/{name}"
        admin.post("/accounts", {"name": name, "role": "viewer", "password": PASSWORD}, on="/accounts")
        admin.post(base + "/role", {"role": "admin"}, on=base)
        page = admin.post(base + "/link", on=base).text
        admin.post(base + "/password", {"password": PASSWORD + "2"}, on=base)
        admin.post(base + "/sessions/end", {"confirm": "yes"}, on=base)
        admin.post(base + "/remove", {"confirm": "yes"}, on=base)
    done = [one["event"] for one in logs if one.get("by") == admin.name and one["account"] == name]
    assert done == [
        "account made", "account has another role", "one-time link made", "account has another password",
        "sessions ended", "account removed",
    ]  # fmt: skip
    entered = next(one for one in logs if one["event"] == "signed in")
    assert (entered["account"], entered["way"]) == (admin.name, "link")
    secret = page.partition("/signin/link/")[2].partition("<")[0]
    assert len(secret) > 20
    told = repr(logs)
    assert PASSWORD not in told
    assert secret not in told
    assert cookie_of(admin) not in told


# Pages in frames.


def test_an_error_in_a_frame_does_not_show_who_is_signed_in_to_other_sites(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board("b", public=True)
    person = Person(service, "admin")

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(public, "table_of", broken)
    answer = person.client.get(f"/b/{service.game}/b/embed", headers=HTML)
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert errorpages._TOLD[500][0] in answer.text


# Forms from elsewhere.


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", "application/octet-stream"])
def test_other_bodies_are_no_way_around_the_token(service: Service, kind: str) -> None:
    person, name = Person(service, "admin"), "mallory-" + secrets.token_hex(4)
    token = person._token("/accounts")
    for body in (f'{{"csrf_token": "{token}", "name": "{name}"}}', f"csrf_token={token}&name={name}&role=admin"):
        answer = person.client.post("/accounts", data=body, content_type=kind)
        assert (answer.status_code, answer.mimetype) == (400, "text/html")
    answer = person.client.post(f"/accounts?csrf_token={token}", data={"name": name, "role": "admin"})
    assert answer.status_code == 400
    override = {"X-HTTP-Method-Override": "GET", "X-Method-Override": "GET"}
    assert person.client.post("/accounts", data={"name": name, "_method": "GET"}, headers=override).status_code == 400
    assert name not in {account.name for account in service.services.accounts.list()}


def test_reading_methods_change_nothing(service: Service) -> None:
    person, path = Person(service, None), link(service, Person(service, "viewer").name)
    for method in ("HEAD", "OPTIONS", "GET"):
        assert person.client.open(path, method=method).status_code == 200
    for path_of_a_change in ("/signout", "/account/password", "/accounts/x/remove"):
        assert person.client.open(path_of_a_change, method="HEAD").status_code == 405
    person.sign_in(path.rpartition("/")[2])


# Pages whose work grows with what there is.


def test_a_player_is_looked_for_on_so_many_boards_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playerfacts, "BOARDS_A_PAGE", 2)
    for name in ("b1", "b2", "b3"):
        service.put_board(name)
    service.submit("ada", 5, board="b3")
    asked: list[set[str]] = []
    rankings, ask = service.services.rankings, type(service.services.rankings).players_boards

    def counted(some: Any, views: Any, player: str) -> Any:
        asked.append({view.board.name for view in views})
        return ask(some, views, player)

    monkeypatch.setattr(type(rankings), "players_boards", counted)
    person, path = Person(service, "viewer"), f"/games/{service.game}/players/ada"
    first = person.get(path)
    assert set().union(*asked) == {"b1", "b2"}
    assert "page 1 of 2" in words(first)
    assert f'href="{path}?page=2"' in first
    assert "None of these boards" in words(first)
    asked.clear()
    assert f"/games/{service.game}/boards/b3" in person.get(path + "?page=2")
    assert set().union(*asked) == {"b3"}


def asked_together(kept: public.Remembered, read: Any, many: int = 6) -> list[Any]:
    """What so many threads are answered that ask for the same at the same time."""
    with ThreadPoolExecutor(many) as pool:
        asked = [pool.submit(kept.get, "b", START, read) for _ in range(many)]
        return [one.exception() or one.result() for one in asked]


def test_who_asks_for_a_public_page_meanwhile_is_given_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Semaphore(0)

    class Watched(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            waiting.release()
            return super().result(timeout)

    monkeypatch.setattr(public, "Future", Watched)
    kept, reads = public.Remembered(), []

    def read() -> Any:
        reads.append(1)
        assert all(waiting.acquire(timeout=5) for _ in range(5))  # until all others wait for this
        return "table"

    assert asked_together(kept, read) == ["table"] * 6
    assert len(reads) == 1
    assert kept._coming == {}


def test_a_failure_is_told_to_all_who_wait_and_is_not_kept() -> None:
    kept, failed = public.Remembered(), NotFound("There is no public board at this address.")

    def fail() -> Any:
        raise failed

    assert asked_together(kept, fail) == [failed] * 6
    assert kept._coming == {}
    assert kept.get("b", START, lambda: "table") == "table"  # type: ignore[arg-type,return-value]  # any value will do


def test_who_waits_for_a_reader_that_hangs_reads_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "_PATIENCE_SECONDS", 0.01)
    kept = public.Remembered()
    kept._coming["b"] = Future()
    assert kept.get("b", START, lambda: "table") == "table"  # type: ignore[arg-type,return-value]  # the same


def test_definitions_are_read_once(service: Service) -> None:
    service.put_board("b")
    registry = service.services.registry
    registry._cached.pop((service.game, "b"))
    (first,) = registry.all(service.game)
    assert registry.all(service.game)[0] is first
    service.put_board("b", max_entries=5)
    registry._cached.pop((service.game, "b"))
    assert registry.all(service.game)[0].definition["max_entries"] == 5


def test_keys_are_shown_page_by_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_pages, "_KEYS_A_PAGE", 3)
    now = datetime.now(UTC)
    rows = [
        {
            "id": secrets.token_hex(6),
            "game": service.game,
            "role": "client",
            "hash": hashlib.sha256(secrets.token_bytes(8)).hexdigest(),
            "created_at": now,
            "revoked_at": None,
        }
        for _ in range(5)
    ]
    with service.services.database.begin() as connection:
        connection.execute(sa.insert(api_keys), rows)
    person, path = Person(service, "admin"), f"/games/{service.game}/keys"
    pages = [person.get(f"{path}?page={number}") for number in (1, 2, 3)]
    shown = [page.count("/revoke") for page in pages]
    assert shown == [3, 3, 1]
    assert "7 keys, page 1 of 3" in words(pages[0])
    assert all(any(row["id"] in page for page in pages) for row in rows)


def test_the_documentation_keeps_no_key_in_the_browser() -> None:
    script = (Path(public.__file__).parent / "static" / "docs.js").read_text()
    assert "persistAuthorization: false" in script
