"""`leaderboard accounts` and `leaderboard signin`, on a data folder of its own."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leaderboard.cli.main import main
from leaderboard.config import Settings
from leaderboard.services import build

Run = Callable[..., Result]


@pytest.fixture
def settings(tmp_path: Path, valkey_url: str) -> Settings:
    return Settings(data_dir=tmp_path, redis_url=valkey_url)


@pytest.fixture
def run(tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", valkey_url)

    def call(*args: str, code: int = 0, **more: Any) -> Result:
        result = CliRunner().invoke(main, args, **more)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


def test_an_account_is_made_listed_changed_and_removed(run: Run, settings: Settings) -> None:
    run("accounts", "create", "ann", "--role", "editor", "--password-stdin", input="a pass phrase\n")
    run("accounts", "create", "bob@example.test", "--role", "viewer", "--no-password")
    listed = json.loads(run("accounts", "list", "--json").stdout)
    assert [(one["name"], one["role"], one["has_password"]) for one in listed] == [
        ("ann", "editor", True),
        ("bob@example.test", "viewer", False),
    ]
    assert "links only" in run("accounts", "list").stdout
    run("accounts", "role", "ann", "admin")
    run("accounts", "password", "bob@example.test", "--password-stdin", input="another phrase\n")
    services = build(settings)
    try:
        found = services.accounts.check("ann", "a pass phrase")
        assert found is not None
        assert found.role == "admin"
        assert services.accounts.check("bob@example.test", "another phrase") is not None
    finally:
        services.close()
    run("accounts", "remove", "ann")
    assert [one["name"] for one in json.loads(run("accounts", "list", "--json").stdout)] == ["bob@example.test"]


def test_removing_an_account_ends_its_sessions(run: Run, settings: Settings) -> None:
    run("accounts", "create", "ann", "--role", "viewer", "--no-password")
    services = build(settings)
    try:
        now = services.clock()
        seconds = int(now.timestamp())
        document = {"account": "ann", "stamp": "", "began": seconds, "seen": seconds}
        services.sessions.begin("0" * 32, document, "", "")
        run("accounts", "remove", "ann")
        assert services.sessions.read("0" * 32, now) is None
    finally:
        services.close()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["accounts", "create", "Ann Lee", "--role", "viewer", "--no-password"], "A name has"),
        (["accounts", "create", "operator", "--role", "viewer", "--no-password"], "A name has"),
        (["accounts", "create", "ann", "--role", "viewer", "--password-stdin"], "A password has"),
        (["accounts", "password", "nobody", "--no-password"], "no account 'nobody'"),
        (["accounts", "role", "nobody", "admin"], "no account 'nobody'"),
        (["accounts", "remove", "nobody"], "no account 'nobody'"),
        (["signin", "--as", "nobody"], "no account 'nobody'"),
    ],
)
def test_a_failure_is_told(run: Run, args: list[str], text: str) -> None:
    result = run(*args, code=1, input="short\n")
    assert text in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "args",
    [
        ["accounts", "create", "ann"],
        ["accounts", "create", "ann", "--role", "king"],
        ["accounts", "create", "ann", "--role", "viewer"],  # no terminal to ask on
        ["accounts", "create", "ann", "--role", "viewer", "--no-password", "--password-stdin"],
    ],
)
def test_a_wrong_call_ends_with_2(run: Run, args: list[str]) -> None:
    run(*args, code=2)


def test_a_link_signs_in(run: Run, settings: Settings) -> None:
    run("accounts", "create", "ann", "--role", "viewer", "--no-password")
    services = build(settings)
    try:
        for args, name, url in (
            (["signin"], "operator", "http://127.0.0.1:8000"),
            (["signin", "--as", "ann", "--url", "https://lb.example.test/"], "ann", "https://lb.example.test"),
        ):
            link = re.fullmatch(re.escape(url) + r"/signin/link/([\w-]{43})\n", run(*args).stdout)
            assert link is not None
            assert services.links.take(link[1], services.clock()) == name
            assert services.links.take(link[1], services.clock()) is None
    finally:
        services.close()


def test_a_store_in_memory_cannot_be_reached_for_a_link(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", "memory")
    assert "inside the service alone" in run("signin", code=1).stderr
