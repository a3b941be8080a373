"""What a job is given by whoever runs it."""

from typing import Protocol


class Run(Protocol):
    """One run of a job under a claim."""

    @property
    def token(self) -> str:
        """Names this run and no other; what it writes in several steps carries it, as a fence."""

    def checkpoint(self) -> None:
        """To be called between two pieces of work: renews the claim.

        Raises Interrupted when the run is to end, or when its claim was lost to another one.
        """
