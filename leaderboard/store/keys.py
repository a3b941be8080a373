"""Every key of the hot store, spelled here and nowhere else.

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
    idem:{<request>}                    string      24 h      plan of an idempotent bulk request, then its answer
    auth:{<hash>}                       string      seconds   what an API key may do
    job:{<name>}                        string      60 s      token of the run that holds this job, renewed by it
    st:{game:name}:<period id>          hash        bucket    an hour, day, week, month or year: number of a series
                                                             -> "count n sum min max players"; series 0 is all
                                                             events. In a day, `h` tells which of its hours it has
    st:{game:name}:<hour id>:new        hash        pending   what of an hour its buckets do not have yet
    st:{game:name}:<period id>:u<n>     HyperLogLog sketch    the players of series n; without a number, of all
    st:{game:name}:series               hash        data      combination of properties -> number of its series
    st:{game:name}:admitted:<year>      hash        20 years  which values and combinations that year has, and how many
    st:{game:name}:cut:<year>           hash        20 years  property -> events whose value of it was cut off
    st:{game:name}:idem:<request>:<n>   string      24 h      chunk n of an idempotent request is recorded
    st:{game:name}:merged:<token>       HyperLogLog 1 min     very many sketches together, while they are counted
    st:{game:name}:open                 sorted set  data      hour id -> when it begins, Unix seconds: the hours with
                                                             something new, which is the scheduler's work
    stats:{game}:names                  set         game      the names of its stats
    stats:{game}:calendar               string      game      "Europe/Vienna monday 00:00": what its events are
                                                             recorded by; there before the first of them
    stats:{game}:calendar:lock          string      10 s      token of whoever binds that, or changes the settings
    ct:{game}                           hash        game      counter -> its value
    ct:{game}:idem:<request>:<n>        string      24 h      result of chunk n of an idempotent request for counters
    act:{game}:players                  hash        game      player -> number (from 0 on; that of a forgotten one is
                                                             not given again) and first day (`activity_days.lua`)
    act:{game}:next                     string      game      the next number
    act:{game}:a:<day id>:<segment>     string      active    a bit a number: who was active that day; 65,472 numbers
                                                             in a segment
    act:{game}:n:<day id>:<segment>     string      active    the same for those whose first day it is
    act:{game}:days                     sorted set  game      id of a day with data -> until when it is kept, Unix s
    act:{game}:lost                     string      game      a bit a day: whether it had data that is not kept any more
    stats:games                         set         for ever  the games with stats
    fn:{game:name}:<day id>:<shard>     hash        times     player -> when they had events of that name on that day,
                                                             for the players of that shard (`funnel_times.py`)
    fn:{game:name}:days                 hash        500 days  id of a day with times -> until when they are kept (Unix
                                                             seconds), version, when they were last written, 1 if
                                                             some came when they were gone
    fn:{game}:names                     set         500 days  the names whose times are or were kept
    fn:{game}:<funnel>:counts           hash        400 days  day id -> counts of a day whose window is over
    fn:{game}:rev                       string      game      counts changes of the funnels; every process notices
    fn:{game}:lock                      string      10 s      token of whoever changes the funnels

Further fields of `meta`: `closed`, Unix milliseconds: periods that ended before it take no scores any more, but by a
backfill; `drops` counts periods that lost their key, `forgets` removals of players; `windows`: the rolling windows
that are kept up to date, "7d:2026-11-22 7d:2026-11-23*", with a star while one is being built.

A board's keys live as long as the board; a period's until its end and retention, or its last write, each plus
30 days, whichever is later. All keys of one board share the hash tag in braces, so that a script over them is legal
in a Cluster; so do all keys of one stat. Figures of a stat live until the end of their hour and retention, or 20 years;
what is pending 30 days longer than the hour; sketches 400 days (days), 3, 5 and 20 years; each from the end of the
period, or from its last write where that is later (`stats/lifetimes.py`). `open` is gone when nothing is pending.
The activity of a day lives until its end or its last write, whichever is later, plus the days it is kept for, plus one
to two days; all of a day goes at once. All keys of a game's activity share its tag.
The times of a day live for 65 days after its end, or for 35 after the first of them came where that is later, plus two
days; all of a day go at once. `days`, `names` and `counts` live on from their last write; the scheduler renews the
first two while some funnel has the name.
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
    def closing(self) -> str:
        return self.prefix + "closing"

    @property
    def held(self) -> str:
        return self.prefix + "held"

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

    def triple(self, period_id: str) -> list[str]:
        """The keys of one period: standings, dense, metadata."""
        return [self.standings(period_id), self.dense(period_id), self.metadata(period_id)]

    def lock_of(self, name: str) -> str:
        """The lock of one thing of the board, such as a rolling window that is being built."""
        return f"{self.prefix}lock:{name}"

    def marker(self, request: str, chunk: int) -> str:
        return f"{self.prefix}idem:{request}:{chunk}"


@dataclass(frozen=True, slots=True)
class StatKeys:
    """The keys of one date-keyed stat."""

    game: str
    name: str

    @property
    def prefix(self) -> str:
        return f"st:{{{self.game}:{self.name}}}:"

    @property
    def open(self) -> str:
        return self.prefix + "open"

    @property
    def series(self) -> str:
        return self.prefix + "series"

    def bucket(self, period_id: str) -> str:
        return self.prefix + period_id

    def pending(self, hour_id: str) -> str:
        return f"{self.prefix}{hour_id}:new"

    def players(self, period_id: str, series: str = "0") -> str:
        return f"{self.prefix}{period_id}:u" + ("" if series == "0" else series)

    def admitted(self, year_id: str) -> str:
        return f"{self.prefix}admitted:{year_id}"

    def cut(self, year_id: str) -> str:
        return f"{self.prefix}cut:{year_id}"

    def marker(self, request: str, chunk: int) -> str:
        return f"{self.prefix}idem:{request}:{chunk}"

    def merged(self, token: str) -> str:
        """A sketch that was put together of many to be counted."""
        return f"{self.prefix}merged:{token}"


@dataclass(frozen=True, slots=True)
class ActivityKeys:
    """The keys of the activity of a game's players."""

    game: str

    @property
    def prefix(self) -> str:
        return f"act:{{{self.game}}}:"

    @property
    def players(self) -> str:
        return self.prefix + "players"

    @property
    def next(self) -> str:
        return self.prefix + "next"

    @property
    def days(self) -> str:
        return self.prefix + "days"

    @property
    def lost(self) -> str:
        return self.prefix + "lost"

    @property
    def active(self) -> str:
        """What the keys of active players begin with; then comes `part`."""
        return self.prefix + "a:"

    @property
    def cohorts(self) -> str:
        """What the keys of new players begin with; then comes `part`."""
        return self.prefix + "n:"

    @staticmethod
    def part(day_id: str, segment: int) -> str:
        """A segment of a day."""
        return f"{day_id}:{segment}"


