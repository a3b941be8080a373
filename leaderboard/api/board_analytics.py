"""How the scores of a board are spread, and how its top changed."""

from leaderboard.api.operations import Operation

OPERATIONS: list[Operation] = []
