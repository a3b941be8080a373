"""Every key of the hot store, spelled here and nowhere else.

    key                                 type        lifetime  meaning
    lb:{game:board}:meta                hash        board     `rev` of the definition the data is encoded by, `def`,
                                                             the definition, and `version`, which changes with every
                                                             change
    lb:{game:board}:known               sorted set  board     `week:2026-W47` for every period with data; all scores
                                                             0, read in lexical order
    lb:{game:board}:open                sorted set  board     the same members -> when the period closes, Unix
                                                             seconds: the scheduler's work
    lb:{game:board}:loads               hash        board     load id -> place and counts of a `leaderboard load`
    lb:{game:board}:all                 sorted set  board     player -> sort key; smaller is better
    lb:{game:board}:<period id>         sorted set  period    the same for 2026, 2026-11, 2026-W47, 2026-11-22 or
                                                             2026-11-22T10
    lb:{game:board}:<period id>:dense   sorted set  period    distinct sort keys, on boards with `ties: dense`
    lb:{game:board}:<period id>:md      hash        period    player -> metadata of the score that stands
    lb:{game:board}:lock                string      10 s      token of whoever changes the definition
    lb:{game:board}:idem:<request>:<n>  string      24 h      result of chunk n of an idempotent request
    idem:{<request>}                    string      24 h      plan of an idempotent bulk request, then its answer
    auth:{<hash>}                       string      seconds   what an API key may do

A board's keys live as long as the board; a period's until its end and retention, or its last write, each plus
30 days, whichever is later. All keys of one board share the hash tag in braces, so that a script over them is legal
in a Cluster.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoardKeys:
    """The keys of one board."""

    game: str
    board: str

    @property
    def prefix(self) -> str:
        return f"lb:{{{self.game}:{self.board}}}:"

    @property
    def meta(self) -> str:
        return self.prefix + "meta"

    @property
    def known(self) -> str:
        return self.prefix + "known"

    @property
    def open(self) -> str:
        return self.prefix + "open"

    @property
    def loads(self) -> str:
        return self.prefix + "loads"

    @property
    def lock(self) -> str:
        return self.prefix + "lock"

    def standings(self, period_id: str) -> str:
        return self.prefix + period_id

    def dense(self, period_id: str) -> str:
        return f"{self.prefix}{period_id}:dense"

    def metadata(self, period_id: str) -> str:
        return f"{self.prefix}{period_id}:md"

    def marker(self, request: str, chunk: int) -> str:
        return f"{self.prefix}idem:{request}:{chunk}"


def plan(request: str) -> str:
    """Where the plan and the answer of an idempotent request are kept."""
    return f"idem:{{{request}}}"


def auth(key_hash: str) -> str:
    """Where what an API key may do is cached."""
    return f"auth:{{{key_hash}}}"
