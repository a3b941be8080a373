"""What is said while something is away: at once, and then not for every request."""

import pytest
import structlog

from leaderboard.logs import Sparing


class Lines:
    """A log, and its clock."""

    def __init__(self) -> None:
        self.at = 100.0
        self.sparing = Sparing(10, lambda: self.at)
        self.said: list[dict[str, object]] = []

    def say(self, event: str, **more: object) -> bool:
        try:
            self.said.append(self.sparing(None, "warning", {"event": event, **more}))
        except structlog.DropEvent:
            return False
        return True


def test_the_first_at_once_and_then_a_count_every_so_often() -> None:
    lines = Lines()
    assert lines.say("unavailable", detail="away", request_id="1")
    assert not any(lines.say("unavailable", detail="away", request_id=str(number)) for number in range(500))
    lines.at += 9.9
    assert not lines.say("unavailable", detail="away")
    lines.at += 0.1
    assert lines.say("unavailable", detail="away")
    assert lines.said[-1]["left_out"] == 501
    lines.at += 10
    assert lines.say("unavailable", detail="away")
    assert "left_out" not in lines.said[-1]


def test_another_kind_of_line_is_said() -> None:
    lines = Lines()
    assert lines.say("unavailable", detail="away")
    assert lines.say("unavailable", detail="the database is away")
    assert lines.say("job failed", detail="away")
    assert lines.say("job failed", detail="away")


@pytest.mark.parametrize("count", [999, 1500])
def test_what_is_remembered_is_bounded(count: int) -> None:
    lines = Lines()
    for number in range(count):
        assert lines.say("unavailable", detail=str(number))
    assert len(lines.sparing._said) <= 1000
