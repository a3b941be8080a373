"""The limits of games: the operator's defaults for all, and what was set for one, which the database keeps.

Each process keeps a copy for `cache_seconds`. While the database is away it goes on with the last one, or with the
defaults: a limit is no reason to refuse everybody, nor to wait for a database that does not answer.
"""

import threading
import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa
import structlog

from leaderboard import jsontext
from leaderboard.archive.database import Database
from leaderboard.archive.tables import games
from leaderboard.config import PREFIX, Settings
from leaderboard.errors import ConfigError, DatabaseUnavailable, InvalidInput, LeaderboardError, NotFound
from leaderboard.limits.rules import KINDS, NO_LIMIT, LimitRules, rules_of

_MOST_CACHED = 50_000
_MOST_TRIES = 5
_AWAY_SECONDS = 5.0  # after which a database that was away is asked again
_log = structlog.get_logger(__name__)


class GameLimits:
    """The limits of all games."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ConfigError for a default that is no limit."""
        self._database = database
        self._defaults = {name: getattr(settings, f"limit_{name}") for name in KINDS}
        try:
            self._default_rules = rules_of(self._defaults)
        except ValueError as error:
            raise ConfigError(f"{PREFIX}LIMIT_... are not acceptable: {error}") from error
        self._cache_seconds = settings.key_cache_seconds
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, LimitRules]] = {}
        self._is_away = False  # the database, as far as is known
        self._guard = threading.Lock()

    def known(self, game: str) -> LimitRules | None:
        """What is in effect, as far as this process knows without asking anybody; None where it would have to."""
        until, rules = self._cached.get(game, (0.0, None))
        return rules if self._monotonic() < until else None

    def of(self, game: str) -> LimitRules:
        """What is in effect, at most `cache_seconds` ago; while the database is away, what was."""
        rules = self.known(game)
        if rules is not None:
            return rules
        kept = self._cached.get(game)
        last = self._default_rules if kept is None else kept[1]
        if kept is not None or self._is_away:  # one asks, and the others do not wait for that
            self._keep(game, last, _AWAY_SECONDS if self._is_away else self._cache_seconds)
        try:
            rules, self._is_away = self.show(game), False
        except DatabaseUnavailable:
            rules, self._is_away = last, True
        return self._keep(game, rules, _AWAY_SECONDS if self._is_away else self._cache_seconds)

    def show(self, game: str) -> LimitRules:
        """What is in effect now. Raises DatabaseUnavailable."""
        return self._rules(game, self._own(game, self._text(game)))

    def own(self, game: str) -> dict[str, str]:
        """What was set for the game itself, as it is written. Raises DatabaseUnavailable."""
        return self._own(game, self._text(game))

    def change(self, game: str, changes: Mapping[str, str | None]) -> LimitRules:
        """Sets the limits that are named; None goes back to the default. Raises InvalidInput, NotFound, Unavailable."""
        for _ in range(_MOST_TRIES):
            old = self._text(game)
            if old is None:
                raise NotFound(f"There is no game {game!r}.", code="unknown_game")
            wanted = {**self._own(game, old), **changes}
            own = {name: " ".join(text.lower().split()) for name, text in wanted.items() if text is not None}
            _check(own)
            if self._swap(game, old, jsontext.dumps(own).decode()):
                with self._guard:
                    self._cached.pop(game, None)
                return self._rules(game, own)
        raise DatabaseUnavailable("Somebody else keeps changing the limits; try again.")

    def _keep(self, game: str, rules: LimitRules, seconds: float) -> LimitRules:
        with self._guard:
            if len(self._cached) >= _MOST_CACHED:
                self._cached.clear()
            self._cached[game] = (self._monotonic() + seconds, rules)
        return rules

    def _rules(self, game: str, own: Mapping[str, str]) -> LimitRules:
        try:
            return rules_of({**self._defaults, **own})
        except ValueError:
            _log.warning("limits cannot be read, taking the defaults", game=game, limits=own)
            return self._default_rules

    def _own(self, game: str, text: str | None) -> dict[str, str]:
        """What the database has; a later version may have limits that this one does not know."""
        try:
            found = jsontext.loads(text or "{}")
            return {name: str(found[name]) for name in KINDS if name in found}
        except (LeaderboardError, TypeError):
            _log.warning("limits cannot be read, taking the defaults", game=game, limits=text)
            return {}

    def _text(self, game: str) -> str | None:
        with self._database.begin() as connection:
            return connection.execute(sa.select(games.c.limits).where(games.c.name == game)).scalar()

    def _swap(self, game: str, old: str, new: str) -> bool:
        """Writes the limits, if they are still the old ones."""
        where = (games.c.name == game, games.c.limits == old)
        with self._database.begin() as connection:
            return connection.execute(sa.update(games).where(*where).values(limits=new)).rowcount == 1


def _check(own: Mapping[str, str]) -> None:
    """Raises InvalidInput for what is no limit."""
    wrong = {}
    for name, text in own.items():
        if not text:  # most likely a variable that is not set: not to be taken for "none"
            wrong[name] = [f"Write {NO_LIMIT!r} for no limit."]
        try:
            rules_of({name: text})
        except ValueError as error:
            wrong[name] = [str(error).removeprefix(f"{name}: ")]
    if wrong:
        raise InvalidInput("The limits are not acceptable.", fields=wrong)
