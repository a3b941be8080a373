"""Wires everything together; the only place that knows all of it, and the only one below the edge with a clock."""

import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from leaderboard.accounts.accounts import Accounts
from leaderboard.accounts.failures import Failures
from leaderboard.accounts.links import Links
from leaderboard.accounts.sessions import Sessions
from leaderboard.archive.captures import BoardCaptures
from leaderboard.archive.copies import Copies
from leaderboard.archive.database import Database
from leaderboard.archive.standings import ArchivedStandings
from leaderboard.boards.captures import Capturing
from leaderboard.boards.changes import Changes
from leaderboard.boards.cold import Cold
from leaderboard.boards.history import History
from leaderboard.boards.housekeeping import Housekeeping
from leaderboard.boards.periods import Calendar
from leaderboard.boards.rankings import Rankings
from leaderboard.boards.registry import Registry
from leaderboard.boards.removal import Removal
from leaderboard.boards.restoring import Restoring
from leaderboard.boards.revival import Revival
from leaderboard.boards.rolling import Rolling
from leaderboard.boards.sealing import Sealing
from leaderboard.boards.snapshots import Snapshots
from leaderboard.boards.submissions import Submissions
from leaderboard.boards.together import Together
from leaderboard.config import Settings
from leaderboard.games.access import Access
from leaderboard.games.limits import GameLimits
from leaderboard.games.settings import Games
from leaderboard.limits.keeper import Keeper, player_submissions
from leaderboard.live.following import Live
from leaderboard.live.topics import Sources
from leaderboard.stats.activity.reading import Activity
from leaderboard.stats.counters import Counters
from leaderboard.stats.funnels.reading import Funnels
from leaderboard.stats.lifetimes import Lifetimes
from leaderboard.stats.names import StatNames
from leaderboard.stats.reading import StatReader
from leaderboard.stats.recording import Recorder
from leaderboard.stats.rollup import Rollup
from leaderboard.store.cache import Cache
from leaderboard.store.connection import Store
from leaderboard.store.embedded import running_url
from leaderboard.store.idempotency import Plans

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class _OfGames:
    """Who may call, and how often."""

    access: Access
    games: Games[Calendar]
    limits: GameLimits
    keeper: Keeper


@dataclass(frozen=True, kw_only=True)
class _OfBoards:
    """Scores come in, are read, and go into the archive."""

    registry: Registry
    submissions: Submissions
    together: Together
    rankings: Rankings
    cold: Cold
    windows: Rolling
    history: History
    changes: Changes
    captures: Capturing
    removal: Removal
    revival: Revival
    sealing: Sealing
    snapshots: Snapshots
    restoring: Restoring
    housekeeping: Housekeeping


@dataclass(frozen=True, kw_only=True)
class _OfStats:
    """Events, counters, activity and funnels."""

    recorder: Recorder
    rollup: Rollup
    stats: StatReader
    stat_names: StatNames
    counters: Counters
    activity: Activity
    funnels: Funnels


