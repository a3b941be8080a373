"""What the child process of `serve` is given."""

from pathlib import Path

import pytest

import scheduler
from leaderboard.cli.children import environment
from leaderboard.config import Settings


def test_a_child_reads_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADERBOARD_DATABASE_URL", "sqlite:///other.sqlite3")
    monkeypatch.setenv("OTHER", "kept")
    settings = Settings(data_dir=Path("some where"), redis_url="unix:///tmp/x.sock", redis_timeout_seconds=0.5)
    env = environment(settings)
    assert Settings.from_env(env) == settings
    assert env["OTHER"] == "kept"


def test_a_child_finds_the_scheduler_that_its_parent_has(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setenv("PYTHONPATH", "/first")
    assert environment(Settings())["PYTHONPATH"] == f"/first:{Path(scheduler.__file__).parents[1]}"
    monkeypatch.setattr("site.getsitepackages", lambda: [str(Path(scheduler.__file__).parents[1])])
    assert environment(Settings())["PYTHONPATH"] == "/first"
