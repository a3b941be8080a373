"""Every key of counters, events and analytics, spelled here and nowhere else; those of boards are in `keys.py`.

    key                                 type        lifetime  meaning
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
    fn:{game:name}:<token>:<day id>:<shard>
                                        hash        times     player -> when they had events of that name on that day,
                                                             as one making of a funnel knows it, for the players of
                                                             that shard (`funnels/times.py`)
    fn:{game:name}:<token>:days         hash        500 days  id of a day with times -> until when they are kept (Unix
                                                             seconds), how often some were added and removed, 1 if
                                                             some came when they were gone
    fn:{game}:makings                   set         500 days  "<token>:<name>" of all these
    fn:unused                           sorted set  for ever  "<game> <token>:<name>" -> since when no funnel has it,
                                                             Unix seconds: what the scheduler is to remove
    fn:{game}:<funnel>:counts           hash        400 days  day id -> counts of a day whose window is over
    fn:{game}:rev                       string      game      counts changes of the funnels; every process notices
    fn:{game}:lock                      string      10 s      token of whoever changes the funnels

All keys of one stat share the hash tag in braces, so that a script over them is legal in a Cluster. Figures of a stat
live until the end of their hour and retention, or 20 years; what is pending, and its sketches, 20 years too, unless
it is rolled up; sketches 400 days (days), 3, 5 and 20 years; each from the end of the period, or from its last write
where that is later (`stats/lifetimes.py`). `open` is gone when nothing is pending. The activity of a day lives until
its end or its last write, whichever is later, plus the days it is kept for, plus one to two days; all of a day goes
at once. All keys of a game's activity share its tag. The times of a day live for 65 days after its end, or for 35
after the first of them came where that is later, plus two days; all of a day go at once. `days`, `makings` and
`counts` live on from their last write; the scheduler renews the first two while the funnel has the token.
"""

from dataclasses import dataclass


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
    """The keys of the times of one event name, as one making of a funnel knows them."""

    game: str
    name: str
    token: str

    @property
    def prefix(self) -> str:
        return f"fn:{{{self.game}:{self.name}}}:{self.token}:"

    @property
    def days(self) -> str:
        return self.prefix + "days"

    def shard(self, day_id: str, number: int) -> str:
        return f"{self.prefix}{day_id}:{number}"

    @property
    def making(self) -> str:
        """What it is called among those of its game."""
        return f"{self.token}:{self.name}"

    @classmethod
    def of(cls, game: str, making: str) -> "FunnelKeys":
        """The one that is called so."""
        token, _, name = making.partition(":")
        return cls(game, name, token)


STAT_GAMES = "stats:games"
FUNNELS_UNUSED = "fn:unused"


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


def funnel_makings(game: str) -> str:
    """Where it says which names and makings of a game's funnels have or had times."""
    return f"fn:{{{game}}}:makings"


def funnel_counts(game: str, funnel: str) -> str:
    """Where the counts of a funnel's days are kept."""
    return f"fn:{{{game}}}:{funnel}:counts"


def funnel_lock(game: str) -> str:
    """The lock of whoever changes a game's funnels."""
    return f"fn:{{{game}}}:lock"


def funnel_rev(game: str) -> str:
    """The revision of a game's funnels."""
    return f"fn:{{{game}}}:rev"
