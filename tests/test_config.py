"""Settings: read once, checked, and wrong ones named."""

from pathlib import Path

import pytest

from leaderboard.config import Settings
from leaderboard.errors import ConfigError


def test_every_setting_comes_from_the_environment() -> None:
    env = {
        "LEADERBOARD_DATA_DIR": "/srv/lb",
        "LEADERBOARD_REDIS_URL": "rediss://user:pass@example.test:6380/0",
        "LEADERBOARD_PORT": "9000",
        "LEADERBOARD_REDIS_TIMEOUT_SECONDS": "0.5",
        "LEADERBOARD_LOG_FORMAT": "json",
        "LEADERBOARD_WORKERS": "",
        "SOMETHING_ELSE": "x",
    }
    settings = Settings.from_env(env)
    assert settings.data_dir == Path("/srv/lb")
    assert settings.redis_url == "rediss://user:pass@example.test:6380/0"
    assert (settings.port, settings.redis_timeout_seconds, settings.workers) == (9000, 0.5, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://example.test"),
        ("DATABASE_URL", "mysql://example.test/x"),
        ("PORT", "many"),
        ("PORT", "-1"),
        ("REDIS_TIMEOUT_SECONDS", "0"),
        ("REDIS_TIMEOUT_SECONDS", "nan"),
        ("THREADS", "0"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("SECRET_KEY", "too short"),
        ("SECURE_COOKIES", "never"),
        ("TRUSTED_PROXIES", "-1"),
    ],
)
def test_a_setting_that_cannot_work_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.from_env({f"LEADERBOARD_{name}": value})


def test_the_database_is_sqlite_in_the_data_folder_unless_it_is_named(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).resolved_database_url == f"sqlite:///{tmp_path}/leaderboard.sqlite3"
    named = Settings(database_url="postgresql://u@h/d")
    assert named.resolved_database_url == "postgresql+psycopg://u@h/d"
