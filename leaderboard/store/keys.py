"""Every key of the hot store, spelled here and nowhere else; those of counters, events and analytics in `stat_keys.py`.

    key                                 type        lifetime  meaning
    lb:{game:board}:meta                hash        board     `rev` of the definition the data is encoded by, `def`,
                                                             the definition, and `version`, which changes with every
                                                             change; see below for the rest
    lb:{game:board}:known               sorted set  board     `week:2026-W47` for every period with data; all scores
                                                             0, read in lexical order
    lb:{game:board}:open                sorted set  board     id of a period -> when it closes, Unix seconds, for
                                                             every period that is not sealed: the scheduler's work
    lb:{game:board}:closing             hash        board     id of a period -> token of the standings that are being
                                                             copied; whatever changes them removes it. Or `emptied:`
                                                             and a number, where its last players were removed
    lb:{game:board}:held                sorted set  holds     id of a period -> until when it stays in the store though
                                                             it is sealed and old, Unix seconds; until the last one
    lb:{game:board}:loads               hash        board     load id -> place and counts of a `leaderboard load`
    lb:{game:board}:feed                stream      10 min    version -> who moved then, while somebody follows the
                                                             board; its name is also that of the channel on which
                                                             those are woken who wait for the next change
    lb:{game:board}:all                 sorted set  board     player -> sort key; smaller is better
    lb:{game:board}:<period id>         sorted set  period    the same for 2026, 2026-11, 2026-W47, 2026-11-22 or
                                                             2026-11-22T10
    lb:{game:board}:<period id>:dense   sorted set  period    distinct sort keys, on boards with `ties: dense`
    lb:{game:board}:<period id>:md      hash        period    player -> metadata of the score that stands
    lb:{game:board}:r7d:<period id>     sorted set  window    the window of that length as of that day or hour; also
                                                             with :dense and :md
    lb:{game:board}:new:<token>         sorted set  1 h       standings on their way back from the archive or from a
                                                             snapshot; also with :dense and :md
    lb:{game:board}:lock                string      10 s      token of whoever changes the definition
    lb:{game:board}:lock:r7d:<id>       string      10 s      token of whoever builds that rolling window
    lb:{game:board}:idem:<request>:<n>  string      24 h      result of chunk n of an idempotent request
    cache:{game:board}:exact            hash        1 h       answer -> "rev version mark made took", a line break, and
                                                             the answer; of those that are right as long as the
                                                             version is. From the last make on, as the others below
    cache:{game:board}:exact:made       sorted set  1 h       answer -> when it was made, Unix milliseconds
    cache:{game:board}:brief            hash        250 ms    the same, with :made, of those that are given while
                                                             they are young and not later; `read_staleness_ms`
    cache:{game:board}:lock:<answer>    string      10 s      token of whoever makes that answer
    idem:{<request>}                    string      24 h      plan of an idempotent bulk request, then its answer
    wait:{<tag>}                        string      1 s       written before replicas are waited for, see carriers.py
    auth:{<hash>}                       string      seconds   what an API key may do
    job:{<name>}                        string      60 s      token of the run that holds this job, renewed by it
    job:{table}:told                    string      30 s      what the scheduler that spoke last says of its jobs
    job:{table}:wanted:<job>            string      5 min     who wants that job to be run now, and since when
    rl:{game#<shard>}:b<seconds>:<player>  string   till full player's tokens and as of when; `<seconds>` is the rule's
    rl:{<key id>}:w<seconds>            list        window    how many reads a key made, by parts of the sliding window
    rl:{game}:day                       string      a day     number of the day, and the game's submissions in it
    web:{<hash>}:session                string      hours     a session of the dashboard, by a hash of its cookie
    web:{<account>}:sessions            hash        31 days   hash of a cookie -> when that session began and was seen
                                                             last, and from where
    web:{<hash>}:link                   string      10 min    account that a one-time link signs in, until when, and
                                                             the stamp that it had
    web:{<hash>}:failures               list        15 min    failed sign-ins of an account or from an address, as a
                                                             sliding window

A board with `partitions` has all of these once a part, `lb:{game:board#2}:...`: no board's name has a "#" in it. Under
its own name it has only `meta`, with `rev` and `def`, `lock`, and finished answers, whose version is that of all parts
in a row.

Further fields of `meta`: `closed`, Unix milliseconds: periods that ended before it take no scores any more, but by a
backfill; `drops` counts periods that lost their key, `forgets` removals of players; `windows`: the rolling windows
that are kept up to date, "7d:2026-11-22 7d:2026-11-23*", with a star while one is being built; `followed`: until when
somebody follows the board, Unix milliseconds; `waiting`: somebody is to be woken by its next change.

A board's keys live as long as the board; a period's until its end and retention, or its last write, each plus
30 days, whichever is later. All keys of one board share the hash tag in braces, so that a script over them is legal
in a Cluster. What begins with `cache:` is no data: it may be removed at any time, and means nothing once the board has
another rev. Nor is what begins with `rl:`, the limits; without it nobody has asked for anything yet.
"""