@dataclass(frozen=True, kw_only=True)
class _OfDashboard:
    """Who signs in."""

    accounts: Accounts
    sessions: Sessions
    links: Links
    failures: Failures


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What there was of a player: board -> from how many periods they were removed, and whether there was more."""

    boards: Mapping[str, int]
    was_active: bool
    had_times: bool

    def __bool__(self) -> bool:
        return bool(self.boards) or self.was_active or self.had_times


@dataclass(frozen=True, kw_only=True)
class Services(_OfGames, _OfBoards, _OfStats, _OfDashboard):
    """All that a request or a command works with."""

    settings: Settings
    clock: Clock
    store: Store
    database: Database
    cache: Cache
    plans: Plans
    live: Live

    def calendar_of(self, game: str) -> Calendar:
        """By which days and weeks a game counts its stats. Raises Unavailable."""
        return self.games.calendar_of(game)

    def forget_player(self, game: str, player: str) -> Forgotten:
        """Removes all that goes by a player's id; what was counted stays counted. To be called again if it raises.

        Raises StoreUnavailable, DatabaseUnavailable.
        """
        boards = self.removal.forget_everywhere(game, player)
        forgotten = Forgotten(boards, self.activity.forget(game, player), self.funnels.forget(game, player))
        rule = self.limits.of(game).player_submissions
        if rule is not None:
            self.keeper.forget(player_submissions(game, player, rule))
        return forgotten

    def close(self) -> None:
        """Gives back every connection."""
        self.live.close()
        self.store.close()
        self.database.close()


def build(settings: Settings, *, clock: Clock = system_clock, store: Store | None = None) -> Services:
    """Connects to the two stores. Raises ConfigError, DatabaseUnavailable; the hot store may still be away."""
    if store is None:
        url = settings.redis_url or running_url(settings.data_dir, wait_seconds=5) or ""
        store = Store.connect(settings, url)
    database = Database.connect(settings)
    boards = _of_boards(settings, store, database)
    groups = (
        _of_games(settings, clock, store, database),
        boards,
        _of_stats(settings, store, database),
        _of_dashboard(settings, store, database),
    )
    together = {name: one for group in groups for name, one in vars(group).items()}
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        database=database,
        cache=Cache(store, settings.read_staleness_ms),
        plans=Plans(store, settings.idempotency_hours * 3_600_000),
        live=Live(Sources(store, boards.registry, clock)),
        **together,
    )


def _of_games(settings: Settings, clock: Clock, store: Store, database: Database) -> _OfGames:
    return _OfGames(
        access=Access(store, database, settings.key_cache_seconds),
        games=Games(store, database, Calendar, settings.key_cache_seconds),
        limits=GameLimits(database, settings),
        keeper=Keeper(
            store,
            _workers(settings),
            lambda: int(clock().timestamp() * 1000),
            is_cluster="+cluster:" in (settings.redis_url or ""),
        ),
    )


def _of_boards(settings: Settings, store: Store, database: Database) -> _OfBoards:
    archive, copies, captures = ArchivedStandings(database), Copies(database), BoardCaptures(database)
    registry = Registry(store, database, copies, archive)
    revival = Revival(store, archive)
    windows = Rolling(store, registry, revival)
    submissions = Submissions(store, registry, revival)
    cold = Cold(archive)
    rankings = Rankings(store, cold, windows)
    return _OfBoards(
        registry=registry,
        submissions=submissions,
        together=Together(store, submissions),
        rankings=rankings,
        cold=cold,
        windows=windows,
        history=History(store, archive),
        changes=Changes(rankings, captures),
        captures=Capturing(store, registry, captures),
        removal=Removal(store, registry, archive, captures),
        revival=revival,
        sealing=Sealing(store, registry, database),
        snapshots=Snapshots(store, registry, archive, settings.resolved_snapshot_dir, settings.snapshot_keep),
        restoring=Restoring(store, registry, database, archive, revival),
        housekeeping=Housekeeping(registry, database, copies, settings.archive_kept),
    )


def _of_stats(settings: Settings, store: Store, database: Database) -> _OfStats:
    lifetimes = Lifetimes(settings.stats_hours_kept)
    activity = Activity(store, settings.activity_days_kept)
    funnels = Funnels(store, database, settings.key_cache_seconds)
    return _OfStats(
        recorder=Recorder(store, lifetimes, [activity], declared=funnels),
        rollup=Rollup(store, lifetimes),
        stats=StatReader(store, lifetimes),
        stat_names=StatNames(store),
        counters=Counters(store),
        activity=activity,
        funnels=funnels,
    )


def _of_dashboard(settings: Settings, store: Store, database: Database) -> _OfDashboard:
    accounts = Accounts(database, settings.key_cache_seconds)
    return _OfDashboard(
        accounts=accounts,
        sessions=Sessions(store, settings.session_hours),
        links=Links(store, accounts),
        failures=Failures(store),
    )


def _workers(settings: Settings) -> int:
    """Web processes of this machine."""
    return 1 if settings.in_memory else settings.workers or multiprocessing.cpu_count()
