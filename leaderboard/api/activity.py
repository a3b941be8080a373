"""Who plays: daily, weekly and monthly players, retention, streaks."""

from leaderboard.api.operations import Operation

OPERATIONS: list[Operation] = []