from dataclasses import dataclass
from zlib import crc32

_SHARDS = 16  # of a game's players: few calls for a bulk, and no node of a Cluster has all of them


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
    def closing(self) -> str:
        return self.prefix + "closing"

    @property
    def held(self) -> str:
        return self.prefix + "held"

    @property
    def loads(self) -> str:
        return self.prefix + "loads"

    @property
    def feed(self) -> str:
        return self.prefix + "feed"

    @property
    def lock(self) -> str:
        return self.prefix + "lock"

    def standings(self, period_id: str) -> str:
        return self.prefix + period_id

    def dense(self, period_id: str) -> str:
        return f"{self.prefix}{period_id}:dense"

    def metadata(self, period_id: str) -> str:
        return f"{self.prefix}{period_id}:md"

    def triple(self, period_id: str) -> list[str]:
        """The keys of one period: standings, dense, metadata."""
        return [self.standings(period_id), self.dense(period_id), self.metadata(period_id)]

    def lock_of(self, name: str) -> str:
        """The lock of one thing of the board, such as a rolling window that is being built."""
        return f"{self.prefix}lock:{name}"

    def cache(self, kind: str) -> list[str]:
        """The keys of finished answers: the answers, and when they were made."""
        name = f"cache:{{{self.game}:{self.board}}}:{kind}"
        return [name, name + ":made"]

    def cache_lock(self, answer: str) -> str:
        """The lock of one finished answer that is being made."""
        return f"cache:{{{self.game}:{self.board}}}:lock:{answer}"

    def marker(self, request: str, chunk: int) -> str:
        return f"{self.prefix}idem:{request}:{chunk}"


def plan(request: str) -> str:
    """Where the plan and the answer of an idempotent request are kept."""
    return f"idem:{{{request}}}"


def auth(key_hash: str) -> str:
    """Where what an API key may do is cached."""
    return f"auth:{{{key_hash}}}"


def job(name: str) -> str:
    """Where the run that holds a job of the scheduler keeps its token."""
    return f"job:{{{name}}}"


def jobs_told() -> str:
    """Where a scheduler says which jobs it has, and when they are due."""
    return "job:{table}:told"


def job_wanted(name: str) -> str:
    """Where it is kept that somebody wants a job to be run now; all of them in one place."""
    return "job:{table}:wanted:" + name


def player_shard(player: str) -> int:
    """Which of a game's players have their buckets together."""
    return crc32(player.encode()) % _SHARDS


def player_bucket(game: str, seconds: int, player: str) -> str:
    """The bucket of a player's submissions, by a rule over so many seconds."""
    return f"rl:{{{game}#{player_shard(player)}}}:b{seconds}:{player}"


def key_window(key_id: str, seconds: int) -> str:
    """The sliding window of an API key's reads, of so many seconds."""
    return f"rl:{{{key_id}}}:w{seconds}"


def day_quota(game: str) -> str:
    """How much of its daily quota a game has used."""
    return f"rl:{{{game}}}:day"


def waiting(key: str) -> str:
    """A key in the place of another, whatever that is."""
    return f"wait:{{{key.partition('{')[2].partition('}')[0] or key}}}"


def session(session_hash: str) -> str:
    """A session of the dashboard."""
    return f"web:{{{session_hash}}}:session"


def sessions_of(account: str) -> str:
    """The sessions of an account."""
    return f"web:{{{account}}}:sessions"


def link(token_hash: str) -> str:
    """What a one-time link is good for."""
    return f"web:{{{token_hash}}}:link"


def failures(who_hash: str) -> str:
    """The window of failed sign-ins of an account, or from an address."""
    return f"web:{{{who_hash}}}:failures"
