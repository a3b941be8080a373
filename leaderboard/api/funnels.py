"""`/funnels`: what they are, and how far players come in them."""

from leaderboard.api.operations import Operation

OPERATIONS: list[Operation] = []
