"""`/stats`: events over time."""

from leaderboard.api.operations import Operation

OPERATIONS: list[Operation] = []
