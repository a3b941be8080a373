"""Runs of jobs for tests: under no claim, or one that ends at a chosen checkpoint."""

import secrets

from leaderboard.errors import Interrupted


class FreeRun:
    """A run that nobody stops; counts its checkpoints."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self.checkpoints = 0

    def checkpoint(self) -> None:
        self.checkpoints += 1


class DoomedRun(FreeRun):
    """A run that ends at its n-th checkpoint."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def checkpoint(self) -> None:
        super().checkpoint()
        if self.checkpoints >= self.last:
            raise Interrupted("The test ends it here.")
