"""`/counters`: numbers that only know their value."""

from leaderboard.api.operations import Operation

OPERATIONS: list[Operation] = []
