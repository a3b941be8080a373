"""The pages of accounts, and what each role may do."""

import html
import re
import secrets

import pytest

from tests.conftest import Service
from tests.web.person import Person, words


@pytest.fixture
def admin(service: Service) -> Person:
    return Person(service, "admin")


def fresh() -> str:
    return "bob-" + secrets.token_hex(4)


def test_an_account_is_made_and_signs_in(service: Service, admin: Person) -> None:
    name = fresh()
    answer = admin.post("/accounts", {"name": name, "role": "editor", "password": "long enough to keep"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/accounts/{name}")
    page = admin.get(f"/accounts/{name}")
    assert f"The account {name} is made." in words(page)
    assert service.services.accounts.check(name, "long enough to keep") is not None
    assert f"{name} editor set" in words(admin.get("/accounts"))


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"name": "Not A Name!", "role": "viewer"}, "A name has 1 to 64"),
        ({"name": "", "role": "viewer"}, "A name has 1 to 64"),
        ({"name": "operator", "role": "viewer"}, "A name has 1 to 64"),
        ({"name": "fine", "role": "king"}, "A role is viewer, editor or admin."),
        ({"name": "fine", "role": "viewer", "password": "short"}, "A password has 10"),
        ({"name": "fine", "role": "viewer", "password": "aaaaaaaaaaaaaaa"}, "A password has 10"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(admin: Person, form: dict[str, str], told: str) -> None:
    answer = admin.post("/accounts", form)
    assert answer.status_code == 422
    error = re.search(r'class="field__error" id="error-(\w+)">([^<]*)', answer.text)
    assert error is not None
    assert html.unescape(error[2]).startswith(told)
    assert f'value="{html.escape(form["name"].lower())}"' in answer.text.lower() or not form["name"]


def test_a_name_is_taken_once(admin: Person) -> None:
    answer = admin.post("/accounts", {"name": admin.name, "role": "viewer"})
    assert answer.status_code == 409
    assert "already" in answer.text


def test_an_account_is_changed_and_removed(service: Service, admin: Person) -> None:
    other = Person(service, "viewer")
    page = f"/accounts/{other.name}"
    assert admin.post(page + "/role", {"role": "editor"}, on=page).status_code == 303
    assert "editor" in words(other.get("/account"))
    assert admin.post(page + "/password", {"password": "short"}, on=page).status_code == 422
    assert admin.post(page + "/password", {"password": "a good long one"}, on=page).status_code == 303
    assert other.client.get("/account").status_code == 303  # its sessions are over
    unticked = admin.post(page + "/remove", on=page)
    assert "Tick the box" in words(admin.get(unticked.headers["Location"]))
    assert admin.post(page + "/remove", {"confirm": "yes"}, on=page).status_code == 303
    admin.get(page, 404)
    assert admin.post(page + "/role", {"role": "viewer"}, on="/accounts").status_code == 404


def test_an_administrator_ends_anybodys_sessions(service: Service, admin: Person) -> None:
    other = Person(service, "viewer")
    page = f"/accounts/{other.name}"
    assert "127.0.0.1" in words(admin.get(page))
    assert "Tick the box" in words(admin.get(admin.post(page + "/sessions/end", on=page).headers["Location"]))
    assert other.client.get("/account").status_code == 200
    ended = admin.post(page + "/sessions/end", {"confirm": "yes"}, on=page)
    assert "Sessions ended: 1" in words(admin.get(ended.headers["Location"]))
    assert other.client.get("/account").status_code == 303


def test_nobody_locks_themselves_out(admin: Person) -> None:
    page = f"/accounts/{admin.name}"
    for action in ("role", "password", "remove"):
        answer = admin.post(f"{page}/{action}", {"role": "viewer", "password": "a good long one"}, on=page)
        assert answer.status_code == 409
    admin.get("/accounts")


def test_a_link_for_somebody_is_shown_once(service: Service, admin: Person) -> None:
    other = Person(service, "viewer")
    page = f"/accounts/{other.name}"
    answer = admin.post(page + "/link", on=page)
    assert answer.headers["Cache-Control"] == "no-store"
    link = re.search(r"http://localhost(/signin/link/[\w-]+)", answer.text)
    assert link is not None
    assert link[1] not in admin.get(page)
    somebody = Person(service, None)
    somebody.sign_in(link[1].rpartition("/")[2])
    assert other.name in words(somebody.get("/account"))


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_accounts_are_for_administrators(service: Service, admin: Person, role: str) -> None:
    person, page = Person(service, role), f"/accounts/{admin.name}"
    assert 'href="/accounts"' not in person.get("/")
    assert "This needs the role admin" in words(person.get("/accounts", 403))
    person.get(page, 403)
    posts = ["/accounts", *(f"{page}/{action}" for action in ("role", "password", "link", "sessions/end", "remove"))]
    for path in posts:
        assert person.post(path, {"role": "viewer", "name": fresh()}, on="/account").status_code == 403
    assert service.services.accounts.get(admin.name).role == "admin"


def test_the_first_page_lists_games(alone: Service) -> None:
    alone.put_board("points", periods=["all", "day"])
    alone.put_board("goals")
    alone.submit("ada", 5, "points")
    alone.submit("bob", 5, "points")
    page = Person(alone, "viewer").get("/")
    row = re.search(rf"<tr>\s*<th scope=\"row\">(?:(?!</tr>).)*{alone.game}.*?</tr>", page, re.DOTALL)
    assert row is not None
    assert words(row[0]).split() == [alone.game, "2", "2", "2", "UTC"]