@dataclass(frozen=True, slots=True)
class FunnelKeys:
    """The keys of the times of one event name."""

    game: str
    name: str

    @property
    def prefix(self) -> str:
        return f"fn:{{{self.game}:{self.name}}}:"

    @property
    def days(self) -> str:
        return self.prefix + "days"

    def shard(self, day_id: str, number: int) -> str:
        return f"{self.prefix}{day_id}:{number}"


def plan(request: str) -> str:
    """Where the plan and the answer of an idempotent request are kept."""
    return f"idem:{{{request}}}"


def auth(key_hash: str) -> str:
    """Where what an API key may do is cached."""
    return f"auth:{{{key_hash}}}"


def job(name: str) -> str:
    """Where the run that holds a job of the scheduler keeps its token."""
    return f"job:{{{name}}}"


STAT_GAMES = "stats:games"


def stat_names(game: str) -> str:
    """Where the names of a game's stats are."""
    return f"stats:{{{game}}}:names"


def calendar(game: str) -> str:
    """Where the calendar is that a game's events are recorded by."""
    return f"stats:{{{game}}}:calendar"


def calendar_lock(game: str) -> str:
    """The lock of whoever binds a game's calendar or changes its settings."""
    return f"stats:{{{game}}}:calendar:lock"


def counters(game: str) -> str:
    """Where a game's counters are."""
    return f"ct:{{{game}}}"


def counter_marker(game: str, request: str, chunk: int) -> str:
    """Where the result of a part of an idempotent request for counters is kept."""
    return f"ct:{{{game}}}:idem:{request}:{chunk}"


def funnel_names(game: str) -> str:
    """Where the names are whose times are or were kept for a game's funnels."""
    return f"fn:{{{game}}}:names"


def funnel_counts(game: str, funnel: str) -> str:
    """Where the counts of a funnel's days are kept."""
    return f"fn:{{{game}}}:{funnel}:counts"


def funnel_lock(game: str) -> str:
    """The lock of whoever changes a game's funnels."""
    return f"fn:{{{game}}}:lock"


def funnel_rev(game: str) -> str:
    """The revision of a game's funnels."""
    return f"fn:{{{game}}}:rev"
