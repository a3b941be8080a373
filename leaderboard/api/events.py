"""`/events`: what happened, one or many."""

from leaderboard.api.operations import Operation

OPERATIONS: list[Operation] = []
