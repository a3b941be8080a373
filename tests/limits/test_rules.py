"""Limits as they are written."""

import pytest

from leaderboard.config import Settings
from leaderboard.errors import ConfigError
from leaderboard.limits.rules import KINDS, LimitRules, parse, rules_of
from leaderboard.services import build


@pytest.mark.parametrize(
    ("name", "text", "wanted", "policy"),
    [
        ("player_submissions", "10/s burst 20", (10, 1, 20), "10;w=1;burst=20"),
        ("player_submissions", " 10/S  Burst 20 ", (10, 1, 20), "10;w=1;burst=20"),
        ("player_submissions", "5/10s", (5, 10, 5), "5;w=10;burst=5"),
        ("player_submissions", "1/day burst 3", (1, 86_400, 3), "1;w=86400;burst=3"),
        ("key_reads", "6000/60s", (6000, 60, 6000), "6000;w=60"),
        ("key_reads", "6000/min", (6000, 60, 6000), "6000;w=60"),
        ("key_reads", "1000000000/24h", (10**9, 86_400, 10**9), "1000000000;w=86400"),
        ("daily_submissions", "1000000/day", (10**6, 86_400, 10**6), "1000000;w=86400"),
    ],
)
def test_what_is_written_is_read(name: str, text: str, wanted: tuple[int, int, int], policy: str) -> None:
    rule = parse(name, text)
    assert rule is not None
    assert (rule.amount, rule.seconds, rule.burst) == wanted
    assert rule.policy == policy
    assert parse(name, rule.text) == rule


@pytest.mark.parametrize("text", ["", "none", " NONE "])
@pytest.mark.parametrize("name", KINDS)
def test_none_is_no_limit(name: str, text: str) -> None:
    assert parse(name, text) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            (name, text)
            for name in KINDS
            for text in ("0/s", "10", "10/0s", "-1/s", "1.5/s", "1/week", "1/90000s", "x")
        ),
        ("key_reads", "10/s burst 5"),
        ("daily_submissions", "10/h"),
        ("player_submissions", "10/s burst 0"),
        ("player_submissions", "10/s burst 1000001"),
        ("key_reads", "1000000001/s"),
        ("key_reads", "١/s"),
    ],
)
def test_what_is_no_limit_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        rules_of({name: text})


def test_the_settings_give_the_defaults(valkey_url: str, tmp_path: object) -> None:
    texts = {"player_submissions": "10/s burst 20", "key_reads": "6000/60s", "daily_submissions": "1000000/day"}
    env = {f"LEADERBOARD_LIMIT_{name.upper()}": text for name, text in texts.items()}
    settings = Settings.from_env({**env, "LEADERBOARD_DATA_DIR": str(tmp_path), "LEADERBOARD_REDIS_URL": valkey_url})
    services = build(settings)
    assert services.limits.of("any").shown == texts
    services.close()
    with pytest.raises(ConfigError, match=r"LEADERBOARD_LIMIT_.*key_reads"):
        build(settings.with_changes(limit_key_reads="6000"))


def test_nothing_is_limited_unless_somebody_says_so() -> None:
    assert rules_of({}) == LimitRules()
    assert not LimitRules().limits_submissions
