"""`/game`: the settings of the caller's game."""

from leaderboard.api.operations import Operation

OPERATIONS: list[Operation] = []
